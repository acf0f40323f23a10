"""Modes of a mixture that a GAN finds."""

from __future__ import annotations

from ganzoo import evaluation
from ganzoo.core.gan import GAN
from ganzoo.data.toys import Mixture


def found(gan: GAN, truth: Mixture, steps: int, batch_size: int = 128) -> dict[str, float]:
    """The numbers of `ganzoo.evaluation.mode_coverage` after training."""
    x, _ = truth.sample(50_000, seed=0)
    gan.fit(x, batch_size=batch_size, steps_per_epoch=steps, verbose=0)
    measured = evaluation.mode_coverage(gan.sample(2500, seed=0), truth.means, truth.sigma)
    return {name: float(value) for name, value in measured.items()}
