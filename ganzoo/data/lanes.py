"""Rows in shards, in an order in which each worker reads its own shards only.

The S shards are dealt, in their order, into L equal lanes, where L is the greatest common divisor
of S, the rows of a step, and 16. Each step takes equally many rows from each lane. Worker i of n
reads the i-th n-th of the lanes, which are the i-th n-th of the shards. L doesn't depend on n: the
steps are the same for each number of workers that divides L.

In an epoch each lane reads its shards one after another in a random order, and the rows of a shard
in a random order. Both depend only on the seed and the epoch, so that any step can be read at once.
An epoch ends when the shortest lane has no rows for another step; which rows of the longer lanes
are left out differs from epoch to epoch.

In contrast to `ganzoo.data.arrays.by_number`, a step has rows of L shards only, which are therefore
to be mixed when they are written. In return a worker has at most 2·L/n shards at hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.data.arrays import AT_ONCE, KEY, Batch, Order

LANES = 16


def by_lane(
    read: Callable[[tf.Tensor], Batch], shards: Sequence[int], order: Order
) -> tuple[tf.data.Dataset, int]:
    """An infinite dataset of steps, and the steps per epoch, as `by_number` makes them.

    read: int64 row numbers (n,) -> {name: (n, …)}.
    shards: how many rows each shard has; rows are numbered through all of them.

    Raises:
        ValueError: the lanes can't be divided among the workers.
    """
    lanes = math.gcd(len(shards), order.rows, LANES)
    each = order.rows // lanes
    place = range(order.rows)[order.mine]
    if place.start % each or place.stop % each:
        n = order.rows // len(place)
        raise ValueError(
            f"{len(shards)} shards and {order.rows} rows per step can't be divided among {n} "
            f"workers: use 2, 4, 8 or 16 workers, and let their number divide both."
        )
    sizes = np.asarray(shards, "int64").reshape(lanes, -1)  # of each lane
    before = np.cumsum(shards, dtype="int64").reshape(sizes.shape) - sizes
    per_epoch = int(sizes.sum(1).min()) // each
    if not per_epoch:
        raise ValueError(
            f"the smallest of {lanes} equal groups of shards has {sizes.sum(1).min()} rows, but a "
            f"step takes {each} of each: pass a smaller batch_size, or shards of equal size."
        )

    own = np.arange(place.start // each, place.stop // each)
    sizes, before, count = sizes[own], before[own], sizes.shape[1]

    @tf.autograph.experimental.do_not_convert
    def step_at(step: tf.Tensor) -> Batch:
        epoch = step // per_epoch
        at = step % per_epoch * each + tf.range(each, dtype=tf.int64)
        at = tf.tile(at[None], [len(own), 1])  # in each lane's epoch
        in_turn = np.tile(np.arange(count), [len(own), 1])
        turn = _shuffled(in_turn, KEY + 1 + own[:, None], order.seed, epoch, count - 1)
        size, first = (tf.gather(of, turn, batch_dims=1) for of in (sizes, before))
        ends = tf.cumsum(size, axis=1)
        found = tf.searchsorted(ends, at, side="right")
        size, first, begun, shard = (
            tf.gather(of, found, batch_dims=1)
            for of in (size, first, ends - size, turn + own[:, None] * count)
        )
        rows = first + _shuffled(at - begun, shard, order.seed, epoch, size - 1)
        return read(tf.reshape(rows, [len(place)]))

    numbers = tf.data.Dataset.range(order.first_step, np.iinfo("int64").max)
    return numbers.map(step_at, AT_ONCE), order.steps_per_epoch or per_epoch


def _shuffled(index: Any, *key_and_most: Any) -> tf.Tensor:
    """Where each index goes in a random permutation of 0 … most, which a key of three determines;
    all int64, of the shape of the index or broadcast to it."""
    shape = tf.shape(index)
    flat = [
        tf.reshape(tf.broadcast_to(tf.cast(part, tf.int64), shape), [-1])
        for part in (index, *key_and_most)
    ]
    found = tf.raw_ops.RandomIndexShuffle(
        index=flat[0], seed=tf.stack(flat[1:4], axis=1), max_index=flat[4]
    )
    return tf.reshape(found, shape)
