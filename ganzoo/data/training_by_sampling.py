"""Tables in memory, whose rows are drawn by a category that they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.data import table_learning, tables
from ganzoo.data.arrays import Order
from ganzoo.data.fields import Column, Field


class Table:
    """A table in memory, as a source of `ganzoo.data.batches`, with training by sampling.

    Xu et al. 2019, arXiv:1907.00503, section 4.3: a row of a batch comes with a condition. A column
    of categories is drawn, then one of its categories with a probability proportional to
    log(1 + its count), then one of the rows that have it. Rare categories are seen more often than
    they occur. Deviation: the paper has log(count), which is 0 for a category of one row.
    """

    columns: Mapping[str, Column] = {"table": Column("table")}

    def __init__(self, frame: Any):
        tables.check_table(frame)
        self.frame = frame
        self.batch_size = min(500, max(1, len(frame) // 10 * 10))

    def look(self, rows: int, built: bool) -> dict[str, list[Any]]:
        """All rows."""
        return {"table": [self.frame]}

    def learn(self, given: Field | None, seed: int) -> dict[str, Field]:
        """The Fields of the table, or the given one, of a built model, and of its conditions."""
        if given is not None and not given.is_table:
            raise ValueError("the model was built for samples and not for a table: make a new one.")
        known = table_learning.learn(self.frame, seed) if given is None else given.columns
        fields = {"table": given or Field((tables.width(known),), "float32", "table", table=known)}
        if tables.categories_of(known):
            fields["condition"] = Field.of_classes(len(tables.shares(known)))
        return fields

    def stream(self, fields: Mapping[str, Field], order: Order) -> tuple[tf.data.Dataset, int]:
        """An infinite dataset of steps, and the steps per epoch, for which a table of n rows has n
        draws. Without shuffling, all rows come in their order."""
        columns = fields["table"].columns
        numbers = tables.numbers(self.frame, columns)
        per_epoch = len(numbers) // order.rows
        with tf.device("CPU:0"):
            rows = tf.constant(numbers)
        drawn = _sampling(numbers, columns) if tables.categories_of(columns) else None

        @tf.autograph.experimental.do_not_convert
        def read(step: tf.Tensor) -> dict[str, tf.Tensor]:
            place = tf.range(order.rows, dtype=tf.int64)
            key = tf.stack([tf.constant(order.seed, tf.int64), step])
            u = tf.random.stateless_uniform([2, order.rows], key)[:, order.mine]
            row = (step % max(per_epoch, 1) * order.rows + place)[order.mine]
            if drawn is None:
                if order.shuffle:
                    last = tf.constant(len(numbers) - 1, tf.int64)
                    row = tf.minimum(tf.cast(u[0] * len(numbers), tf.int64), last)
                return {"table": tf.gather(rows, row)}
            row, condition = drawn(u, None if order.shuffle else row)
            return {"table": tf.gather(rows, row), "condition": condition}

        steps = tf.data.Dataset.range(order.first_step, np.iinfo("int64").max)
        return steps.map(read).prefetch(4), order.steps_per_epoch or max(per_epoch, 1)


def _sampling(
    numbers: np.ndarray, columns: tables.Columns
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """A function that draws (rows, conditions) from uniform numbers [2, n], or a condition for
    each of given rows."""
    places = [i for i, column in enumerate(columns) if column.is_category]
    codes = numbers[:, places].astype("int32").T
    sizes = [columns[i].choices for i in places]
    counts = [np.bincount(c, minlength=n) for c, n in zip(codes, sizes, strict=True)]
    there = np.flatnonzero(np.concatenate(counts))  # a new table may lack a known category
    weights = [np.log1p(n) / np.log1p(n).sum() / len(places) for n in counts]
    with tf.device("CPU:0"):
        bounds = tf.constant(np.cumsum(np.concatenate(weights)[there]), tf.float32)
        condition = tf.constant(there, tf.int32)
        column = tf.constant(np.repeat(np.arange(len(places)), sizes)[there], tf.int64)
        count = tf.constant(np.concatenate(counts)[there], tf.int64)
        first = np.concatenate([np.cumsum(n) - n for n in counts])[there]
        first = tf.constant(first, tf.int64)
        offset = tf.constant(np.cumsum([0, *sizes[:-1]]), tf.int32)
        sorted_rows = tf.constant(np.argsort(codes, axis=1, kind="stable"), tf.int64)
        code = tf.constant(codes)

    def draw(u: tf.Tensor, given: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        if given is not None:
            chosen = tf.cast(u[0] * len(places), tf.int64)
            own = tf.gather_nd(code, tf.stack([chosen, given], axis=1))
            return given, tf.gather(offset, chosen) + own
        # The last bound is 1 up to rounding, and a float below 1 may lie above it.
        drawn = tf.searchsorted(bounds[:-1], u[0], side="right", out_type=tf.int64)
        of = tf.gather(count, drawn)
        nth = tf.minimum(tf.cast(u[1] * tf.cast(of, tf.float32), tf.int64), of - 1)
        nth += tf.gather(first, drawn)
        row = tf.gather_nd(sorted_rows, tf.stack([tf.gather(column, drawn), nth], axis=1))
        return row, tf.gather(condition, drawn)

    return draw
