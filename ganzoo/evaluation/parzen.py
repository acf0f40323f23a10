"""Parzen-window log-likelihood, measured as in Goodfellow et al. 2014."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import pairwise_distances_chunked

from ganzoo.evaluation.measured import Measured, mean, same_width, vectors

SIGMAS = np.logspace(-1, 0, 10)


def parzen_log_likelihood(
    samples: npt.ArrayLike,
    validation: npt.ArrayLike,
    test: npt.ArrayLike,
    sigmas: npt.ArrayLike = SIGMAS,
) -> Measured:
    """Mean log-likelihood in nats of test rows under Gaussian windows on samples, ± std/√N.

    Goodfellow et al. 2014, arXiv:1406.2661, section 5, after Breuleux et al. 2011: σ is the
    one of `sigmas` with the highest likelihood of the validation rows; the note gives it.

        log p(x) = log mean_i N(x; sample_i, σ² I)

    The measure favours blurred samples and copies: k-means centroids of the training data score
    higher than real samples (Theis et al. 2016, arXiv:1511.01844, section 3.2). Report both scores
    with it.

    Args:
        samples: [N, features]. The papers use 10,000 samples with pixels in [0, 1].
        validation, test: disjoint sets of real samples, [M, features].

    Warns:
        UserWarning: the best σ is the smallest or the largest, so a better one may lie outside.

    Raises:
        TooFew: one of the three has fewer than 32 rows.
        ValueError: they are not [N, features] of one width, or hold NaN or Inf.
    """
    sigmas = np.sort(np.asarray(sigmas, np.float64))
    likes = [scores.mean() for scores in log_densities(samples, validation, sigmas)]
    best = int(np.argmax(likes))
    note = f"σ={sigmas[best]:.3g}"
    if len(sigmas) > 1 and best in (0, len(sigmas) - 1):
        note += ", at the end of its grid"
        warnings.warn(
            f"the best of {len(sigmas)} widths is σ={sigmas[best]:.3g}, an end of the grid from "
            f"{sigmas[0]:.3g} to {sigmas[-1]:.3g}: pass sigmas= that reach further.",
            stacklevel=2,
        )
    return mean(log_densities(samples, test, sigmas[best : best + 1])[0], note)


def log_densities(samples: npt.ArrayLike, x: npt.ArrayLike, sigmas: npt.ArrayLike) -> np.ndarray:
    """log p(x) in nats for Gaussian windows on the samples, float64 [len(sigmas), len(x)].

    scikit-learn's KernelDensity gives the same for one σ; this function computes the distances
    only once for all of them.
    """
    samples, x = vectors(samples, "samples", 32), vectors(x, "rows", 32)
    same_width(samples, x)
    widths = np.asarray(sigmas, np.float64)
    count, width = samples.shape
    chunks = []
    for distances in pairwise_distances_chunked(x, samples):
        chunks.append([logsumexp(-(distances**2) / (2 * s * s), axis=1) for s in widths])
    sums = np.concatenate(chunks, axis=1)
    variances = widths[:, None] ** 2
    return sums - np.log(count) - width / 2 * np.log(2 * np.pi * variances)


def centroids(x: npt.ArrayLike, count: int, seed: int = 0) -> np.ndarray:
    """`count` k-means centroids of x [N, features], which score high as Parzen windows."""
    x = vectors(x, "samples", count)
    # k-means++ would take most of the evaluation's time for so many centroids
    kmeans = MiniBatchKMeans(count, init="random", n_init=1, random_state=seed)
    return kmeans.fit(x).cluster_centers_
