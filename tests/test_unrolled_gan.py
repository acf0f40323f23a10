"""The unrolled GAN against closed forms on a scalar game, through the real `fit`."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import ganzoo
from ganzoo.losses.objectives import Objective


class Point(keras.layers.Layer):
    """G(z) = θ."""

    def build(self, input_shape):
        self.theta = self.add_weight(shape=(1,), initializer="zeros")

    def call(self, z):
        return ops.zeros_like(z) + self.theta


def moved(theta, psi, steps, rate):
    """G's gradient on L_D = ½(D(G) − 1)² and L_G = D(G) with G(z) = θ and D(x) = ψx, and ψ after
    the step, where D's own rate is 0."""
    generator = keras.Sequential([keras.Input([1]), Point()])
    critic = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    generator.set_weights([np.array([theta])])
    critic.set_weights([np.array([[psi]])])
    quadratic = Objective(
        lambda real, fake: 0.5 * tf.reduce_mean(tf.square(fake - 1.0)),
        lambda real, fake: tf.reduce_mean(fake),
    )
    gan = ganzoo.get(
        "unrolled_gan", architecture=(generator, critic), latent_dim=1, objective=quadratic,
        unrolled_steps=steps, unrolling_rate=rate,
    )  # fmt: skip
    gan.compile(
        generator_optimizer=keras.optimizers.SGD(1.0),
        discriminator_optimizer=keras.optimizers.SGD(0.0),
    )
    gan.fit(np.zeros([8, 1], "float32"), batch_size=4, steps_per_epoch=1, verbose=0)
    return theta - float(generator.weights[0][0]), float(critic.weights[0][0, 0])


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_the_gradient_of_a_quadratic_game(steps):
    """u = ψθ − 1 shrinks by r = 1 − ηθ² per step of D, so that D(G) is 1 + u·rᵏ after k."""
    theta, psi, rate = 0.8, -0.5, 0.3
    shrink, u = 1 - rate * theta**2, psi * theta - 1
    expected = psi * shrink**steps
    if steps:
        expected += u * steps * shrink ** (steps - 1) * -2 * rate * theta
    gradient, after = moved(theta, psi, steps, rate)
    assert gradient == pytest.approx(expected, rel=1e-5)
    assert after == psi, "the steps ahead are forgotten"


def weights_after(name, **hyperparameters):
    gan = ganzoo.get(name, width=8, latent_dim=4, **hyperparameters)
    x = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    gan.fit(x, batch_size=16, steps_per_epoch=3, verbose=0)
    return [w.numpy() for w in gan.trainable_variables]


def test_no_steps_ahead_are_the_plain_gan_and_some_are_not():
    plain = weights_after("gan")
    for one, other in zip(plain, weights_after("unrolled_gan", unrolled_steps=0), strict=True):
        np.testing.assert_array_equal(one, other)
    unrolled = weights_after("unrolled_gan", unrolled_steps=1)
    assert any((one != other).any() for one, other in zip(plain, unrolled, strict=True))


def test_the_gradient_through_networks_is_that_of_finite_differences():
    """G's loss at moved weights of G, with normalised layers, a penalty and packs."""
    gan = ganzoo.get(
        "unrolled_gan", width=3, latent_dim=2, unrolled_steps=2, packing=2, unrolling_rate=0.5,
        penalties={"r1": 0.5}, discriminator_normalization="layer",
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    gan.build_from(x, batch_size=8)
    found = {}
    rows = {"vector": tf.constant(x[:8])}

    def play(player, update):
        if player == "generator":
            with update.generator_tape as tape, update.noise:
                tape.watch([w.value for w in gan.generator_variables])
                terms = gan.generator_loss(update)
            sources = [w.value for w in gan.generator_variables]
            found["loss"] = float(terms["generator"])
            found["gradient"] = tape.gradient(list(terms.values()), sources)
            return terms
        return {"discriminator": tf.constant(0.0)}

    gan.play(rows, play)
    gradient = [g.numpy() for g in found["gradient"]]
    random = np.random.default_rng(1)
    direction = [random.normal(size=g.shape) for g in gradient]
    losses = []
    for sign in (1, -1):
        for weight, way in zip(gan.generator_variables, direction, strict=True):
            weight.assign_add(sign * 1e-3 * way)
        gan.play(rows, play)
        losses.append(found["loss"])
        for weight, way in zip(gan.generator_variables, direction, strict=True):
            weight.assign_add(-sign * 1e-3 * way)
    expected = sum(np.sum(g * way) for g, way in zip(gradient, direction, strict=True))
    assert (losses[0] - losses[1]) / 2e-3 == pytest.approx(expected, rel=0.02, abs=1e-4)
