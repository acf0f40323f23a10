"""Metrics of nearest neighbours: fidelity, diversity and memorisation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import sem
from sklearn.metrics import pairwise_distances_chunked

from ganzoo.evaluation.measured import Measured, mean, same_width, share, vectors, within


def precision_recall_density_coverage(
    real: npt.ArrayLike, fake: npt.ArrayLike, k: int = 5
) -> dict[str, Measured]:
    """Fidelity and diversity of fake [N, width] compared with real [M, width].

    Each sample has a ball whose radius is the distance to its k-th nearest neighbour in its own
    set.

    - precision: the share of fakes inside the ball of at least one real sample.
    - recall: the share of real samples inside the ball of at least one fake.
    - density: the number of balls of real samples that contain a fake, divided by k, averaged over
      fakes. It exceeds 1 if fakes concentrate where real samples are dense.
    - coverage: the share of real samples whose ball contains at least one fake.

    Kynkäänniemi et al. 2019, arXiv:1904.06991, eqs. 1 and 2, define precision and recall; Naeem et
    al. 2020, arXiv:2002.09797, eqs. 3 and 4, density and coverage. The intervals (Wilson's for
    shares, the standard error for density) ignore the noise of the balls.

    Raises:
        TooFew: fewer than 10·k real or generated samples.
        ValueError: features are not [N, width] of one width, or hold NaN or Inf.
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


def memorisation(
    train: npt.ArrayLike, fake: npt.ArrayLike, *, quantile: float = 0.01
) -> dict[str, Measured]:
    """How close fakes [N, width] come to the training samples [M, width].

    Both numbers compare the distance of a fake to its nearest training sample with the distance
    between a training sample and its nearest other training sample.

    - nearer_than_real: the probability that the first distance is smaller. It is ½ if the generator
      has learned the distribution, close to 1 if it copies samples, and below ½ if fakes lie off
      the data. Meehan et al. 2020, arXiv:2004.05675, section 3, over the whole space.
    - copies: the share of fakes whose distance is below the `quantile` of the distances between
      training samples. It equals `quantile` if nothing is copied.

    Pass features in which a copy is visible, such as pixels, and all training samples.

    Raises:
        TooFew: fewer than 32 training or generated samples.
        ValueError: features are not [N, width] of one width, or hold NaN or Inf.
    """
    train, fake = vectors(train, "training samples", 32), vectors(fake, "generated samples", 32)
    same_width(train, fake)
    real = np.sort(_nearest(train, 1))
    distances = np.concatenate([d.min(1) for d in pairwise_distances_chunked(fake, train)])
    # distances from a matrix product have rounding errors of half their digits
    noise = 1e-7 * np.sqrt((train**2).sum(1).max())
    distances[distances < noise] = 0.0
    real[real < noise] = 0.0
    # DeLong et al. 1988 give the variance of the mean of these placements
    of_fakes = 1 - _placed(real, distances)
    of_reals = _placed(np.sort(distances), real)
    error = np.hypot(sem(of_fakes), sem(of_reals))
    return {
        "nearer_than_real": within(
            of_fakes.mean(), error, len(fake), "DeLong", least=0, most=1
        ).with_reference(0.5, ratio=None),
        "copies": share(
            distances < np.quantile(real, quantile) if np.quantile(real, quantile) > 0
            else distances <= 0,
            f"nearer than {quantile:.0%} of the real",
        ).with_reference(max(quantile, float(np.mean(real <= 0)))),
    }  # fmt: skip


def _nearest(x: np.ndarray, k: int) -> np.ndarray:
    """Distance of each row to its k-th nearest other row."""
    return np.concatenate([np.partition(d, k, axis=1)[:, k] for d in pairwise_distances_chunked(x)])


def _placed(ordered: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The share of `ordered` below each x; equal values count half."""
    below = np.searchsorted(ordered, x, "left") + np.searchsorted(ordered, x, "right")
    return below / (2 * len(ordered))
