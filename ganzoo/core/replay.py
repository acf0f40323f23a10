"""A history of earlier fakes, from which the discriminator is shown some in place of new ones."""

from __future__ import annotations

import keras
import tensorflow as tf

from ganzoo.foundation.randomness import Noise


class Replay:
    """The last fakes, of which the discriminator is shown some again.

    Shrivastava et al. 2017, arXiv:1612.07828, section 2.3, as the authors of CycleGAN have it: the
    first `size` fakes are kept and shown. After that, each new fake is exchanged with a random one
    of the history with probability ½, and the old one is shown.

    The rows of one batch are exchanged with different rows of the history. If a batch has more than
    `size` rows, the others are shown as they are. All replicas share one history.

    Args:
        owner: the model whose state it is, which saves it.
        shape: of one fake.
        size: how many fakes are kept.
        name: of its variables.
    """

    def __init__(self, owner: keras.Model, shape: tuple[int, ...], size: int, name: str):
        self.size = size
        self.history = owner.add_weight(
            shape=(size, *shape), initializer="zeros", trainable=False, name=f"{name}_history",
            aggregation="only_first_replica",
        )  # fmt: skip
        self.kept = owner.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name=f"{name}_kept",
            aggregation="only_first_replica",
        )  # fmt: skip

    def exchange(self, fakes: tf.Tensor, noise: Noise) -> tf.Tensor:
        """Returns the fakes to show, [batch, *shape], and keeps new ones. Call it once in a step.

        Args:
            fakes: new fakes, [batch, *shape].
            noise: the draws of this update.
        """
        new, rows = _gathered(tf.cast(fakes, tf.float32)), tf.shape(fakes)[0]
        chance = _gathered(noise.uniform([rows]))[: self.size]
        order = tf.argsort(_gathered(noise.uniform([self.size]))[: self.size])
        count = tf.size(chance)
        history = tf.convert_to_tensor(self.history)
        kept = tf.convert_to_tensor(self.kept)
        filling, places = kept < self.size, kept + tf.range(count)
        slots = tf.where(filling, places % self.size, order[:count])
        exchanged = ~filling & (chance < 0.5)
        taken = tf.where(filling, places < self.size, exchanged)
        old = tf.gather(history, slots)
        shown = tf.concat([_where(exchanged, old, new[:count]), new[count:]], axis=0)
        changed = _where(taken, new[:count], old)
        self.history.assign(tf.tensor_scatter_nd_update(history, slots[:, None], changed))
        self.kept.assign(tf.minimum(kept + count, self.size))
        first = tf.distribute.get_replica_context().replica_id_in_sync_group * rows
        return tf.ensure_shape(tf.cast(shown[first : first + rows], fakes.dtype), fakes.shape)


def _gathered(rows: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas, in their order."""
    context = tf.distribute.get_replica_context()
    return rows if context.num_replicas_in_sync == 1 else context.all_gather(rows, axis=0)


def _where(mask: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """x in the rows where `mask` is True, else y."""
    return tf.where(tf.reshape(mask, [-1] + [1] * (len(x.shape) - 1)), x, y)
