"""Parzen-window log-likelihood, by the protocol of 2014."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.special import logsumexp
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import pairwise_distances_chunked

from ganzoo.evaluation.measured import Measured, mean, same_width, vectors

SIGMAS = np.logspace(-1, 0, 10)


def parzen_log_likelihood(samples, validation, test, sigmas=SIGMAS) -> Measured:
    """Mean log-likelihood in nats of test rows under Gaussian windows on samples, ± std/√N.

    Goodfellow et al. 2014, arXiv:1406.2661, section 5, after Breuleux et al. 2011: σ is the one
    of `sigmas` that validation rows like best; the note has it.

        log p(x) = log mean_i N(x; sample_i, σ² I)

    It favours blur and copies: k-means centroids of the training data outscore real samples
    (Theis et al. 2016, arXiv:1511.01844, section 3.2). Put the scores of both beside it.

    Args:
        samples: [N, features]; the papers take 10,000. Pixels in [0, 1] for the papers' scale.
        validation, test: [M, features], real and disjoint.

    Warns:
        UserWarning: the best σ is at an end of the grid, so a better one may lie beyond.

    Raises:
        TooFew: fewer than 32 rows of any.
        ValueError: not (N, features), not of one width, or not finite.
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


def log_densities(samples, x, sigmas) -> np.ndarray:
    """log p(x) in nats under windows of each σ on the samples: float64 [σs, rows of x].

    scikit-learn's KernelDensity gives the same for one σ; here all share the distances.
    """
    samples, x = vectors(samples, "samples", 32), vectors(x, "rows", 32)
    same_width(samples, x)
    count, width = samples.shape
    chunks = []
    for distances in pairwise_distances_chunked(x, samples):
        chunks.append([logsumexp(-(distances**2) / (2 * s * s), axis=1) for s in sigmas])
    sums = np.concatenate(chunks, axis=1)
    variances = np.asarray(sigmas, np.float64)[:, None] ** 2
    return sums - np.log(count) - width / 2 * np.log(2 * np.pi * variances)


def centroids(x, count: int, seed: int = 0) -> np.ndarray:
    """`count` k-means centroids of x [N, features]: what Parzen windows like better than data."""
    x = vectors(x, "samples", count)
    # so many centres: k-means++ would take most of an evaluation's time to place them
    kmeans = MiniBatchKMeans(count, init="random", n_init=1, random_state=seed)
    return kmeans.fit(x).cluster_centers_
