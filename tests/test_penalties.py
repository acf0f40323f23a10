"""Penalties against closed forms and finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo import networks, penalties
from ganzoo.randomness import Noise

RNG = np.random.default_rng(0)


def linear(weights):
    return lambda x: tf.linalg.matvec(tf.reshape(x, [len(x), -1]), weights)[:, None]


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2, 2)])
def test_a_linear_critic_has_its_weights_as_gradient(shape):
    w = tf.constant(RNG.normal(size=int(np.prod(shape[1:]))), tf.float32)
    real, fake = (tf.constant(RNG.normal(size=shape), tf.float32) for _ in range(2))
    square = float(tf.reduce_sum(w**2))
    norms = penalties.squared_gradient_norm(linear(w), real)
    np.testing.assert_allclose(norms, np.full(shape[0], square), rtol=1e-5)
    gradient_penalty = penalties.gradient_penalty(linear(w), real, fake, Noise(0))
    assert float(gradient_penalty) == pytest.approx((np.sqrt(square) - 1) ** 2, rel=1e-5)
    for penalty in (penalties.r1, penalties.r2):
        value = float(penalty(linear(w), real, fake, Noise(0)))
        assert value == pytest.approx(square / 2, rel=1e-5)


def test_norms_are_one_per_sample():
    """A quadratic critic ½x² has gradient x: two samples of norms 3 and 4, not one of norm 5."""
    x = tf.constant([[3.0, 0.0], [0.0, 4.0]])
    norms = penalties.squared_gradient_norm(lambda s: tf.reduce_sum(s**2, 1) / 2, x)
    np.testing.assert_allclose(norms, [9.0, 16.0])
    penalty = penalties.gradient_penalty(lambda s: tf.reduce_sum(s**2, 1) / 2, x, x, Noise(0))
    assert float(penalty) == pytest.approx((2.0**2 + 3.0**2) / 2)


def test_interpolates_lie_on_the_lines_between_real_and_fake():
    """Between 0 and 1 the critic ½x² has gradient ε: one ε per sample, E(ε − 1)² = ⅓."""
    zeros, ones = tf.zeros([20_000, 1]), tf.ones([20_000, 1])
    critic = lambda s: tf.reduce_sum(s**2, 1) / 2  # noqa: E731
    assert float(penalties.gradient_penalty(critic, ones, zeros, Noise(0))) == pytest.approx(
        1 / 3, abs=0.01
    )


def test_a_nest_counts_as_one_sample():
    pair = (tf.constant([[3.0]]), tf.constant([[4.0]]))
    critic = lambda s: tf.reduce_sum(s[0] ** 2 + s[1] ** 2, 1) / 2  # noqa: E731
    np.testing.assert_allclose(penalties.squared_gradient_norm(critic, pair), [25.0])


@pytest.mark.parametrize("normalization", ["none", "layer"])
@pytest.mark.parametrize("architecture", ["mlp", "dcgan"])
@pytest.mark.parametrize("name", penalties.NAMED)
def test_second_order_gradients_against_finite_differences(name, architecture, normalization):
    """The penalty's derivative along a random direction of the critic's weights, in float64."""
    keras.utils.set_random_seed(0)
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        build = networks.choose(architecture, (8, 8, 1))
        features = build.features((8, 8, 1), width=4, normalization=normalization)
        critic = networks.with_heads(features, {"logits": [keras.layers.Dense(1)]})
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy(policy)
    real, fake = (tf.constant(RNG.normal(size=(3, 8, 8, 1))) for _ in range(2))
    epsilon = tf.constant(RNG.random(3))

    class Fixed(Noise):
        def uniform(self, shape, low=0.0, high=1.0):
            return epsilon

    def penalty():
        judge = lambda x: critic(x, training=True)["logits"]  # noqa: E731
        return penalties.get(name)(judge, real, fake, Fixed(0))

    weights = [v.value for v in critic.trainable_variables]
    with tf.GradientTape() as tape:
        loss = penalty()
    gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
    direction = [RNG.normal(size=w.shape) for w in weights]
    slope = sum(float(tf.reduce_sum(g * d)) for g, d in zip(gradients, direction, strict=True))
    losses = []
    for h in (1e-6, -2e-6):
        for w, d in zip(weights, direction, strict=True):
            w.assign_add(h * d)
        losses.append(float(penalty()))
    assert slope == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-4)


def test_unknown_penalty_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'gradient_penalty'"):
        penalties.get("gradient_penalti")
