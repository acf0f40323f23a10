"""Stateless randomness: every draw is a function of (seed, step, replica) and of its place in
the step, so that a resumed run draws what the uninterrupted one would have drawn.

Rows are drawn for the global batch and each replica takes its own: replicas draw different
noise, and any number of them together draw what one device would.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator

import keras
import tensorflow as tf

from ganzoo.foundation.keras_compat import draw_seeds_from, leaves

fold_in = tf.random.experimental.stateless_fold_in


class Noise:
    """A stream of draws for one update of one player.

    Args:
        seed: int or int64 scalar tensor.
        step: int or int64 scalar tensor, the update's number.
        replica, replicas: this replica's id (int or tensor) and how many there are.
    """

    def __init__(self, seed, step=0, replica=0, replicas=1):
        self._key = fold_in(tf.stack([tf.cast(seed, tf.int64), 0]), tf.cast(step, tf.int64))
        self._replica, self._replicas, self._draws = replica, replicas, 0

    def _next_key(self) -> tf.Tensor:
        self._draws += 1
        return fold_in(self._key, self._draws)

    def _rows(self, draw, shape) -> tf.Tensor:
        return draw([self._replicas, *shape], self._next_key())[self._replica]

    def normal(self, shape) -> tf.Tensor:
        """N(0, 1), float32; `shape` is [rows, ...] of this replica."""
        return self._rows(tf.random.stateless_normal, shape)

    def uniform(self, shape, low=0.0, high=1.0) -> tf.Tensor:
        """U(low, high), float32; `shape` is [rows, ...] of this replica."""
        return self._rows(
            lambda s, k: tf.random.stateless_uniform(s, k, minval=low, maxval=high), shape
        )

    def integers(self, shape, below: int) -> tf.Tensor:
        """Uniform int32 in 0..below−1; `shape` is [rows, ...] of this replica."""
        return self._rows(
            lambda s, k: tf.random.stateless_uniform(s, k, minval=0, maxval=below, dtype=tf.int32),
            shape,
        )

    def layer_seed(self) -> tf.Tensor:
        """A seed for one call of a random layer such as dropout, another on each replica."""
        return fold_in(self._next_key(), self._replica)

    def __enter__(self) -> Noise:
        _current.stack = [*getattr(_current, "stack", ()), self]
        return self

    def __exit__(self, *exception) -> None:
        _current.stack = _current.stack[:-1]


# One stack per thread: MirroredStrategy traces each replica in a thread of its own.
_current = threading.local()


class LayerSeed(keras.random.SeedGenerator):
    """What a random layer draws its seeds from: the Noise of the update it is called in.

    Keras's own SeedGenerator counts calls in a variable that `load_model` doesn't restore, so
    dropout masks repeat after a resume, and it is the same on each replica.
    """

    def next(self, ordered=True):
        stack = getattr(_current, "stack", None)
        if not stack:
            return super().next(ordered)
        return tf.cast(stack[-1].layer_seed(), self.state.dtype)


def seed_layers_from_noise(model: keras.Model) -> None:
    """Gives every random layer of `model` (dropout, noise, augmentation) a LayerSeed."""
    for layer in leaves(model):
        draw_seeds_from(layer, LayerSeed)


@contextlib.contextmanager
def seeded_initializers(seed: int) -> Iterator[None]:
    """Within it, layers that Keras builds draw their first weights from `seed`; the caller's
    own random state is as before when it ends. Keras takes the seed of an initializer that was
    given none from Python's `random`."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
