"""Mends: the keyword to try against each failure.

results/diagnosis.csv has how trainings went with them, by `benchmarks/diagnosis.py`.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN


R1 = 'penalties={"r1": 1.0}'


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
    """The loss that doesn't saturate; where that would be another game, a smoother D."""
    if "objective" in facts.chosen and facts.chosen["objective"] != "non_saturating":
        return 'objective="non_saturating"'
    return R1


def of_mode_collapse(facts: Facts) -> str:
    """The usual rates or momentum, if G's rate is above D's or the momentum higher; or this
    library's networks; or R1."""
    (g, usual_g), (d, usual_d) = (_rates(facts, p) for p in ("generator", "discriminator"))
    if g and d and usual_g and usual_d and g / d > 2 * usual_g / usual_d:
        return f"generator_learning_rate={usual_g:g}, discriminator_learning_rate={usual_d:g}"
    if momentum := _usual_momentum(facts):
        return momentum
    if facts.chosen.get("architecture") == "own":
        return 'architecture="auto"'
    return R1


def of_a_won_game(facts: Facts) -> str:
    """The usual momentum or rates, if a higher momentum or a far higher rate of D explains it.
    Otherwise nothing, because a generator that is just slower catches up, and R1 or a lower rate of
    D can make its samples alike."""
    (g, usual_g), (d, usual_d) = (_rates(facts, p) for p in ("generator", "discriminator"))
    if g and d and usual_g and usual_d and d / g > 4 * usual_d / usual_g:
        return f"generator_learning_rate={usual_g:g}, discriminator_learning_rate={usual_d:g}"
    return _usual_momentum(facts)


def of_oscillation(facts: Facts) -> str:
    """The usual rates and momentum, where one is higher, and R1, with which a GAN converges."""
    told = of_convergence_failure(facts)
    return told if told == R1 else f"{told}, {R1}"


def _usual_momentum(facts: Facts) -> str:
    momentum, usual = facts.chosen.get("beta_1"), facts.usual.get("beta_1")
    if isinstance(momentum, float) and isinstance(usual, float) and momentum > usual:
        return f"beta_1={usual:g}"
    return ""


def of_convergence_failure(facts: Facts) -> str:
    """The usual rates and momentum, where one is higher; or else R1."""
    told = []
    for player in ("generator", "discriminator"):
        rate, usual = _rates(facts, player)
        if rate and usual and rate > usual:
            told.append(f"{player}_learning_rate={usual:g}")
    if momentum := _usual_momentum(facts):
        told.append(momentum)
    return ", ".join(told) or R1


def _rates(facts: Facts, player: str) -> tuple[float | None, float | None]:
    """The chosen and the usual rate of a player, each None if it is a schedule."""
    key = f"{player}_learning_rate"
    chosen, usual = facts.chosen.get(key), facts.usual.get(key)
    return (
        chosen if isinstance(chosen, float) else None,
        usual if isinstance(usual, float) else None,
    )


def of_overfitting(facts: Facts) -> str:
    """Augmentation of what D sees, where there are images. Nothing for other data,
    where R1 doesn't keep D from knowing the training samples."""
    return 'augment="diffaugment"' if facts.is_image is not False else ""


def read(mend: str) -> dict[str, Any]:
    """The keywords of a mend, such as `penalties={"r1": 1.0}`, by name."""
    call = ast.parse(f"f({mend})", mode="eval").body
    assert isinstance(call, ast.Call)
    return {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
