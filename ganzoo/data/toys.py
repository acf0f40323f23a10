"""Distributions whose density is known, and known maps between pictures, so that what a GAN learned
can be measured exactly."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """Equally likely spherical Gaussians.

    Attributes:
        means: (modes, features), one row per mode.
        sigma: standard deviation of every mode in every direction.
    """

    means: np.ndarray
    sigma: float

    @property
    def num_modes(self) -> int:
        """How many modes there are."""
        return len(self.means)

    def sample(self, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """`count` points: float32 (count, features), and the mode of each: int32 (count,)."""
        rng = np.random.default_rng(seed)
        mode = rng.integers(self.num_modes, size=count, dtype="int32")
        noise = rng.standard_normal((count, self.means.shape[1]))
        return (self.means[mode] + self.sigma * noise).astype("float32"), mode

    def log_density(self, x: npt.ArrayLike) -> np.ndarray:
        """Exact log p(x) in nats: (count, features) -> float64 (count,)."""
        x = np.asarray(x, "float64")
        variance, features = self.sigma**2, self.means.shape[1]
        distance = ((x[:, None] - self.means) ** 2).sum(-1)
        modes = -distance / (2 * variance) - features / 2 * np.log(2 * np.pi * variance)
        return np.logaddexp.reduce(modes, axis=1) - np.log(self.num_modes)


def ring() -> Mixture:
    """Eight modes on the unit circle, sigma 0.01. PacGAN, Lin et al. 2018, arXiv:1712.04086."""
    angle = 2 * np.pi * np.arange(8) / 8
    return Mixture(np.stack([np.cos(angle), np.sin(angle)], axis=1), 0.01)


def grid() -> Mixture:
    """25 modes on {−4, −2, 0, 2, 4}², sigma 0.05. PacGAN, Lin et al. 2018, arXiv:1712.04086."""
    side = np.arange(-4.0, 5.0, 2.0)
    return Mixture(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2), 0.05)


def gaussian() -> Mixture:
    """One mode at (1, −1), sigma 0.5: the smallest problem that a GAN can get wrong."""
    return Mixture(np.array([[1.0, -1.0]]), 0.5)


SEGMENTS = ("pupil", "student", "worker", "retired")
REGIONS = ("north", "south", "islands")
SHARE_OF_SEGMENT = np.array([0.08, 0.2, 0.5, 0.22])
SHARE_OF_REGION = np.array(  # of each segment
    [[0.5, 0.48, 0.02], [0.7, 0.28, 0.02], [0.45, 0.5, 0.05], [0.2, 0.6, 0.2]]
)
MEMBERS = np.array([[0.1, 0.2, 0.6], [0.5, 0.3, 0.6], [0.3, 0.4, 0.8], [0.6, 0.7, 0.9]])
AGE = np.array([[13.0, 1.5], [22.0, 2.5], [43.0, 9.0], [72.0, 6.0]])  # mean and deviation
INCOME = np.array([[0.4, 0.1], [9.0, 3.0], [38.0, 9.0], [24.0, 5.0]])
UNKNOWN_INCOME = np.array([0.3, 0.1, 0.05, 0.1])


def customers(count: int, seed: int = 0) -> Any:
    """A DataFrame of made-up customers, whose joint distribution is known.

    - segment, region, member: drawn one after the other with the shares in this module,
      P(segment), P(region | segment), P(member | segment, region).
    - age: whole years, a Gaussian of the segment's mean and deviation, clipped to 6 to 99.
    - income: in thousands with two decimals, a Gaussian of the segment's mean and deviation, at
      least 0; missing for a share of customers that depends on the segment.
    - since: a day of the ten years from 2015, each equally likely.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    segment = rng.choice(len(SEGMENTS), count, p=SHARE_OF_SEGMENT)
    bounds = SHARE_OF_REGION.cumsum(axis=1)[segment, :-1]
    region = (rng.random((count, 1)) > bounds).sum(axis=1)
    member = rng.random(count) < MEMBERS[segment, region]
    age = np.clip(np.rint(rng.normal(*AGE[segment].T)), 6, 99).astype("int64")
    income = np.maximum(np.round(rng.normal(*INCOME[segment].T), 2), 0.0)
    income[rng.random(count) < UNKNOWN_INCOME[segment]] = np.nan
    since = np.datetime64("2015-01-01", "ns") + rng.integers(3650, size=count) * np.timedelta64(
        1, "D"
    )
    return pd.DataFrame(
        {
            "segment": pd.Categorical(np.array(SEGMENTS)[segment], SEGMENTS),
            "region": np.array(REGIONS, object)[region],
            "member": member,
            "age": age,
            "income": income,
            "since": since,
        }
    )


def blurred_negative(x: np.ndarray) -> np.ndarray:
    """The map of "digit_pairs": pictures uint8 [N, H, W, C], blurred by a Gaussian of one pixel,
    moved down by two pixels (the last two rows come first), and inverted."""
    blurred = scipy.ndimage.gaussian_filter(x.astype("float32"), (0, 1.0, 1.0, 0))
    return np.rint(255 - np.roll(blurred, 2, axis=1)).astype("uint8")


def moved_negative(x: np.ndarray) -> np.ndarray:
    """The map of "unpaired_digits": pictures uint8 [N, H, W, C], moved down by two pixels (the last
    two rows come first), and inverted. `moved_negative_back` is its exact inverse."""
    return 255 - np.roll(x, 2, axis=1)


def moved_negative_back(y: np.ndarray) -> np.ndarray:
    """The inverse of `moved_negative`."""
    return np.roll(255 - y, -2, axis=1)
