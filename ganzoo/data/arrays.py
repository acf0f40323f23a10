"""Arrays in memory: every row is checked before training, and read in any order."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganzoo.data import labels
from ganzoo.data.checks import FORMS, SERIES
from ganzoo.data.fields import Column, Field
from ganzoo.data.forms import (
    Columns,
    array_of,
    final_name,
    forms_of,
    learns,
    named,
    outer_shape,
    what_of,
)
from ganzoo.data.frames import Frame
from ganzoo.data.tables import is_frame

Batch = dict[str, tf.Tensor]
# Steps that are read at once, as waiting for files alternates with decoding.
AT_ONCE = min(2 * (os.cpu_count() or 1), 16)
# One call of tf.data costs as much as gathering hundreds of small rows.
_BLOCK_BYTES, _BLOCK_STEPS = 2**23, 32
# What tf.random.experimental.index_shuffle puts before a key of two numbers. Its public form takes
# one key for all indices; a block may reach over the end of an epoch and then needs two.
KEY = 498_247_692


class Order(NamedTuple):
    """Which rows are in which step.

    rows: how many rows make one step, over all workers.
    mine: the part of them that this worker reads.
    shuffle: whether each epoch has its own random order, which `seed` determines.
    first_step: the step that is read first.
    steps_per_epoch: how many steps the user calls an epoch; None for as many as the data fill.
    """

    rows: int
    mine: slice
    shuffle: bool
    seed: int
    first_step: int
    steps_per_epoch: int | None


class Arrays:
    """Columns of equal length in memory.

    columns: by their names in a batch.
    """

    batch_size = 64

    def __init__(self, data: Any, columns: Columns):
        self.columns: dict[str, Column] = {}
        self.values: dict[str, Any] = {}
        self.frames: dict[str, Frame] = {}
        values = named(data, columns)
        for name, column in columns.items():
            what = what_of(name, columns)
            if column.kind == "sample":
                value = values.pop(name)
                frame = Frame(value, what) if is_frame(value) else None
                value = value if frame is None else frame.array
                x: Any = array_of(value, what, forms_of(columns))
                check_samples(x, what, column)
                name = final_name(name, columns, x.ndim - 1)
                if frame is not None:
                    self.frames[name] = frame
            else:
                x = values.pop(name, None)
                if x is not None:
                    x = array_of(x, what)
                    self.dtype = x.dtype
            self.columns[name], self.values[name] = column, x
        self._check_lengths(values)
        for name, column in self.columns.items():
            if column.kind == "label":
                self.values[name] = labels.plain(self.values[name], column.optional)

    def _check_lengths(self, unused: Mapping[str, Any]) -> None:
        (first, x), *others = self.values.items()
        for name, value in [*others, *unused.items()]:
            if value is None:
                continue
            is_label = name not in self.columns or self.columns[name].kind == "label"
            shape = outer_shape(value)
            if tuple(shape[:1]) == x.shape[:1]:
                continue
            if not is_label:
                raise ValueError(
                    f"{first!r} has {len(x)} samples, but {name!r} has {len(value)}: pass pairs."
                )
            raise ValueError(
                f"data has {len(x)} samples, but labels have shape {tuple(shape)}: pass one label"
                " per sample."
            )

    def look(self, rows: int, built: bool) -> dict[str, list[np.ndarray]]:
        """All rows, by column."""
        return {name: [value] for name, value in self.values.items()}

    def label_facts(self, name: str) -> dict[str, Any]:
        """What `labels.learn` asks of all the data."""
        y = self.values[name]
        return {
            "dtype": "str"
            if y.dtype == object
            else np.dtype(self.dtype).name.replace("object", "int64"),
            "class_names": None,
            "largest": lambda: int(y.max()),
            "names": lambda: set(y),
        }

    def stream(self, fields: Mapping[str, Field], order: Order) -> tuple[tf.data.Dataset, int]:
        """An infinite dataset of steps, and the steps per epoch."""
        values = self.values | {name: frame.array for name, frame in self.frames.items()}
        columns = {
            name: labels.numbers(value, fields[name]) if fields[name].is_label else value
            for name, value in values.items()
        }
        # On a machine with a GPU the whole data set would else be copied to its memory.
        with tf.device("CPU:0"):
            columns = {name: tf.constant(value) for name, value in columns.items()}

        @tf.autograph.experimental.do_not_convert
        def read(row: tf.Tensor) -> Batch:
            return {name: tf.gather(column, row) for name, column in columns.items()}

        count, size = len(self.values[next(iter(columns))]), order.rows * row_bytes(fields)
        block = int(max(1, min(_BLOCK_BYTES // max(size, 1), _BLOCK_STEPS)))
        return by_number(read, count, order, block=block)


def row_bytes(fields: Mapping[str, Field]) -> int:
    """Bytes of one row of a batch."""
    specs = [field.batch_spec() for field in fields.values()]
    return sum(int(np.prod(spec.shape[1:])) * spec.dtype.size for spec in specs)


def by_number(
    read: Callable[[tf.Tensor], Batch], count: int, order: Order, *, block: int = 1
) -> tuple[tf.data.Dataset, int]:
    """An infinite dataset of steps, read by row number, and the steps per epoch.

    read: int64 row numbers (n,) -> {name: (n, …)}.
    count: how many rows there are.
    block: how many steps are read by one call. The rows are the same for any.
    """
    per_epoch = count // order.rows
    own = len(range(order.rows)[order.mine])

    @tf.autograph.experimental.do_not_convert
    def steps_from(first: tf.Tensor) -> Batch:
        step = (first + tf.range(block, dtype=tf.int64))[:, None]
        place = tf.range(order.rows, dtype=tf.int64)[order.mine]
        row = tf.reshape(step % per_epoch * order.rows + place, [block * own])
        if order.shuffle:
            epoch = tf.reshape(step // per_epoch + tf.zeros_like(place), [block * own])
            key = [tf.fill([block * own], tf.constant(k, tf.int64)) for k in (KEY, order.seed)]
            row = tf.raw_ops.RandomIndexShuffle(
                index=row,
                seed=tf.stack([*key, epoch], axis=1),
                max_index=tf.constant(count - 1, tf.int64),
            )
        found = read(row)
        if block == 1:
            return found
        return {k: tf.reshape(v, [block, own, *v.shape[1:]]) for k, v in found.items()}

    numbers = tf.data.Dataset.range(order.first_step, np.iinfo("int64").max, block)
    if block == 1:
        dataset = numbers.map(steps_from, AT_ONCE)
    else:
        dataset = numbers.map(steps_from).prefetch(1).unbatch()
    return dataset, order.steps_per_epoch or per_epoch


def check_samples(x: np.ndarray, what: str, column: Column) -> None:
    """Raises ValueError unless the array holds samples of the column: images (N, height, width,
    channels) or vectors (N, features), or series (N, time, features)."""
    if column.is_series:
        if x.ndim != 3:
            raise ValueError(f"{what} has shape {x.shape}, but {learns(column)}.")
        if x.size == 0:
            raise ValueError(f"{what} is empty (shape {x.shape}): {SERIES}.")
        return
    if x.ndim == 3:
        raise ValueError(
            f"{what} has shape {x.shape}, but images are (N, height, width, channels): give grey"
            " images a channel axis with x[..., None], and choose a GAN that learns series for"
            " (N, time, features)."
        )
    if x.ndim not in (2, 4):
        raise ValueError(f"{what} has shape {x.shape}: {FORMS}.")
    if x.size == 0:
        raise ValueError(f"{what} is empty (shape {x.shape}): {FORMS}.")
    if x.ndim == 4 and is_channels_first(x.shape[1:]):
        raise ValueError(channels_first(what, x.shape, "np.moveaxis(x, 1, -1)"))


def is_channels_first(shape: tuple[int, ...]) -> bool:
    """Whether (channels, height, width) is the only likely meaning of an image's shape.

    As (height, width, channels) it would be an image of 3 rows and many channels, or one of 1 or 4
    rows whose width and channels happen to be the sides of an ordinary picture.
    """
    first, second, third = shape
    if first not in (1, 3, 4) or min(second, third) <= 4:
        return False
    return first == 3 or max(second, third) < 2 * min(second, third)


def channels_first(what: str, shape: tuple[int, ...], mend: str) -> str:
    return (
        f"{what} has shape {tuple(shape)}, which is channels first (NCHW), but images are"
        f" (N, height, width, channels): pass {mend}."
    )
