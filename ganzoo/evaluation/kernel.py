"""Kernel Inception Distance: the squared maximum mean discrepancy of features."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.metrics.pairwise import polynomial_kernel

from ganzoo.evaluation.measured import Measured, same_width, vectors, within

ROWS = 1024  # of the kernel matrix in memory at once


def kid(real: npt.ArrayLike, fake: npt.ArrayLike) -> Measured:
    """KID of features real [M, width] and fake [N, width]; its expectation is 0 if both sets come
    from the same distribution.

    Bińkowski et al. 2018, arXiv:1801.01401, section 4: the unbiased estimate of the squared MMD
    (Gretton et al. 2012, eq. 3) with the kernel k(x, y) = (xᵀy / width + 1)³. It can be negative.

        E k(x, x′) + E k(y, y′) − 2 E k(x, y),  x ≠ x′, y ≠ y′

    The paper averages over random subsets; this function uses all samples at once, which has the
    same expectation and a smaller variance. The interval is the jackknife's standard error over
    both sets, computed exactly from the row sums of the kernel matrix.

    Raises:
        TooFew: fewer than 32 real or 32 generated samples.
        ValueError: features are not [N, width] of one width, or hold NaN or Inf.
    """
    real, fake = vectors(real, "real samples", 32), vectors(fake, "generated samples", 32)
    same_width(real, fake)
    m, n = len(real), len(fake)
    within_real, within_fake = _row_sums(real, real), _row_sums(fake, fake)
    across_real, across_fake = _row_sums(real, fake), _row_sums(fake, real)
    within_real -= _diagonal(real)
    within_fake -= _diagonal(fake)
    real_term = within_real.sum() / (m * (m - 1))
    fake_term = within_fake.sum() / (n * (n - 1))
    across = across_real.sum() / (m * n)
    without_real = (
        (within_real.sum() - 2 * within_real) / ((m - 1) * (m - 2))
        + fake_term
        - 2 * (across_real.sum() - across_real) / ((m - 1) * n)
    )
    without_fake = (
        (within_fake.sum() - 2 * within_fake) / ((n - 1) * (n - 2))
        + real_term
        - 2 * (across_fake.sum() - across_fake) / (m * (n - 1))
    )
    variance = (m - 1) * without_real.var() + (n - 1) * without_fake.var()
    return within(real_term + fake_term - 2 * across, np.sqrt(variance), n, "jackknife")


def _row_sums(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    chunks = (x[start : start + ROWS] for start in range(0, len(x), ROWS))
    return np.concatenate([polynomial_kernel(chunk, y, degree=3).sum(1) for chunk in chunks])


def _diagonal(x: np.ndarray) -> np.ndarray:
    return ((x**2).sum(1) / x.shape[1] + 1) ** 3
