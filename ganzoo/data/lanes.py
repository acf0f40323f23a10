"""Rows in shards, in an order in which each worker reads its own shards only.

The S shards are dealt, in their order, into L equal lanes, where L is the greatest common divisor of
S, the rows of a step, and 16. Each step takes equally many rows from each lane, and worker i of n
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

    def rows_of(lane: int, epoch: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
        count, seed = sizes.shape[1], tf.constant(order.seed, tf.int64)
        key = tf.stack([tf.constant(KEY + 1 + lane, tf.int64), seed, epoch])
        turn = _shuffled(tf.range(count, dtype=tf.int64), key, count)
        size, first = tf.gather(sizes[lane], turn), tf.gather(before[lane], turn)
        ends = tf.cumsum(size)
        found = tf.searchsorted(ends, at, side="right")
        size, begun = tf.gather(size, found), tf.gather(ends - size, found)
        shard = tf.gather(turn, found) + lane * count  # numbered through all lanes
        key = tf.stack([shard, tf.fill([each], seed), tf.fill([each], epoch)], axis=1)
        return tf.gather(first, found) + _shuffled(at - begun, key, size)

    @tf.autograph.experimental.do_not_convert
    def step_at(step: tf.Tensor) -> Batch:
        epoch = step // per_epoch
        at = step % per_epoch * each + tf.range(each, dtype=tf.int64)
        own = range(place.start // each, place.stop // each)
        return read(tf.concat([rows_of(lane, epoch, at) for lane in own], axis=0))

    numbers = tf.data.Dataset.range(order.first_step, np.iinfo("int64").max)
    return numbers.map(step_at, AT_ONCE), order.steps_per_epoch or per_epoch


def _shuffled(index: tf.Tensor, key: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """Where the index goes in a random permutation of so many."""
    most = tf.cast(count, tf.int64) - 1
    return tf.raw_ops.RandomIndexShuffle(index=index, seed=key, max_index=most)
