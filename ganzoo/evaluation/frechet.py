"""Fréchet distance between Gaussians fitted to features."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ganzoo.evaluation.measured import Measured, TooFew, same_width, vectors, within

Gaussian = tuple[np.ndarray, np.ndarray]


def frechet_of_gaussians(
    mean: npt.ArrayLike,
    covariance: npt.ArrayLike,
    other_mean: npt.ArrayLike,
    other_covariance: npt.ArrayLike,
) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½): the squared 2-Wasserstein distance of Gaussians.

    Dowson, Landau 1982, eq. 4; Heusel et al. 2017, arXiv:1706.08500, eq. 6. Means are [features],
    covariances [features, features]; at least 0, in squared units of the features.
    """
    mean, other_mean = np.asarray(mean, np.float64), np.asarray(other_mean, np.float64)
    values, axes = np.linalg.eigh(np.asarray(covariance, np.float64))
    root = axes * np.sqrt(np.maximum(values, 0))
    # Σ₁Σ₂ has the eigenvalues of rootᵀ Σ₂ root, which is symmetric, so they are real
    crossed = np.linalg.eigvalsh(root.T @ np.asarray(other_covariance, np.float64) @ root)
    distance = np.sum((mean - other_mean) ** 2) + np.trace(covariance) + np.trace(other_covariance)
    return max(0.0, float(distance - 2 * np.sqrt(np.maximum(crossed, 0)).sum()))


def frechet_distance(
    real: npt.ArrayLike, fake: npt.ArrayLike, *, splits: int = 20, seed: int = 0
) -> Measured:
    """Fréchet distance of features real [M, width] and fake [N, width].

    Its expectation falls with N. Compare two distances only if they have the same extractor, the
    same resizer and the same N. The interval comes from `splits` random halves of both sets: the
    standard deviation over halves estimates the standard error of the whole.

    Raises:
        TooFew: M or N is not larger than the width, so a covariance would be singular.
        ValueError: features are not [N, width] of one width, or hold NaN or Inf.
    """
    real, fake = _enough(real, "real samples"), _enough(fake, "generated samples")
    same_width(real, fake)
    rng = np.random.default_rng(seed)
    halves = [_distance(_half(real, rng), _half(fake, rng)) for _ in range(splits)]
    return within(_distance(real, fake), np.std(halves, ddof=1), len(fake), "half samples", "", 0.0)


def frechet_ratio(
    reference: npt.ArrayLike,
    real: npt.ArrayLike,
    fake: npt.ArrayLike,
    *,
    splits: int = 20,
    seed: int = 0,
) -> Measured:
    """Fréchet distance to a fixed reference, and its ratio to the distance of real samples.

    `reference` and `real` must be disjoint parts of the data. The value is the mean distance over
    `splits` random halves of `fake`; `Measured.reference` is the mean over halves of `real` of the
    same size, which `Measured.n` gives. A single split is off by 30 to 50% on small data, so the
    mean is taken over many.

    Args:
        reference, real, fake: features [N, width].

    Raises:
        TooFew: the halves do not have more samples than features.
        ValueError: features are not [N, width] of one width, or hold NaN or Inf.
    """
    reference = _enough(reference, "reference samples")
    real, fake = np.asarray(real), np.asarray(fake)
    size = min(len(real), len(fake)) // 2
    real = _enough(real, "real samples", size)
    fake = _enough(fake, "generated samples", size)
    same_width(reference, real)
    same_width(real, fake)
    fitted, rng = _fit(reference), np.random.default_rng(seed)

    def distances(features: np.ndarray) -> list[float]:
        chosen = (rng.permutation(len(features))[:size] for _ in range(splits))
        return [frechet_of_gaussians(*fitted, *_fit(features[rows])) for rows in chosen]

    ours, theirs = distances(fake), distances(real)
    spread, note = np.std(ours, ddof=1), f"{splits} splits"
    measured = within(np.mean(ours), spread, size, "half samples", note, 0.0)
    return measured.with_reference(float(np.mean(theirs)))


def _enough(features: npt.ArrayLike, what: str, size: int | None = None) -> np.ndarray:
    features = vectors(features, what)
    size, width = len(features) if size is None else size, features.shape[1]
    if size <= width:
        each = " in each split" if size < len(features) else ""
        raise TooFew(
            f"{size} {what}{each} of {width} features are too few: a Fréchet distance needs more "
            "samples than features, so pass more samples or reduce the features, for example by "
            "PCA."
        )
    return features


def _fit(features: np.ndarray) -> Gaussian:
    return features.mean(0), np.atleast_2d(np.cov(features, rowvar=False))


def _distance(real: np.ndarray, fake: np.ndarray) -> float:
    return frechet_of_gaussians(*_fit(real), *_fit(fake))


def _half(features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return features[rng.permutation(len(features))[: max(2, len(features) // 2)]]
