"""How well single codes follow single true factors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import entr
from scipy.stats import rankdata

from ganzoo.evaluation.measured import Measured, TooFew, bootstrapped


def mutual_information_gap(
    codes: npt.ArrayLike, factors: npt.ArrayLike, *, bins: int = 20, seed: int = 0
) -> Measured:
    """1/K Σₖ (I(c₍₁₎; vₖ) − I(c₍₂₎; vₖ)) / H(vₖ) of codes c and true factors v, in [0, 1].

    c₍₁₎ and c₍₂₎ are the two codes with the largest information about the factor vₖ. The gap is 1
    if each factor is a function of one code and of no other, and 0 if two codes tell equally much
    of each factor, such as codes that tell nothing.

    Chen, Li, Grosse, Duvenaud 2018, arXiv:1802.04942, eq. 6. Information and entropy are those of
    the sample. Deviation: numbers with more than `bins` values are divided into bins that hold
    equally many samples, and not bins of equal width, so that the gap stays the same if a code is
    transformed monotonously.

    The note names the best code of each factor. Compare the gap with that of shuffled codes, which
    is above 0 for few samples.

    Args:
        codes: [N, J]. A single code has a gap to no information.
        factors: [N, K], numbers or names.
        bins: of numbers with more values than that.
        seed: of the bootstrap for the interval.

    Raises:
        TooFew: N < 32, or N < 5 · bins.
        ValueError: codes or factors are not [N, …] with the same N, hold NaN, or a factor has one
            value only.
    """
    if not isinstance(bins, int) or bins < 2:
        raise ValueError(f"bins={bins!r:.200} must be an int of at least 2.")
    of_codes, of_factors = _classes(codes, "codes", bins), _classes(factors, "factors", bins)
    if len(of_codes) != len(of_factors):
        raise ValueError(
            f"there are {len(of_codes)} rows of codes and {len(of_factors)} of factors."
        )
    if len(of_codes) < max(32, 5 * bins):
        raise TooFew(
            f"{len(of_codes)} samples are too few: this number needs at least {max(32, 5 * bins)}."
        )
    if constant := [k for k in range(of_factors.shape[1]) if not of_factors[:, k].any()]:
        raise ValueError(f"factor {constant[0]} has one value only: leave it out.")

    def shares(rows: np.ndarray) -> np.ndarray:
        """I(c; v) / H(v), [J, K], of these rows."""
        c, v = of_codes[rows].T, of_factors[rows].T
        of_c, of_v = np.array([_entropy(x) for x in c]), np.array([_entropy(x) for x in v])
        joint = np.array([[_entropy(x * (y.max() + 1) + y) for y in v] for x in c])
        information = np.maximum(of_c[:, None] + of_v - joint, 0)
        return np.divide(information, of_v, out=np.zeros_like(information), where=of_v > 0)

    def gap(rows: np.ndarray) -> float:
        ordered = np.sort(np.vstack([shares(rows), np.zeros(of_factors.shape[1])]), axis=0)
        return float(np.mean(ordered[-1] - ordered[-2]))

    best = shares(np.arange(len(of_codes))).argmax(axis=0)
    note = f"{bins} bins; best codes {', '.join(map(str, best))}"
    return bootstrapped(gap, len(of_codes), seed, most=1.0, note=note)


def _entropy(classes: np.ndarray) -> float:
    """H in nats of classes, int [N]."""
    return float(entr(np.bincount(classes) / len(classes)).sum())


def _classes(values: npt.ArrayLike, what: str, bins: int) -> np.ndarray:
    """Columns as classes from 0, int [N, columns]; numbers with more than `bins` values in bins."""
    values = np.asarray(values)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not values.size:
        raise ValueError(f"{what} have shape {values.shape}: they must be (N, number of {what}).")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{what} hold NaN or Inf: remove those samples.")
    columns = []
    for column in values.T:
        found, classes = np.unique(column, return_inverse=True)
        if len(found) > bins and np.issubdtype(found.dtype, np.number):
            classes = ((rankdata(column) - 0.5) * bins / len(column)).astype(int)
            classes = np.unique(classes, return_inverse=True)[1]
        columns.append(classes)
    return np.stack(columns, axis=1)
