"""Distances between one-dimensional distributions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from ganzoo.evaluation.measured import Measured, bootstrapped, vectors


def wasserstein_1(real: npt.ArrayLike, fake: npt.ArrayLike, seed: int = 0) -> Measured:
    """∫ |F(t) − G(t)| dt of the distribution functions of real [M] and fake [N], in their units.

    If M = N, this is the mean of |sorted real − sorted fake|. Vallender 1974; Arjovsky et al.
    2017, arXiv:1701.07875, eq. 1, minimise this distance.

    Raises:
        TooFew: fewer than 32 real or generated samples.
        ValueError: the samples have more than one feature, or hold NaN or Inf.
    """
    real, fake = _line(real, "real samples"), _line(fake, "generated samples")
    return bootstrapped(lambda rows: wasserstein_distance(real, fake[rows]), len(fake), seed)


def histogram_jsd(
    real: npt.ArrayLike, fake: npt.ArrayLike, bins: int = 64, seed: int = 0
) -> Measured:
    """Jensen-Shannon divergence in nats, 0 … log 2, of the histograms of real [M] and fake [N].

    It is ½ KL(p ‖ m) + ½ KL(q ‖ m) with m = ½ (p + q), which the minimax game of Goodfellow et al.
    2014, arXiv:1406.2661, eq. 6, minimises. `bins` bins of equal width span the real samples; two
    more bins hold the fakes outside.

    Raises:
        TooFew: fewer than 32 real or generated samples.
        ValueError: the samples have more than one feature, or hold NaN or Inf.
    """
    real, fake = _line(real, "real samples"), _line(fake, "generated samples")
    # digitize excludes the right edge, and the largest real sample belongs to the last bin
    edges = np.linspace(real.min(), np.nextafter(real.max(), np.inf), bins + 1)
    of_real, of_fake = np.digitize(real, edges), np.digitize(fake, edges)
    p = np.bincount(of_real, minlength=bins + 2)

    def divergence(rows: np.ndarray) -> float:
        q = np.bincount(of_fake[rows], minlength=bins + 2)
        return jensenshannon(p, q) ** 2

    return bootstrapped(divergence, len(fake), seed, most=np.log(2), note=f"{bins} bins")


def _line(x: npt.ArrayLike, what: str) -> np.ndarray:
    x = np.asarray(x, np.float64)
    if x.ndim > 1 and x.size != len(x):
        raise ValueError(f"{what} have shape {x.shape}: pass one feature, such as x[:, 0].")
    return vectors(x.reshape(-1, 1), what, 32)[:, 0]
