"""What nearest neighbours tell: fidelity, diversity, memorisation."""

from __future__ import annotations

import numpy as np
from scipy.stats import sem
from sklearn.metrics import pairwise_distances_chunked

from ganzoo.evaluation.measured import Measured, mean, same_width, share, vectors, within


def precision_recall_density_coverage(real, fake, k: int = 5) -> dict[str, Measured]:
    """Fidelity and diversity of fake [N, width] against real [M, width], by balls that reach from
    each sample to its k-th neighbour of its own kind.

    - precision: share of fakes within a ball of some real. recall: of reals within one of some
      fake. Kynkäänniemi et al. 2019, arXiv:1904.06991, eqs. 1 and 2.
    - density: how many balls of reals a fake lies in, over k; above 1 where fakes crowd.
      coverage: share of reals with a fake in their ball. Naeem et al. 2020, arXiv:2002.09797,
      eqs. 3 and 4.

    Intervals take the balls as given: Wilson's for shares, a standard error for density.

    Raises:
        TooFew: fewer than 10 k of either.
        ValueError: not (N, features), not of one width, or not finite.
    """
    real, fake = vectors(real, "real samples", 10 * k), vectors(fake, "generated samples", 10 * k)
    same_width(real, fake)
    real_radii, fake_radii = _nearest(real, k), _nearest(fake, k)
    balls, recalled, covered, start = np.zeros(len(fake)), [], [], 0
    for distances in pairwise_distances_chunked(real, fake):
        inside = distances < real_radii[start : start + len(distances), None]
        balls += inside.sum(0)
        covered.append(inside.any(1))
        recalled.append((distances < fake_radii).any(1))
        start += len(distances)
    note = f"k={k}"
    return {
        "precision": share(balls > 0, note),
        "recall": share(np.concatenate(recalled), note),
        "density": mean(balls / k, note, least=0),
        "coverage": share(np.concatenate(covered), note),
    }


def memorisation(train, fake, *, quantile: float = 0.01) -> dict[str, Measured]:
    """How near fakes [N, width] come to the training samples [M, width], against how near these
    come to each other.

    - nearer_than_real: P(d(fake, train) < d(real, other train)), ½ where the generator knows the
      distribution, towards 1 where it knows the samples; below ½ for fakes off the data. It is
      the statistic of Meehan et al. 2020, arXiv:2004.05675, section 3, over the whole space.
    - copies: share of fakes that are nearer to a training sample than all but `quantile` of these
      are to another; `quantile` where nothing is copied.

    Take the features that a copy shows in, such as pixels, and all of what was trained on.

    Raises:
        TooFew: fewer than 32 of either.
        ValueError: not (N, features), not of one width, or not finite.
    """
    train, fake = vectors(train, "training samples", 32), vectors(fake, "generated samples", 32)
    same_width(train, fake)
    real = np.sort(_nearest(train, 1))
    distances = np.concatenate([d.min(1) for d in pairwise_distances_chunked(fake, train)])
    # rounding: a distance of a matrix product is 0 to half its digits
    noise = 1e-7 * np.sqrt((train**2).sum(1).max())
    distances[distances < noise] = 0.0
    real[real < noise] = 0.0
    # placements, ties half: DeLong et al. 1988 have the variance of their mean
    of_fakes = 1 - _placed(real, distances)
    of_reals = _placed(np.sort(distances), real)
    error = np.hypot(sem(of_fakes), sem(of_reals))
    return {
        "nearer_than_real": within(
            of_fakes.mean(), error, len(fake), "DeLong", least=0, most=1
        ).beside(0.5, ratio=None),
        "copies": share(
            distances < np.quantile(real, quantile) if np.quantile(real, quantile) > 0
            else distances <= 0,
            f"nearer than {quantile:.0%} of the real",
        ).beside(max(quantile, float(np.mean(real <= 0)))),
    }  # fmt: skip


def _nearest(x: np.ndarray, k: int) -> np.ndarray:
    """Distance of each row to its k-th neighbour, itself not counted."""
    return np.concatenate([np.partition(d, k, axis=1)[:, k] for d in pairwise_distances_chunked(x)])


def _placed(ordered: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The share of `ordered` below each x, ties half."""
    below = np.searchsorted(ordered, x, "left") + np.searchsorted(ordered, x, "right")
    return below / (2 * len(ordered))
