"""Measured numbers with their confidence intervals and the facts needed to compare them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Z = stats.norm.ppf(0.975)
RESAMPLES = 200


class TooFew(ValueError):
    """Raised if there are too few samples to compute the requested number."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Measured(float):
    """A float that also stores how it was measured.

    It behaves as the plain number in comparisons, in sums and in JSON. `to_json` gives all facts.

    Attributes:
        value: the number.
        low, high: the bounds of the 95% interval. It covers the noise of the generated samples
            and, for numbers that treat real and generated samples alike, of the real samples too.
        interval: the method behind the interval, such as "Wilson", "jackknife" or "bootstrap".
        n: the number of generated samples, or of real ones if the number describes real samples.
        note: further choices and findings, in words.
        extractor: the name of the feature extractor; None if no features were used.
        hash: the hash of the extractor's weights; None if no features were used.
        split: which part of the data was compared with which; None if the data were not split.
        reference: the same number measured on real samples instead of generated ones, at the same
            n; None if it is not defined.
        ratio: value / reference; None if the ratio of the two has no meaning.
    """

    value: float
    low: float
    high: float
    interval: str
    n: int
    note: str = ""
    extractor: str | None = None
    hash: str | None = None
    split: str | None = None
    reference: float | None = None
    ratio: float | None = None

    def __new__(cls, value: float, *facts: Any, **named_facts: Any) -> Measured:
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        return f"{float(self):.4g} [{self.low:.4g}, {self.high:.4g}]"

    def to_json(self) -> dict[str, Any]:
        """All attributes by name. Numbers that are not finite become None, as JSON requires."""
        facts = dataclasses.asdict(self)
        numbers = {k: float(v) for k, v in facts.items() if isinstance(v, float)}
        return facts | {k: v if np.isfinite(v) else None for k, v in numbers.items()}

    def with_reference(self, reference: float | None = None, **facts: Any) -> Measured:
        """A copy that also stores the same number of real samples, and other attributes by name.

        Args:
            reference: the number of real samples. If it is above 0, the ratio is stored too.
        """
        if reference is not None:
            facts["reference"] = float(reference)
            facts.setdefault("ratio", self / facts["reference"] if reference > 0 else None)
        return dataclasses.replace(self, **facts)


def within(
    value: float | np.floating[Any],
    error: float | np.floating[Any],
    n: int,
    interval: str,
    note: str = "",
    least: float = -np.inf,
    most: float = np.inf,
) -> Measured:
    """`value` ± 1.96 standard errors; the interval is clipped to [least, most]."""
    value, error = float(value), float(error)
    low, high = max(value - Z * error, float(least)), min(value + Z * error, float(most))
    return Measured(value, low, high, interval, int(n), note)


def mean(
    values: npt.ArrayLike, note: str = "", least: float = -np.inf, most: float = np.inf
) -> Measured:
    """The mean of independent values [N] in [least, most], ± 1.96 standard errors (s/√N)."""
    values = np.asarray(values, np.float64)
    error = stats.sem(values)
    return within(values.mean(), error, len(values), "standard error", note, least, most)


def mean_of_batches(values: npt.ArrayLike, n: int) -> Measured:
    """The mean of values [batches], one for each batch, of n rows in all.

    The interval comes from the differences between batches. A single batch has no interval, so
    low and high equal the value and the note says "one batch".
    """
    values = np.asarray(values, np.float64)
    if len(values) > 1:
        return within(values.mean(), stats.sem(values), n, "standard error over batches")
    return within(values.mean(), 0.0, n, "none", "one batch")


def share(hits: npt.ArrayLike, note: str = "") -> Measured:
    """The share of True among the booleans `hits` [N], with Wilson's interval."""
    hits = np.asarray(hits, bool)
    interval = stats.binomtest(int(hits.sum()), hits.size).proportion_ci(method="wilson")
    return Measured(
        float(hits.mean()), float(interval.low), float(interval.high), "Wilson", hits.size, note
    )


def bootstrapped(
    statistic: Callable[[np.ndarray], float],
    count: int,
    seed: int = 0,
    *,
    most: float = np.inf,
    note: str = "",
) -> Measured:
    """A statistic of all rows, ± 1.96 bootstrap standard errors from 200 resamples.

    The interval uses the standard error and not percentiles, because resampling biases divergences
    upwards.

    Args:
        statistic: takes row numbers (int array) and returns a number in [0, most].
        count: the number of rows.
        seed: seed of the resamples.
    """
    rows = np.arange(count)
    value = float(statistic(rows))
    if not np.isfinite(value):
        return Measured(value, value, value, "none", count, note)
    drawn = stats.bootstrap(
        (rows,), lambda chosen: float(statistic(chosen)), vectorized=False,
        n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(seed),
    )  # fmt: skip
    return within(value, drawn.standard_error, count, "bootstrap", note, 0.0, most)


def vectors(x: npt.ArrayLike, what: str, at_least: int = 2) -> np.ndarray:
    """`x` as a float64 array [N, features].

    Raises:
        ValueError: x has another number of axes, or holds NaN or Inf.
        TooFew: N < at_least.
    """
    x = np.asarray(x, np.float64)
    if x.ndim != 2:
        raise ValueError(
            f"{what} have shape {x.shape}: pass (N, features), such as x.reshape(N, -1)."
        )
    if len(x) < at_least:
        raise TooFew(f"{len(x)} {what} are too few: this number needs at least {at_least}.")
    if not np.isfinite(x).all():
        raise ValueError(
            f"{what} hold NaN or Inf: remove those samples, or find out what produced them."
        )
    return x


def same_width(x: np.ndarray, y: np.ndarray) -> None:
    """Raises ValueError unless both have the same number of features."""
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"features are {x.shape[1]} and {y.shape[1]} wide: use the same extractor for both."
        )
