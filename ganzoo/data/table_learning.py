"""Learns what the columns of a table are."""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Any

import numpy as np

from ganzoo.data.tables import Columns, TableColumn, as_floats, check_table, plain_value

CATEGORIES = 1000  # the most of one column: each is a column of weights, and more are identifiers
DISTINCT = 20  # numbers with at most so many distinct values are categories
MODES, LEAST_SHARE = 10, 0.005  # as in the authors' code
FITTED = 10_000  # rows that a mixture is fitted to


def learn(frame: Any, seed: int = 0) -> Columns:
    """What a table's columns are. The index is not read.

    Booleans, strings and pandas Categoricals are categories, and so are numbers with at most 20
    distinct values, each of which 10 rows share on average. Other numbers, dates and durations are
    numbers. A missing value is a category of its own, or an own mode of the numbers.

    Args:
        frame: a pandas DataFrame.
        seed: of the rows that the mixtures are fitted to, and of their first means.

    Raises:
        ValueError: a column can't be learned; one sentence names it and the mend.
    """
    check_table(frame)
    names = [n if isinstance(n, int | str) else str(n) for n in frame.columns]
    if twice := sorted({str(name) for name in names if names.count(name) > 1}):
        raise ValueError(f"the table has several columns named {', '.join(twice)}: rename them.")
    return tuple(_learn(name, frame.iloc[:, i], seed) for i, name in enumerate(names))


def _learn(name: int | str, series: Any, seed: int) -> TableColumn:
    import pandas as pd

    if series.dtype == object:
        series = series.infer_objects()
    dtype = str(series.dtype)
    kind = getattr(series.dtype, "kind", "O")
    if kind == "c" or dtype.startswith(("interval", "period", "Sparse")):
        raise ValueError(f"the column {name!r} has dtype {dtype}: make it numbers or strings.")
    if isinstance(series.dtype, pd.CategoricalDtype):
        levels = tuple(plain_value(name, v) for v in series.dtype.categories.tolist())
        return dataclasses.replace(
            _of_categories(name, series, dtype="category"),
            levels=levels, ordered=bool(series.dtype.ordered),
        )  # fmt: skip
    if kind not in "iufmM" or pd.api.types.is_bool_dtype(series.dtype):
        return _of_categories(name, series)
    x = as_floats(series)
    if np.isinf(x).any():
        raise ValueError(
            f"the column {name!r} holds infinite numbers: replace them, e.g. with "
            "df.replace([np.inf, -np.inf], np.nan)."
        )
    known = x[~np.isnan(x)]
    distinct = len(np.unique(known))
    if kind not in "mM" and (distinct <= 1 or distinct <= min(DISTINCT, len(known) // 10)):
        return _of_categories(name, series)
    if kind in "iu" and distinct == len(x) > 50 and np.ptp(known) == distinct - 1:
        raise ValueError(
            f"the column {name!r} numbers the rows, and such identifiers can't be learned: leave "
            f"it out, e.g. with df.drop(columns=[{name!r}])."
        )
    if not distinct:
        raise ValueError(f"the column {name!r} has no value in any row: leave it out.")
    return _of_numbers(name, dtype, kind, x, seed)


def _of_categories(name: int | str, series: Any, dtype: str | None = None) -> TableColumn:
    try:
        counts = series.value_counts(dropna=False, sort=False)
    except TypeError:  # lists and dicts have no hash
        raise ValueError(
            f"the column {name!r} holds {type(series.iloc[0]).__name__}s: make it numbers or "
            "strings, or leave it out."
        ) from None
    counts = counts[counts > 0]
    if len(counts) > CATEGORIES or (len(counts) > 50 and len(counts) > len(series) / 2):
        raise ValueError(
            f"the column {name!r} has {len(counts):,} categories in {len(series):,} rows, and such "
            f"identifiers can't be learned: leave it out, e.g. with df.drop(columns=[{name!r}]), "
            "or group its values."
        )
    found = {
        plain_value(name, value): int(n) for value, n in zip(counts.index, counts, strict=True)
    }
    kinds = {type(value).__name__ for value in found if value is not None}
    if len(kinds) > 1:
        raise ValueError(
            f"the column {name!r} holds {' and '.join(sorted(kinds))}: convert it to one type, "
            f"e.g. with df[{name!r}].astype(str)."
        )
    values = tuple(sorted(found, key=lambda value: (value is None, value)))
    shares = tuple(found[value] / len(series) for value in values)
    return TableColumn(name, dtype or str(series.dtype), values, shares)


_GRIDS = {  # of numbers, and of dates and durations in nanoseconds
    False: (1.0, 0.1, 0.01, 0.001, 1e-4, 1e-5, 1e-6),
    True: (86_400e9, 3600e9, 60e9, 1e9, 1e6, 1e3),
}


def _of_numbers(name: int | str, dtype: str, kind: str, x: np.ndarray, seed: int) -> TableColumn:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture

    known = x[~np.isnan(x)]
    step = next((g for g in _GRIDS[kind in "mM"] if _on_grid(known, g)), 0.0)
    offset, scale = float(known.mean()), float(known.std()) or 1.0
    if not math.isfinite(scale):
        raise ValueError(f"the column {name!r} holds numbers too large to be averaged: rescale it.")
    coded = (known - offset) / scale
    rng = np.random.default_rng(seed)
    some = coded if len(coded) <= FITTED else rng.choice(coded, FITTED, replace=False)
    mixture = BayesianGaussianMixture(
        n_components=min(MODES, len(np.unique(some))),
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=0.001,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a rough mixture will do
        mixture.fit(some[:, None])
    kept = mixture.weights_ > LEAST_SHARE
    shares = mixture.weights_[kept] / mixture.weights_[kept].sum()
    return TableColumn(
        name,
        dtype,
        shares=tuple(shares.tolist()),
        offset=offset,
        scale=scale,
        low=float(known.min()),
        high=float(known.max()),
        step=step,
        means=tuple(mixture.means_[kept, 0].tolist()),
        deviations=tuple(np.sqrt(mixture.covariances_[kept, 0, 0]).tolist()),
        missing=1 - len(known) / len(x),
    )


def _on_grid(x: np.ndarray, step: float) -> bool:
    steps = x / step
    return bool((np.abs(steps - np.rint(steps)) < 1e-6).all())
