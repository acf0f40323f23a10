"""A number with what it takes to trust it, and the intervals that numbers come with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

Z = stats.norm.ppf(0.975)


class TooFew(ValueError):
    """There are too few samples for the number that was asked for."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Measured(float):
    """A float that knows how it was measured.

    It compares, adds and is written to JSON as the plain number; `to_json` gives all of it.

    Attributes:
        value: the number.
        low, high: its 95% interval, for the noise of the generated samples and, where both are
            treated alike, of the real.
        interval: how that was found, such as "Wilson", "jackknife" or "bootstrap".
        n: how many generated samples (of real ones, for a number of these) it was taken of.
        note: what else was chosen or found on the way, in words.
        extractor, hash, split: what made the features, its weights' hash, and which part of the
            data was compared with which; None for a number of plain values.
        reference: the same number with real samples in place of the generated, at the same n;
            None where there is no such thing.
        ratio: value / reference, where that says something: both are distances or shares.
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

    def __new__(cls, value, *facts, **named_facts):
        return super().__new__(cls, value)

    def __repr__(self):
        return f"{float(self):.4g} [{self.low:.4g}, {self.high:.4g}]"

    def to_json(self) -> dict[str, Any]:
        """All attributes; what is absent or not finite, which JSON has no word for, is None."""
        facts = dataclasses.asdict(self)
        numbers = {k: float(v) for k, v in facts.items() if isinstance(v, float)}
        return facts | {k: v if np.isfinite(v) else None for k, v in numbers.items()}

    def beside(self, reference: float | None = None, **facts) -> Measured:
        """The same number beside that of real samples, with their ratio where that is above 0,
        and with other facts filled in."""
        if reference is not None:
            facts["reference"] = float(reference)
            facts.setdefault("ratio", self / facts["reference"] if reference > 0 else None)
        return dataclasses.replace(self, **facts)


def within(
    value, error, n: int, interval: str, note: str = "", least=-np.inf, most=np.inf
) -> Measured:
    """value ± 1.96 standard errors, cut to what the number can be."""
    value, error = float(value), float(error)
    low, high = max(value - Z * error, float(least)), min(value + Z * error, float(most))
    return Measured(value, low, high, interval, int(n), note)


def mean(values, note: str = "", least=-np.inf, most=np.inf) -> Measured:
    """The mean of independent values [N] in [least, most], ± 1.96 s/√N."""
    values = np.asarray(values, np.float64)
    error = stats.sem(values)
    return within(values.mean(), error, len(values), "standard error", note, least, most)


def mean_of_batches(values, n: int) -> Measured:
    """The mean of a number of each batch [batches], of n rows in all. The interval is what the
    batches differ by; of one batch alone it is the number itself, and the note says so."""
    values = np.asarray(values, np.float64)
    if len(values) > 1:
        return within(values.mean(), stats.sem(values), n, "standard error over batches")
    return within(values.mean(), 0.0, n, "none", "one batch")


def share(hits, note: str = "") -> Measured:
    """The share of True among booleans [N], with Wilson's interval."""
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
    """statistic(rows 0 … count − 1), which lies in [0, most], ± 1.96 bootstrap standard errors.

    Of 200 resamples the standard error is used, not percentiles: resampling biases divergences
    upwards.
    """
    rows = np.arange(count)
    value = float(statistic(rows))
    if not np.isfinite(value):
        return Measured(value, value, value, "none", count, note)
    drawn = stats.bootstrap(
        (rows,), lambda chosen: float(statistic(chosen)), vectorized=False,
        n_resamples=200, method="percentile", rng=np.random.default_rng(seed),
    )  # fmt: skip
    return within(value, drawn.standard_error, count, "bootstrap", note, 0.0, most)


def vectors(x, what: str, at_least: int = 2) -> np.ndarray:
    """x as float64 [N, features].

    Raises:
        ValueError: it isn't that, or not finite.
        TooFew: N < at_least.
    """
    x = np.asarray(x, np.float64)
    if x.ndim != 2:
        raise ValueError(
            f"{what} have shape {x.shape}: pass (N, features), such as x.reshape(N, -1)."
        )
    if len(x) < at_least:
        raise TooFew(f"{len(x)} {what}: this number takes at least {at_least}.")
    if not np.isfinite(x).all():
        raise ValueError(
            f"{what} hold NaN or Inf: remove those samples, or ask why they are there."
        )
    return x


def same_width(x: np.ndarray, y: np.ndarray) -> None:
    """Raises ValueError unless both are as wide."""
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"features are {x.shape[1]} and {y.shape[1]} wide: take both from one extractor."
        )
