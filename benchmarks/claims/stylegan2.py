"""8×8 digits. Truncation: precision and recall with ψ = 0.5, beside those with ψ = 1. Path length:
its mean and its relative deviation after training, beside those of the same training without the
regulariser.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from arrays import arrays

import ganzoo
from ganzoo import evaluation
from ganzoo.core.gan import GAN
from ganzoo.core.update import Update
from ganzoo.foundation.randomness import Noise
from ganzoo.losses import regularisers


def claim(seed: int, steps: int = 1500) -> Iterator[dict[str, object]]:
    x, y = arrays("digits")
    gan, plain = (
        ganzoo.get("stylegan2", seed=seed, width=32, regularisers=chosen)
        for chosen in ({"path_length": 2.0}, {})
    )
    for each in (gan, plain):
        each.fit(x, batch_size=32, steps_per_epoch=steps, verbose=0)
    features = evaluation.Judge.of(gan.spec, x, y).features
    half, whole = (
        evaluation.precision_recall_density_coverage(
            features(x), features(gan.sample(len(x), seed=seed, truncation=truncation))
        )
        for truncation in (0.5, 1.0)
    )
    lengths, longer = (path_lengths(each, x) for each in (gan, plain))
    for measure, value, bar, beside, value_beside in (
        (
            "precision, truncation 0.5", half["precision"], "> beside",
            "truncation 1", whole["precision"],
        ),
        ("recall, truncation 0.5", half["recall"], "< beside", "truncation 1", whole["recall"]),
        ("mean path length", lengths.mean(), "< beside", "no regulariser", longer.mean()),
        (
            "deviation of path lengths, divided by the mean",
            lengths.std() / lengths.mean(), "< beside",
            "no regulariser", longer.std() / longer.mean(),
        ),
    ):  # fmt: skip
        yield {
            "measure": measure,
            "value": float(value),
            "bar": bar,
            "beside": beside,
            "value_beside": float(value_beside),
            "steps": steps,
        }


def path_lengths(gan: GAN, x: np.ndarray) -> np.ndarray:
    """‖Jᵀy‖ for 1,000 latents."""
    update = Update(gan, {"image": x[:1000].repeat(2, axis=0)}, Noise(0))
    return regularisers.PathLength().lengths(update).numpy()
