"""How alike two tables are: their columns, the trends between pairs of them, and their rows.

The measures are those of the library SDMetrics, computed on `ganzoo.data.tables.numbers`.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from scipy import stats

from ganzoo.data.fields import Field
from ganzoo.data.tables import Columns, TableColumn
from ganzoo.evaluation.extractors import digest
from ganzoo.evaluation.measured import Measured, TooFew, bootstrapped

BINS = 10  # of numbers beside a column of categories
PAIRS = 200  # the most pairs of columns that are compared


def column_shapes(real: npt.ArrayLike, fake: npt.ArrayLike, columns: Columns) -> Measured:
    """The mean over the columns of 1 less a distance in [0, 1]: that of Kolmogorov and Smirnov for
    numbers, and the total variation for categories. 1 is perfect. Missing numbers are compared by
    their share, which counts as a column of its own.

    Args:
        real, fake: numbers [N, columns] of two tables.
        columns: what was learned of the columns.

    Raises:
        TooFew: one of the tables has fewer than 10 rows.
    """
    x, y = _checked(real, fake)

    def score(rows: np.ndarray) -> float:
        return float(np.mean([s for i, c in enumerate(columns) for s in _shape(x, y[rows], i, c)]))

    return bootstrapped(score, len(y), most=1.0)


def _shape(x: np.ndarray, y: np.ndarray, i: int, column: TableColumn) -> list[float]:
    if column.is_category:
        return [1 - _total_variation(x[:, i], y[:, i])]
    known, made = (rows[~np.isnan(rows[:, i]), i] for rows in (x, y))
    if not len(known) or not len(made):
        return [float(len(known) == len(made))]
    scores = [1 - float(stats.ks_2samp(known, made, method="asymp").statistic)]
    if column.missing:
        scores.append(1 - abs(len(known) / len(x) - len(made) / len(y)))
    return scores


def pair_trends(real: npt.ArrayLike, fake: npt.ArrayLike, columns: Columns) -> Measured:
    """The mean over the pairs of columns of a similarity in [0, 1], 1 is perfect: 1 − |ρ − ρ'|/2 of
    Pearson's correlations of two columns of numbers, and otherwise 1 less the total variation of
    the contingency tables, in which numbers are cut at the deciles of the real ones. Of more than
    200 pairs, every n-th is taken.

    Args:
        real, fake: numbers [N, columns] of two tables.
        columns: what was learned of the columns.

    Raises:
        TooFew: one of the tables has fewer than 10 rows, or there is one column only.
    """
    x, y = _checked(real, fake)
    if len(columns) < 2:
        raise TooFew("a table of one column has no pairs.")
    pairs = list(itertools.combinations(range(len(columns)), 2))
    pairs = pairs[:: -(-len(pairs) // PAIRS)]
    cut = {i: _cut(x[:, i], column) for i, column in enumerate(columns)}
    coarse_x, coarse_y = (
        np.stack([_coarse(rows[:, i], cut[i]) for i in range(len(columns))], axis=1)
        for rows in (x, y)
    )

    correlations = {
        (i, j): _correlation(x, i, j)
        for i, j in pairs
        if not (columns[i].is_category or columns[j].is_category)
    }

    def score(rows: np.ndarray) -> float:
        scores = []
        for i, j in pairs:
            if (i, j) in correlations:
                difference = correlations[i, j] - _correlation(y[rows], i, j)
                scores.append(1 - abs(difference) / 2)
            else:
                one, other = (c[:, i] * 10_000 + c[:, j] for c in (coarse_x, coarse_y[rows]))
                scores.append(1 - _total_variation(one, other))
        return float(np.mean(scores))

    return bootstrapped(score, len(y), most=1.0)


def _checked(real: npt.ArrayLike, fake: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(real, "float64"), np.asarray(fake, "float64")
    if min(len(x), len(y)) < 10:
        raise TooFew(f"{min(len(x), len(y))} rows are too few: this number needs at least 10.")
    return x, y


def _total_variation(one: np.ndarray, other: np.ndarray) -> float:
    values, places = np.unique(np.concatenate([one, other]), return_inverse=True)
    first, second = places[: len(one)], places[len(one) :]
    shares = [np.bincount(p, minlength=len(values)) / len(p) for p in (first, second)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _cut(x: np.ndarray, column: TableColumn) -> np.ndarray | None:
    if column.is_category:
        return None
    return np.unique(np.nanquantile(x, np.linspace(0, 1, BINS + 1)[1:-1]))


def _coarse(x: np.ndarray, cut: np.ndarray | None) -> np.ndarray:
    if cut is None:
        return x.astype(int)
    return np.where(np.isnan(x), len(cut) + 1, np.searchsorted(cut, x))


def _correlation(x: np.ndarray, i: int, j: int) -> float:
    both = x[~np.isnan(x[:, [i, j]]).any(axis=1)][:, [i, j]]
    if len(both) < 2 or not both.std(axis=0).all():
        return 0.0
    return float(np.corrcoef(both.T)[0, 1])


class TableRows:
    """Rows as points: a number divided by its range, and one-hot categories of which two different
    ones are 1 apart. A missing number is 0, and a further feature tells that it is missing.

    Args:
        spec: `ganzoo.data.Field` of the table.
    """

    def __init__(self, spec: Field):
        self.columns = spec.columns
        self.name, self.hash = f"{len(self.columns)} columns", digest(spec)

    def features(self, x: npt.ArrayLike) -> np.ndarray:
        """Features [N, n] of numbers [N, columns]."""
        x, parts = np.asarray(x, "float64"), []
        for i, column in enumerate(self.columns):
            if column.is_category:
                parts.append(np.eye(column.choices)[x[:, i].astype(int)] / np.sqrt(2))
                continue
            span = (column.high - column.low) / column.scale or 1.0
            parts.append(np.nan_to_num(x[:, i : i + 1]) / span)
            if column.missing:
                parts.append(np.isnan(x[:, i : i + 1]).astype("float64"))
        return np.concatenate(parts, axis=1)
