"""Gradient penalties on the discriminator.

A penalty is a pure function `update -> scalar`, without a weight. It reads gradients of D's logits:
`update.gradient("real")` and `update.gradient("fake")` at the real and fake samples of the update,
whose outputs the loss has computed already, or `update.gradient_at(samples)` at other samples,
which runs D once more.

Samples are tensors [batch, ...], or nests of tensors if D takes pairs. There is one norm for each
sample, over all axes but the batch and over all members of a nest.

    def one_sided(update):
        norms = tf.sqrt(ganzoo.penalties.squared_norms(update.gradient("real")) + 1e-12)
        return tf.reduce_mean(tf.nn.relu(norms - 1.0))

    ganzoo.get("dcgan", penalties={one_sided: 10.0})

Decorate it with `@keras.saving.register_keras_serializable()`, so that a GAN with it can be saved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from ganzoo.foundation.randomness import Noise
from ganzoo.foundation.registry import unknown
from ganzoo.foundation.replicas import mean_over_replicas


class Update(Protocol):
    """The part of a `ganzoo.core.update.Update` that a penalty reads."""

    noise: Noise

    @property
    def real_seen(self) -> Any: ...

    @property
    def fake_seen(self) -> Any: ...

    def gradient(self, of: str) -> Any: ...

    def gradient_at(self, samples: Any) -> Any: ...


Penalty = Callable[[Update], tf.Tensor]


def squared_norms(gradient: Any) -> tf.Tensor:
    """Returns ‖∇D(x)‖² of each sample, [batch].

    Args:
        gradient: ∇D(x), [batch, ...], or a nest of such tensors.
    """
    leaves = tf.nest.flatten(gradient)
    squares = [tf.reduce_sum(tf.square(g), range(1, g.shape.rank)) for g in leaves]
    return squares[0] if len(squares) == 1 else tf.add_n(squares)


def _per_sample(values: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    return tf.reshape(values, [-1] + [1] * (like.shape.rank - 1))


def _between(noise: Noise, one: Any, other: Any) -> Any:
    """Returns εx + (1 − ε)y for each pair of samples, with one ε ~ U(0, 1) per pair."""
    epsilon = noise.uniform([tf.shape(tf.nest.flatten(one)[0])[0]])
    return tf.nest.map_structure(lambda x, y: y + _per_sample(epsilon, x) * (x - y), one, other)


def _distance_to_1(gradient: Any) -> tf.Tensor:
    # 1e-12 is added because the root has no derivative at 0.
    norms = tf.sqrt(squared_norms(gradient) + 1e-12)
    return tf.reduce_mean(tf.square(norms - 1.0))


def gradient_penalty(update: Update) -> tf.Tensor:
    """E(‖∇D(x̂)‖ − 1)² at x̂ = εx + (1 − ε)G(z), with one ε ~ U(0, 1) and one norm per sample.

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3; the paper's weight is 10. Deviation: the norm is
    √(‖∇‖² + 1e-12), because the root has no derivative at 0.
    """
    between = _between(update.noise, update.real_seen, update.fake_seen)
    return _distance_to_1(update.gradient_at(between))


def _deviation(x: tf.Tensor) -> tf.Tensor:
    """Returns the standard deviation of all values in the batches of all replicas."""
    moments = mean_over_replicas(tf.stack([tf.reduce_mean(x), tf.reduce_mean(tf.square(x))]))
    return tf.sqrt(tf.maximum(moments[1] - tf.square(moments[0]), 0.0))


def dragan(update: Update) -> tf.Tensor:
    """E(‖∇D(x̂)‖ − 1)² at x̂ = x + ε·½std(x)·u, ε ~ U(0, 1) per sample, u ~ U(0, 1) per value.

    Kodali et al. 2017, arXiv:1705.07215: the gradient penalty at points near the real samples.
    Deviation: the noise is that of the authors' experiments; the paper has N(0, cI). The norm is
    √(‖∇‖² + 1e-12), because the root has no derivative at 0.
    """
    noise, real = update.noise, update.real_seen
    around = tf.nest.map_structure(
        lambda x: x + 0.5 * _deviation(x) * noise.uniform([tf.shape(x)[0], *x.shape[1:]]), real
    )
    return _distance_to_1(update.gradient_at(_between(noise, around, real)))


def r1(update: Update) -> tf.Tensor:
    """½E‖∇D(x)‖² at real samples; its weight is the paper's γ.

    Mescheder et al. 2018, arXiv:1801.04406, eq. 9.
    """
    return 0.5 * tf.reduce_mean(squared_norms(update.gradient("real")))


def r2(update: Update) -> tf.Tensor:
    """½E‖∇D(G(z))‖² at fake samples; its weight is the paper's γ.

    Mescheder et al. 2018, arXiv:1801.04406, eq. 10.
    """
    return 0.5 * tf.reduce_mean(squared_norms(update.gradient("fake")))


NAMED: dict[str, Penalty] = {
    "gradient_penalty": gradient_penalty,
    "dragan": dragan,
    "r1": r1,
    "r2": r2,
}
ONE_SIDED = (r1, r2)
"""Penalties that read D's gradient only at real or only at fake samples."""


def get(name: str | Penalty) -> Penalty:
    """Returns the penalty of that name, or `name` itself if it is a function.

    Raises:
        ValueError: no penalty has that name.
    """
    if callable(name):
        return name
    if not isinstance(name, str) or name not in NAMED:
        raise ValueError(unknown("penalty", name, NAMED))
    return NAMED[name]
