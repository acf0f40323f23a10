"""What replicas compute together."""

from __future__ import annotations

import tensorflow as tf


def mean_over_replicas(x: tf.Tensor) -> tf.Tensor:
    """The mean of a replica's tensor over all replicas, which can be differentiated; outside of a
    replica, the tensor itself."""
    replica = tf.distribute.get_replica_context()
    return replica.all_reduce(tf.distribute.ReduceOp.MEAN, x) if replica else x
