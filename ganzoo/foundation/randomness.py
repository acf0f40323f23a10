"""Stateless randomness: every draw depends only on seed, step, replica and its place in the step.

A resumed run therefore draws the same numbers as an uninterrupted one. Rows are drawn for the
global batch, and each replica takes its own part: replicas draw different noise, and together they
draw the same rows as one device would.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from ganzoo.foundation.keras_compat import draw_seeds_from, leaves

fold_in = tf.random.experimental.stateless_fold_in
Scalar = Any
"""A number or a scalar tensor."""
_NO_GLOBAL_SEED = 87654321  # what TensorFlow gives where no global seed was set


class Noise:
    """A stream of draws for one update of one player.

    As a context manager it also gives their seeds to the random layers that are called within it.

    Args:
        seed: int or int64 scalar tensor.
        step: int or int64 scalar tensor, the number of the update.
        replica: the id of this replica, int or int32 scalar tensor.
        replicas: the number of replicas.
    """

    def __init__(self, seed: Scalar, step: Scalar = 0, replica: Scalar = 0, replicas: int = 1):
        self._key = fold_in(tf.stack([tf.cast(seed, tf.int64), 0]), tf.cast(step, tf.int64))
        self._replica, self._replicas, self._draws = replica, replicas, 0

    def _next_key(self) -> tf.Tensor:
        self._draws += 1
        return fold_in(self._key, self._draws)

    def _rows(self, draw: Callable[..., tf.Tensor], shape: Sequence[Scalar]) -> tf.Tensor:
        return draw([self._replicas, *shape], self._next_key())[self._replica]

    def normal(self, shape: Sequence[Scalar]) -> tf.Tensor:
        """Draws from N(0, 1), float32. `shape` is [rows, ...], the rows of this replica."""
        return self._rows(tf.random.stateless_normal, shape)

    def uniform(self, shape: Sequence[Scalar], low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """Draws from U(low, high), float32. `shape` is [rows, ...], the rows of this replica."""
        return self._rows(
            lambda s, k: tf.random.stateless_uniform(s, k, minval=low, maxval=high), shape
        )

    def integers(self, shape: Sequence[Scalar], below: int) -> tf.Tensor:
        """Draws uniform int32 from 0 to below − 1. `shape` is [rows, ...] of this replica."""
        return self._rows(
            lambda s, k: tf.random.stateless_uniform(s, k, minval=0, maxval=below, dtype=tf.int32),
            shape,
        )

    def layer_seed(self) -> tf.Tensor:
        """A seed for one call of a random layer such as dropout, different on each replica."""
        return fold_in(self._next_key(), self._replica)

    def __enter__(self) -> Noise:
        _current.stack = [*getattr(_current, "stack", ()), self]
        return self

    def __exit__(self, *exception: object) -> None:
        _current.stack = _current.stack[:-1]


# One stack per thread: MirroredStrategy traces each replica in a thread of its own.
_current = threading.local()


def current() -> Noise | None:
    """The Noise of the update in which this is called; None outside of an update."""
    stack = getattr(_current, "stack", None)
    return stack[-1] if stack else None


class LayerSeed(keras.random.SeedGenerator):
    """Gives a random layer its seeds from the Noise of the update in which the layer is called.

    Keras's own SeedGenerator counts calls in a variable that `load_model` does not restore, so
    dropout masks would repeat after a resume, and replicas would share them.
    """

    def next(self, ordered: bool = True) -> tf.Tensor:
        noise = current()
        if noise is None:
            return super().next(ordered)
        return tf.cast(noise.layer_seed(), self.state.dtype)


def seed_layers_from_noise(model: keras.Model) -> None:
    """Gives every random layer of `model` (dropout, noise, augmentation) a LayerSeed."""
    for layer in leaves(model):
        draw_seeds_from(layer, LayerSeed)


def default_seed() -> int:
    """The seed that the user gave `keras.utils.set_random_seed` (modulo 2³¹ − 1), otherwise 0."""
    # TensorFlow completes an operation's seed with the global one, which Keras sets too
    seed, _ = tf.compat.v1.get_seed(op_seed=1)
    return 0 if seed == _NO_GLOBAL_SEED else int(seed)


@contextlib.contextmanager
def seeded_initializers(seed: int) -> Iterator[None]:
    """Makes the layers that Keras builds within the block draw their first weights from `seed`.

    Keras takes the seed of an initializer that was given none from Python's `random`. The caller's
    random state is restored at the end.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
