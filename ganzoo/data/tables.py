"""Tables of mixed columns: what is known of each column, and the way between rows and vectors.

Xu, Skoularidou, Cuesta-Infante, Veeramachaneni 2019, arXiv:1907.00503, section 4.2: a column of
categories becomes a one-hot vector. A column of numbers becomes the number within its mode and the
mode's one-hot vector, where the modes are those of a Gaussian mixture that is fitted to the column.
`ganzoo.data.table_learning` learns the columns.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

WIDEST = 0.99  # of the number within its mode, which tanh can reach
RAKED = 20  # rounds, of which a few are enough for shares that are right to a thousandth

Value = str | int | float | bool | None


@dataclasses.dataclass(frozen=True)
class TableColumn:
    """What was learned of one column of a table.

    Attributes:
        name: its name in the DataFrame.
        dtype: the name of its pandas dtype.
        categories: its values in the order of their codes, None for a missing one; empty for
            numbers.
        shares: the share of each category in the data, or of each mode.
        levels, ordered: of a pandas Categorical, its own categories.
        offset, scale: a number x is coded as (x − offset)/scale, which has mean 0 and deviation 1.
        low, high: the range of the numbers.
        step: the grid on which all numbers lie, such as 1 or 0.01; 0 for no grid.
        means, deviations: of each mode, in coded units.
        missing: the share of missing numbers.
    """

    name: int | str
    dtype: str
    categories: tuple[Value, ...] = ()
    shares: tuple[float, ...] = ()
    levels: tuple[Value, ...] | None = None
    ordered: bool = False
    offset: float = 0.0
    scale: float = 1.0
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    means: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()
    missing: float = 0.0

    @property
    def is_category(self) -> bool:
        return bool(self.categories)

    @property
    def choices(self) -> int:
        """The width of its one-hot vector: its categories, or its modes and one for a missing
        number."""
        return len(self.categories) or len(self.means) + (self.missing > 0)

    @property
    def width(self) -> int:
        """How many numbers of an encoded row are this column's."""
        return self.choices + (not self.is_category)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TableColumn:
        """The inverse of `dataclasses.asdict`, also after JSON."""
        options: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in config.items()
        }
        return cls(**options)


Columns = tuple[TableColumn, ...]


def is_frame(value: Any) -> bool:
    """Whether it is a pandas DataFrame."""
    return hasattr(value, "iloc") and hasattr(value, "columns")


def check_table(value: Any) -> None:
    """Raises ValueError unless it is a pandas DataFrame that has rows and columns."""
    if not is_frame(value):
        raise ValueError(
            f"data is of type {type(value).__name__}, and tables are pandas DataFrames: pass "
            "pd.DataFrame(…) with a name for each column."
        )
    rows, count = value.shape
    if not rows or not count:
        raise ValueError(f"the table has {rows} rows and {count} columns: pass some of both.")


def width(columns: Columns) -> int:
    """How many numbers an encoded row has."""
    return sum(column.width for column in columns)


def categories_of(columns: Columns) -> list[TableColumn]:
    """The columns of categories."""
    return [column for column in columns if column.is_category]


# ---- between tables, numbers and encoded rows


def numbers(frame: Any, columns: Columns) -> np.ndarray:
    """A table as float32 numbers (rows, columns): the code of each category, and each number less
    its offset and divided by its scale, NaN where it is missing.

    Raises:
        ValueError: columns are missing, or hold what was not learned.
    """
    check_table(frame)
    names = [column.name for column in columns]
    there = [n if isinstance(n, int | str) else str(n) for n in frame.columns]
    if missing := [name for name in names if name not in there]:
        raise ValueError(
            f"the table lacks the columns {', '.join(map(repr, missing))}, which the model was "
            "built for: pass a table with them, or build a new model."
        )
    found = np.empty((len(frame), len(columns)), "float32")
    for i, column in enumerate(columns):
        series = frame.iloc[:, there.index(column.name)]
        if column.is_category:
            found[:, i] = _codes(series, column)
            continue
        if getattr(series.dtype, "kind", "O") not in "iufmM":
            raise ValueError(
                f"the column {column.name!r} has dtype {series.dtype}, but the model was built for "
                f"{column.dtype}: convert it."
            )
        x = as_floats(series)
        if np.isinf(x).any() or (np.isnan(x).any() and not column.missing):
            raise ValueError(
                f"the column {column.name!r} holds missing or infinite numbers, but the model was "
                "built without: drop these rows, or build a new model."
            )
        found[:, i] = (x - column.offset) / column.scale
    return found


def _codes(series: Any, column: TableColumn) -> np.ndarray:
    import pandas as pd

    known = {value: code for code, value in enumerate(column.categories)}
    codes, values = pd.factorize(series, use_na_sentinel=False)
    plain = [plain_value(column.name, value) for value in values]
    if strange := [value for value in plain if value not in known]:
        raise ValueError(
            f"the column {column.name!r} holds {strange[0]!r}, which is none of the "
            f"{len(known)} categories that the model was built for: drop these rows, or build a "
            "new model."
        )
    return np.array([known[value] for value in plain], "float32")[codes]


def encode(x: tf.Tensor, columns: Columns) -> tf.Tensor:
    """Numbers [batch, columns] -> encoded rows [batch, width], in a graph or eagerly.

    A number c with the mode (μ, σ) becomes (c − μ)/4σ, clipped to ±0.99, and the one-hot vector of
    that mode. Deviation: the mode is the most probable one, where the paper draws it, so that an
    encoded row depends on nothing else.
    """
    parts = []
    for i, column in enumerate(columns):
        value = x[:, i]
        if column.is_category:
            parts.append(tf.one_hot(tf.cast(value, tf.int32), column.choices))
            continue
        means, deviations, shares = (
            tf.constant(v, tf.float32) for v in (column.means, column.deviations, column.shares)
        )
        missing = tf.math.is_nan(value)
        known = tf.where(missing, 0.0, value)[:, None]
        likely = tf.math.log(shares / deviations) - 0.5 * ((known - means) / deviations) ** 2
        mode = tf.argmax(likely, axis=1)
        within = (known[:, 0] - tf.gather(means, mode)) / (4 * tf.gather(deviations, mode))
        within = tf.where(missing, 0.0, tf.clip_by_value(within, -WIDEST, WIDEST))
        mode = tf.where(missing, len(column.means), tf.cast(mode, tf.int32))
        parts += [within[:, None], tf.one_hot(mode, column.choices)]
    return tf.concat(parts, axis=1)


def decode(y: np.ndarray, columns: Columns) -> Any:
    """Encoded rows (rows, width) -> a DataFrame with the columns, dtypes, categories and ranges of
    the learned one. Each one-hot vector stands for its largest entry."""
    import pandas as pd

    found, at = [], 0
    for column in columns:
        part = np.asarray(y[:, at : at + column.width], "float64")
        at += column.width
        if column.is_category:
            found.append(_values(part.argmax(1), column))
        else:
            found.append(_numbers(part[:, 0], part[:, 1:].argmax(1), column))
    frame = pd.DataFrame(dict(enumerate(found)))
    frame.columns = [column.name for column in columns]
    return frame


def _values(codes: np.ndarray, column: TableColumn) -> Any:
    import pandas as pd

    values = pd.Series(np.array([*column.categories, None], object)[codes])
    if column.dtype == "category":
        dtype = pd.CategoricalDtype(list(column.levels or ()), ordered=column.ordered)
        return values.astype(dtype)
    return values.astype(column.dtype)


def _numbers(within: np.ndarray, mode: np.ndarray, column: TableColumn) -> Any:
    import pandas as pd

    missing = mode == len(column.means)
    mode = np.where(missing, 0, mode)
    coded = np.asarray(column.means)[mode] + 4 * np.asarray(column.deviations)[mode] * within
    x = coded * column.scale + column.offset
    if column.step:
        x = np.rint(x / column.step) * column.step
        x = np.round(x, max(0, round(-math.log10(column.step)))) if column.step <= 1 else x
    x = np.clip(x, column.low, column.high)
    if column.dtype.startswith(("datetime64", "timedelta64")):
        whole = pd.Series(np.where(missing, 0, x).astype("int64"))
        is_date = column.dtype.startswith("datetime64")
        times = (
            pd.to_datetime(whole, utc=", " in column.dtype) if is_date else pd.to_timedelta(whole)
        )
        return times.where(~missing).astype(column.dtype)
    return pd.Series(np.where(missing, np.nan, x)).astype(column.dtype)


def plain_value(name: int | str, value: Any) -> Value:
    """A category as JSON can hold it."""
    import pandas as pd

    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, str | bool | int | float):
        raise ValueError(
            f"the column {name!r} holds values of type {type(value).__name__}: make it numbers, "
            "strings or dates (pd.to_datetime), or leave it out."
        )
    return value


def as_floats(series: Any) -> np.ndarray:
    """Numbers, dates (nanoseconds since 1970) and durations (nanoseconds) as float64; NaN where
    one is missing."""
    if series.dtype.kind in "mM":
        plain = series.dt.tz_convert(None) if getattr(series.dt, "tz", None) else series
        unit = "datetime64[ns]" if series.dtype.kind == "M" else "timedelta64[ns]"
        x = plain.to_numpy(unit).astype("int64").astype("float64")
        return np.where(series.isna(), np.nan, x)
    return np.asarray(series.to_numpy("float64", na_value=np.nan))


# ---- conditions


def condition(columns: Columns, asked: Mapping[Any, Any]) -> dict[int, int]:
    """The place of each asked column among all, and the code of its category.

    Raises:
        ValueError: there is no such column of categories, or no such category.
    """
    found: dict[int, int] = {}
    names = [column.name for column in columns]
    known = [column.name for column in categories_of(columns)]
    for name, value in asked.items():
        if name not in known:
            what = "holds numbers" if name in names else "is no column"
            listed = ", ".join(map(repr, known[:10])) or "none"
            raise ValueError(
                f"conditions name {name!r}, which {what}: they can be asked of columns of "
                f"categories, {listed}."
            )
        column = columns[names.index(name)]
        plain = plain_value(name, value)
        if plain not in column.categories:
            listed = ", ".join(map(repr, column.categories[:10]))
            more = ", …" if len(column.categories) > 10 else ""
            raise ValueError(
                f"the column {name!r} has no category {value!r}: there are {listed}{more}."
            )
        found[names.index(name)] = column.categories.index(plain)
    return found


def shares(columns: Columns) -> np.ndarray:
    """The probability of each condition, float64 [conditions]. A condition numbers the categories
    of all columns, in their order. Each column is as likely as any other, and a category of it as
    frequent as in the data."""
    chosen = categories_of(columns)
    return np.concatenate([np.asarray(c.shares) / sum(c.shares) / len(chosen) for c in chosen])


def balanced(x: np.ndarray, columns: Columns, count: int, seed: int = 0) -> np.ndarray:
    """Chooses `count` of the rows so that each category is about as frequent as in the data.

    The rows get weights by raking (Deming and Stephan 1940, doi:10.1214/aoms/1177731829), which
    brings the shares of each column to those of the data and keeps the odds ratios between columns.
    Rows are then drawn without replacement in proportion to their weights, by systematic sampling.

    Args:
        x: numbers [N, columns] of at least `count` rows.
        columns: what was learned of the columns.
        count: how many to choose.
        seed: of the draw.

    Returns:
        Row numbers in ascending order, int64 [count].
    """
    codes = [(x[:, i].astype(int), c) for i, c in enumerate(columns) if c.is_category]
    weights = np.ones(len(x))
    for _ in range(RAKED):
        for code, column in codes:
            have = np.bincount(code, weights, column.choices)
            target = np.asarray(column.shares) * weights.sum()
            weights *= np.divide(target, have, out=np.zeros_like(have), where=have > 0)[code]
    chance = np.minimum(count * weights / weights.sum(), 1.0)
    for _ in range(RAKED):  # what a certain row can't take goes to the others
        free = chance < 1
        if not free.any() or chance.sum() >= count - 1e-9:
            break
        chance[free] *= (count - (~free).sum()) / max(chance[free].sum(), 1e-300)
        chance = np.minimum(chance, 1.0)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    passed = np.floor(np.cumsum(chance[order]) + rng.random()).astype(int)
    chosen = order[np.flatnonzero(np.diff(passed, prepend=0) > 0)]
    others = np.setdiff1d(order, chosen, assume_unique=True)  # rounding may leave one too few
    return np.sort(np.concatenate([chosen, others])[:count])
