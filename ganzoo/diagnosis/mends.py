"""Mends: the keyword that `benchmarks/diagnosis.py` showed to work against each failure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

SATURATING = ("minimax", "total_variation", "jensen_shannon", "squared_hellinger")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of a GAN.

    Attributes:
        chosen: its hyper-parameters by name.
        usual: those of its registry name.
        is_image: whether its samples are images; None if that isn't known.
    """

    chosen: Mapping[str, Any]
    usual: Mapping[str, Any]
    is_image: bool | None = None


def facts_of(gan: GAN) -> Facts:
    declared = gan.hyperparameters()
    return Facts(
        {key: getattr(gan, key) for key in declared},
        {key: one.default for key, one in declared.items()},
        gan.spec.is_image,
    )


def facts_of_config(config: Mapping[str, Any]) -> Facts:
    """The facts of a run, from its config.json."""
    from ganzoo.foundation import registry

    declared = registry.find(config["gan"]).hyperparameters()
    usual = {key: one.default for key, one in declared.items()}
    return Facts(usual | dict(config.get("hyperparameters", {})), usual)


def of_vanishing_gradients(facts: Facts) -> str:
    """The loss that doesn't saturate, or else a discriminator with a bounded slope."""
    if facts.chosen.get("objective") in SATURATING or not isinstance(
        facts.chosen.get("objective"), str
    ):
        return 'objective="non_saturating"'
    return 'penalties={"r1": 0.1}'


def of_mode_collapse(facts: Facts) -> str:
    """Networks that use the latents; rates of which G's isn't far above D's; or a penalty."""
    rates = [facts.chosen.get(f"{p}_learning_rate") for p in ("generator", "discriminator")]
    if all(isinstance(rate, float) for rate in rates) and rates[0] > 4 * rates[1]:
        return f"generator_learning_rate={rates[1]:g}"
    if facts.chosen.get("architecture") == "own":
        return 'architecture="auto"'
    return 'penalties={"r1": 0.1}'


def of_convergence_failure(facts: Facts) -> str:
    """The usual rates, or else a tenth of those that were chosen."""
    told = []
    for player in ("generator", "discriminator"):
        key = f"{player}_learning_rate"
        rate, usual = facts.chosen.get(key), facts.usual.get(key)
        if isinstance(rate, float) and isinstance(usual, float):
            told.append(f"{key}={usual if rate > usual else rate / 10:g}")
    return ", ".join(told) or 'penalties={"r1": 0.1}'


def of_overfitting(facts: Facts) -> str:
    """Augmentation of what D sees, where there are images; else a penalty."""
    images = facts.is_image is not False
    return 'augment="diffaugment"' if images else 'penalties={"r1": 1.0}'


MENDS = {
    "vanishing_gradients": of_vanishing_gradients,
    "mode_collapse": of_mode_collapse,
    "convergence_failure": of_convergence_failure,
    "overfitting": of_overfitting,
}
