"""Penalties on the critic: (critic, real, fake, noise) -> scalar, pure and unweighted.

`critic` maps samples to logits and hides everything else, labels too. `real` and `fake` are what
it judges: a tensor [batch, ...], or a nest of them where the critic sees pairs. Norms are one per
sample, over all axes but the batch and over all members of a nest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ganzoo.foundation.randomness import Noise
from ganzoo.foundation.registry import unknown

Critic = Callable[[Any], tf.Tensor]
Penalty = Callable[[Critic, Any, Any, Noise], tf.Tensor]


def squared_gradient_norm(critic: Critic, samples: Any) -> tf.Tensor:
    """‖∇D(x)‖² of each sample, [batch]: the gradient of the sum of all logits, since D judges
    each sample alone. Differentiable in the critic's weights."""
    leaves = tf.nest.flatten(samples)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(leaves)
        logits = critic(tf.nest.pack_sequence_as(samples, leaves))
    gradients = tape.gradient(logits, leaves, unconnected_gradients="zero")
    return tf.add_n([tf.reduce_sum(tf.square(g), range(1, g.shape.rank)) for g in gradients])


def _per_sample(values: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    return tf.reshape(values, [-1] + [1] * (like.shape.rank - 1))


def gradient_penalty(critic: Critic, real: Any, fake: Any, noise: Noise) -> tf.Tensor:
    """E(‖∇D(x̂)‖ − 1)², x̂ = εx + (1 − ε)G(z), ε ~ U(0, 1), one ε and one norm per sample.

    Gulrajani et al. 2017, arXiv:1704.00028, eq. 3. The norm is taken of ‖∇‖² + 1e-12, since the
    root has no derivative at 0.
    """
    epsilon = noise.uniform([tf.shape(tf.nest.flatten(real)[0])[0]])
    between = tf.nest.map_structure(lambda x, g: g + _per_sample(epsilon, x) * (x - g), real, fake)
    norms = tf.sqrt(squared_gradient_norm(critic, between) + 1e-12)
    return tf.reduce_mean(tf.square(norms - 1.0))


def _deviation(x: tf.Tensor) -> tf.Tensor:
    """The standard deviation of all values of the global batch."""
    moments = tf.stack([tf.reduce_mean(x), tf.reduce_mean(tf.square(x))])
    if replica := tf.distribute.get_replica_context():
        moments = replica.all_reduce(tf.distribute.ReduceOp.MEAN, moments)
    return tf.sqrt(tf.maximum(moments[1] - tf.square(moments[0]), 0.0))


def dragan(critic: Critic, real: Any, fake: Any, noise: Noise) -> tf.Tensor:
    """E(‖∇D(x̂)‖ − 1)², x̂ = x + ε·½std(x)·u, ε ~ U(0, 1) per sample, u ~ U(0, 1) per value.

    Kodali et al. 2017, arXiv:1705.07215: the gradient penalty around the data alone. The noise is
    that of the authors' experiments, where the paper has N(0, cI).
    """
    around = tf.nest.map_structure(
        lambda x: x + 0.5 * _deviation(x) * noise.uniform([tf.shape(x)[0], *x.shape[1:]]), real
    )
    return gradient_penalty(critic, around, real, noise)


def r1(critic: Critic, real: Any, fake: Any, noise: Noise) -> tf.Tensor:
    """½E‖∇D(x)‖² on real data. Mescheder et al. 2018, arXiv:1801.04406, eq. 9; the weight is γ."""
    return 0.5 * tf.reduce_mean(squared_gradient_norm(critic, real))


def r2(critic: Critic, real: Any, fake: Any, noise: Noise) -> tf.Tensor:
    """½E‖∇D(G(z))‖² on fakes. Mescheder et al. 2018, arXiv:1801.04406, eq. 10; the weight is γ."""
    return 0.5 * tf.reduce_mean(squared_gradient_norm(critic, fake))


NAMED: dict[str, Penalty] = {
    "gradient_penalty": gradient_penalty,
    "dragan": dragan,
    "r1": r1,
    "r2": r2,
}


def get(name: str) -> Penalty:
    """The penalty of a name.

    Raises:
        ValueError: no penalty has that name.
    """
    if name not in NAMED:
        raise ValueError(unknown("penalty", name, NAMED))
    return NAMED[name]
