"""Named columns of data: what a game asks for, and what was learned of each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np
import tensorflow as tf

from ganzoo.data import tables

# In network units. A bilinear resize or a division leaves floats a rounding error outside
# their range, which is no reason to refuse them or to read [0, 1] as [-1, 1].
SLACK = 1e-3


@dataclasses.dataclass(frozen=True)
class Column:
    """What a game asks of one named column of the data.

    A game declares its columns by name, for example `{"image": Column("sample")}`,
    `{"image": Column("sample"), "label": Column("label")}` or
    `{"source": Column("sample"), "target": Column("sample")}`.

    Attributes:
        kind: "sample" for images, vectors or series, "label" for classes, "table" for a DataFrame
            of mixed columns. A table with columns of categories also brings a field "condition":
            the number of one category among those of all columns, which the row has.
        optional: whether a label may be missing (-1, None or NaN in the data, -1 in a batch).
        paired: whether row i belongs to row i of the other columns. An unpaired column has its own
            number of rows and its own permutation.
        ranks: how many axes one sample may have: 3 of an image (height, width, channels), 2 of a
            series (time, features), 1 of a vector (features).
    """

    kind: Literal["sample", "label", "table"]
    optional: bool = False
    paired: bool = True
    ranks: tuple[int, ...] = (3, 1)

    @property
    def is_series(self) -> bool:
        """Whether its samples are series."""
        return self.ranks == (2,)


@dataclasses.dataclass(frozen=True)
class Field:
    """What was learned of one named column, and the way between the user's units and a network's.

    Attributes:
        shape: of one row: (height, width, channels) of an image, (time, features) of a series,
            (features,) of a vector, () of a label, (width,) of an encoded row of a table.
        dtype: name of the user's dtype, such as "uint8", "float32" or, for labels only, "str".
        codec: how values are encoded. "affine": (x - offset) / scale maps the value range to [-1,
            1]. "standardise": the same for each feature, with its mean and standard deviation,
            those of a series over all of its times.
            "classes": integer or string labels become int32 numbers from 0 to num_classes - 1.
            "table": see `ganzoo.data.tables`.
        offset, scale: a float each for "affine", a tuple of one float per feature for
            "standardise".
        num_classes: how many classes there are; None for samples.
        class_names: the name of each class, where they are known.
        optional: whether labels may be missing; these are encoded as -1.
        feature_names, feature_dtypes: of a DataFrame's columns; `decode` then returns a DataFrame.
        table: what was learned of each column of a table; `decode` then returns a DataFrame.
    """

    shape: tuple[int, ...]
    dtype: str
    codec: Literal["affine", "standardise", "classes", "table"] = "affine"
    offset: float | tuple[float, ...] = 0.0
    scale: float | tuple[float, ...] = 1.0
    num_classes: int | None = None
    class_names: tuple[str, ...] | None = None
    optional: bool = False
    feature_names: tuple[int | str, ...] | None = None
    feature_dtypes: tuple[str, ...] | None = None
    table: tables.Columns | None = None

    # -- learning --------------------------------------------------------------------------

    @classmethod
    def learn(
        cls,
        shape: Sequence[int],
        dtype: str,
        low: float,
        high: float,
        *,
        moments: tuple[np.ndarray, np.ndarray] | None = None,
        value_range: tuple[float, float] | None = None,
        what: str = "data",
    ) -> Field:
        """The Field of samples whose values lie in [low, high].

        moments: (mean, standard deviation) per feature; used for vectors and series without
            value_range. Their units tell no range: a longer record of the same thing may go beyond
            the largest value seen.

        what: how an error calls the samples.

        Raises ValueError where the range that becomes [-1, 1] is neither given nor evident.
        """
        if value_range is None and moments is not None and len(shape) < 3:
            mean, deviation = (np.asarray(m, "float64") for m in moments)
            # A constant feature has a deviation of 0, or of the rounding of its mean.
            deviation = np.where(deviation > 1e-12 * np.abs(mean), deviation, 1.0)
            offset, scale = tuple(mean.tolist()), tuple(deviation.tolist())
            return cls(tuple(shape), dtype, "standardise", offset, scale)._computable(low, high)
        if value_range is None:
            value_range = _evident_range(dtype, low, high, what)
        lo, hi = checked_range(value_range)
        field = cls(tuple(shape), dtype, "affine", (lo + hi) / 2, (hi - lo) / 2)
        field._computable(lo, hi)
        if not field.admits(low, high):
            raise ValueError(
                f"{what} holds values from {low:g} to {high:g}, outside value_range=({lo:g},"
                f" {hi:g}): pass the range that the values have, or clip them."
            )
        return field

    @classmethod
    def of_classes(
        cls,
        num_classes: int,
        class_names: Sequence[str] | None = None,
        *,
        dtype: str = "int32",
        optional: bool = False,
    ) -> Field:
        """The Field of labels 0 to num_classes - 1, or of strings if dtype is "str"."""
        names = None if class_names is None else tuple(map(str, class_names))
        return cls(
            (), dtype, "classes", num_classes=num_classes, class_names=names, optional=optional
        )

    def _computable(self, low: float, high: float) -> Field:
        """Itself, if its numbers are neither too large nor too small to be divided by."""
        limits, scale = np.finfo(self._wide), np.asarray(self.scale)
        if not (
            (np.abs(self.offset) <= limits.max).all()
            and (limits.tiny <= scale).all()
            and (scale <= limits.max).all()
        ):
            raise ValueError(
                f"values from {low:g} to {high:g} are too large or too close together for"
                f" {limits.dtype}: rescale the data."
            )
        return self

    # -- what it is ------------------------------------------------------------------------

    @property
    def is_image(self) -> bool:
        """Whether the column holds images (height, width, channels)."""
        return len(self.shape) == 3

    @property
    def is_series(self) -> bool:
        """Whether the column holds series (time, features)."""
        return len(self.shape) == 2

    @property
    def is_table(self) -> bool:
        """Whether the column holds rows of a table."""
        return self.codec == "table"

    @property
    def columns(self) -> tables.Columns:
        """What was learned of each column of a table; empty for other data."""
        return self.table or ()

    @property
    def is_served_encoded(self) -> bool:
        """Whether an exported generator gives network units: images in [-1, 1], encoded rows of a
        table. Vectors and series have the data's own units."""
        return self.is_image or self.is_table

    @property
    def kind(self) -> str:
        """What its samples are, in the plural: images, series, vectors or rows of a table."""
        if self.is_table:
            return "rows of a table"
        return {3: "images", 2: "series"}.get(len(self.shape), "vectors")

    @property
    def classes(self) -> int:
        """How many classes the labels have. Raises ValueError for samples."""
        if self.num_classes is None:
            raise ValueError("samples have no classes: this needs labels.")
        return self.num_classes

    @property
    def is_label(self) -> bool:
        """Whether the column holds labels."""
        return self.codec == "classes"

    @property
    def value_range(self) -> tuple[float, float] | None:
        """The (lo, hi) that becomes [-1, 1]; None for standardised samples and labels."""
        if self._affine is None:
            return None
        offset, scale = self._affine
        return offset - scale, offset + scale

    @property
    def _affine(self) -> tuple[float, float] | None:
        """(offset, scale) where there is one of each; None for standardised samples and labels."""
        if self.codec != "affine" or isinstance(self.offset, tuple):
            return None
        return self.offset, cast(float, self.scale)

    def admits(self, low: float, high: float) -> bool:
        """Whether data from low to high lies in the value range."""
        if self._affine is None:
            return True
        offset, scale = self._affine
        slack = SLACK * scale
        return offset - scale - slack <= low and high <= offset + scale + slack

    @property
    def batch_dtype(self) -> tf.DType:
        """The dtype of this column in a batch: the user's, int32 for labels."""
        return tf.int32 if self.is_label else tf.as_dtype(self.dtype)

    def batch_spec(self, rows: int | None = None) -> tf.TensorSpec:
        """Shape and dtype of this column in a batch. A row of a table has one number a column."""
        shape = (len(self.columns),) if self.is_table else self.shape
        return tf.TensorSpec([rows, *shape], self.batch_dtype)

    # -- between the user's units and the network's -------------------------------------------

    def encode(self, x: Any) -> tf.Tensor:
        """The user's units and dtype -> network units, in a graph or eagerly.

        Samples become float32. Labels become int32 class numbers; a name that is no class, and a
        missing label, become -1.
        """
        if self.codec == "classes":
            x = tf.convert_to_tensor(x)
            return self._numbers_of_names(x) if x.dtype == tf.string else tf.cast(x, tf.int32)
        if self.is_table:
            return tables.encode(tf.cast(x, tf.float32), self.columns)
        # float32 would cancel the digits of, say, int64 time stamps before they are centred.
        x = tf.cast(x, self._wide)
        return tf.cast((x - self._of(self.offset)) / self._of(self.scale), tf.float32)

    def decode(self, y: Any) -> Any:
        """Network units -> the user's units and dtype, in numpy.

        Integers are rounded, and clipped to the value range (standardised ones to the range of
        their dtype); floats are cast only. Class numbers become the user's labels, and a missing
        one stays -1 (None among strings). If the data came as a DataFrame, so does the result.
        """
        if self.codec == "classes":
            return self._labels(np.asarray(y))
        if self.is_table:
            return tables.decode(np.asarray(y), self.columns)
        kind = tf.as_dtype(self.dtype)
        x = np.asarray(y, self._wide) * self._of(self.scale) + self._of(self.offset)
        if self.feature_names is not None:
            return self._frame(x)
        return self._cast(x, kind).astype(kind.as_numpy_dtype)

    def as_array(self, samples: Any) -> np.ndarray:
        """Samples in the user's units as one array, which `encode` takes. A table becomes numbers
        [N, columns], see `ganzoo.data.tables.numbers`."""
        return tables.numbers(samples, self.columns) if self.is_table else np.asarray(samples)

    def decode_tensor(self, y: Any) -> tf.Tensor:
        """Network units -> the user's units as a float32 tensor, in the graph."""
        x = tf.cast(y, self._wide) * self._of(self.scale) + self._of(self.offset)
        return tf.cast(x, tf.float32)

    def to_config(self) -> dict[str, Any]:
        """JSON-able; `Field.from_config` is its inverse."""
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Field:
        """The field of the result of `to_config`."""
        options: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in config.items()
        }
        if options.get("table") is not None:
            columns = map(tables.TableColumn.from_config, options["table"])
            options["table"] = tuple(columns)
        return cls(**options)

    def _cast(self, x: np.ndarray, kind: tf.DType) -> np.ndarray:
        if kind.is_floating:
            return x
        lo, hi = (0, 1) if kind == tf.bool else (kind.min, kind.max)
        if self.value_range is not None:
            lo, hi = max(lo, self.value_range[0]), min(hi, self.value_range[1])
        return np.clip(np.rint(x), math.ceil(lo), math.floor(hi))

    def _frame(self, x: np.ndarray) -> Any:
        import pandas as pd

        columns = [
            self._cast(x[:, i], tf.as_dtype(dtype)).astype(dtype)
            for i, dtype in enumerate(self.feature_dtypes or ())
        ]
        frame = pd.DataFrame(dict(enumerate(columns)))
        frame.columns = list(self.feature_names or ())
        return frame

    def _numbers_of_names(self, x: tf.Tensor) -> tf.Tensor:
        names = tf.constant(self.class_names)
        pairs = tf.lookup.KeyValueTensorInitializer(names, tf.range(self.classes))
        return tf.lookup.StaticHashTable(pairs, -1).lookup(x)

    def _labels(self, y: np.ndarray) -> np.ndarray:
        if self.dtype != "str":
            return y.astype(self.dtype)
        return np.array([*(self.class_names or ()), None], np.object_)[y]

    @property
    def _wide(self) -> np.dtype:
        return np.result_type(tf.as_dtype(self.dtype).as_numpy_dtype, np.float32)

    def _of(self, value: float | tuple[float, ...]) -> np.ndarray:
        return np.asarray(value, self._wide)


def main_sample(fields: Mapping[str, Field]) -> str:
    """The name of what a generator makes: the last sample, such as the target of a pair."""
    return [name for name, field in fields.items() if not field.is_label][-1]


def _evident_range(dtype: str, low: float, high: float, what: str) -> tuple[float, float]:
    kind = tf.as_dtype(dtype)
    if kind == tf.uint8:
        return 0, 255
    if kind == tf.bool:
        return 0, 1
    whose = "" if what == "data" else f"{what}: "
    if kind.is_integer:
        raise ValueError(
            f"{whose}{dtype} images from {low:g} to {high:g} don't tell which values are black and"
            " white: pass value_range=(lo, hi), or uint8 in [0, 255]."
        )
    for lo, hi in ((0, 1), (-1, 1)):
        if Field((1, 1, 1), dtype, "affine", (lo + hi) / 2, (hi - lo) / 2).admits(low, high):
            return lo, hi
    raise ValueError(
        f"{whose}{dtype} images hold values from {low:g} to {high:g}, but floats must be in [0, 1]"
        " or [-1, 1]: rescale them, or pass value_range=(lo, hi)."
    )


def checked_range(value_range: Any) -> tuple[float, float]:
    """(lo, hi) as floats, of whatever a user gave."""
    try:
        lo, hi = (float(v) for v in value_range)
    except (TypeError, ValueError, OverflowError):
        lo = hi = math.nan
    if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
        raise ValueError(
            f"value_range={' '.join(repr(value_range).split())} is not a pair of finite numbers"
            " lo < hi: pass the values that become -1 and 1, such as (0, 255)."
        )
    return lo, hi
