"""Penalties on the discriminator: pure functions of an update, unweighted.

A penalty is a function `update -> scalar`. It reads the gradient of D at the samples that D has
judged anyway, `update.gradient("real")` or `update.gradient("fake")`, or at others,
`update.gradient_at(samples)`, which runs D once more. Samples are tensors [batch, ...], or nests of
them where D judges pairs. Norms are one per sample, over all axes but the batch and over all
members of a nest.

    def one_sided(update):
        norms = tf.sqrt(ganzoo.penalties.squared_norms(update.gradient("real")) + 1e-12)
        return tf.reduce_mean(tf.nn.relu(norms - 1.0))

    ganzoo.get("dcgan", penalties={one_sided: 10.0})
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from ganzoo.foundation.randomness import Noise
from ganzoo.foundation.registry import unknown


class Judged(Protocol):
    """What a penalty reads of an update, see `ganzoo.core.update.Update`."""

    noise: Noise

    @property
    def real_seen(self) -> Any: ...

    @property
    def fake_seen(self) -> Any: ...

    def gradient(self, of: str) -> Any: ...

    def gradient_at(self, samples: Any) -> Any: ...


Penalty = Callable[[Judged], tf.Tensor]


def squared_norms(gradient: Any) -> tf.Tensor:
    """‖∇D(x)‖² of each sample, [batch], of a gradient [batch, ...] or a nest of them."""
    leaves = tf.nest.flatten(gradient)
    squares = [tf.reduce_sum(tf.square(g), range(1, g.shape.rank)) for g in leaves]
    return squares[0] if len(squares) == 1 else tf.add_n(squares)


def _per_sample(values: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    return tf.reshape(values, [-1] + [1] * (like.shape.rank - 1))


def _between(noise: Noise, one: Any, other: Any) -> Any:
    """εx + (1 − ε)y of each pair of samples, ε ~ U(0, 1) one per pair."""
    epsilon = noise.uniform([tf.shape(tf.nest.flatten(one)[0])[0]])
    return tf.nest.map_structure(lambda x, y: y + _per_sample(epsilon, x) * (x - y), one, other)


def _distance_to_1(gradient: Any) -> tf.Tensor:
    # The root has no derivative at 0.
    norms = tf.sqrt(squared_norms(gradient) + 1e-12)
    return tf.reduce_mean(tf.square(norms - 1.0))


def gradient_penalty(update: Judged) -> tf.Tensor:
    """E(‖∇D(x̂)‖ − 1)², x̂ = εx + (1 − ε)G(z), ε ~ U(0, 1), one ε and one norm per sample.

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3. The norm is taken of ‖∇‖² + 1e-12.
    """
    between = _between(update.noise, update.real_seen, update.fake_seen)
    return _distance_to_1(update.gradient_at(between))


def _deviation(x: tf.Tensor) -> tf.Tensor:
    """The standard deviation of all values of the global batch."""
    moments = tf.stack([tf.reduce_mean(x), tf.reduce_mean(tf.square(x))])
    if replica := tf.distribute.get_replica_context():
        moments = replica.all_reduce(tf.distribute.ReduceOp.MEAN, moments)
    return tf.sqrt(tf.maximum(moments[1] - tf.square(moments[0]), 0.0))


def dragan(update: Judged) -> tf.Tensor:
    """E(‖∇D(x̂)‖ − 1)², x̂ = x + ε·½std(x)·u, ε ~ U(0, 1) per sample, u ~ U(0, 1) per value.

    Kodali et al. 2017, arXiv:1705.07215: the gradient penalty around the data alone. The noise is
    that of the authors' experiments, where the paper has N(0, cI).
    """
    noise, real = update.noise, update.real_seen
    around = tf.nest.map_structure(
        lambda x: x + 0.5 * _deviation(x) * noise.uniform([tf.shape(x)[0], *x.shape[1:]]), real
    )
    return _distance_to_1(update.gradient_at(_between(noise, around, real)))


def r1(update: Judged) -> tf.Tensor:
    """½E‖∇D(x)‖² on real data. Mescheder et al. 2018, arXiv:1801.04406, eq. 9; the weight is γ."""
    return 0.5 * tf.reduce_mean(squared_norms(update.gradient("real")))


def r2(update: Judged) -> tf.Tensor:
    """½E‖∇D(G(z))‖² on fakes. Mescheder et al. 2018, arXiv:1801.04406, eq. 10; the weight is γ."""
    return 0.5 * tf.reduce_mean(squared_norms(update.gradient("fake")))


NAMED: dict[str, Penalty] = {
    "gradient_penalty": gradient_penalty,
    "dragan": dragan,
    "r1": r1,
    "r2": r2,
}
ONE_SIDED = (r1, r2)
"""Penalties that read D's gradient at real or at fake samples alone."""


def get(name: str | Penalty) -> Penalty:
    """The penalty of a name; a function is returned as it is.

    Raises:
        ValueError: no penalty has that name.
    """
    if callable(name):
        return name
    if not isinstance(name, str) or name not in NAMED:
        raise ValueError(unknown("penalty", name, NAMED))
    return NAMED[name]
