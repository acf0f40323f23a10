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


def played(theta, psi, steps, after=0, optimizer=None):
    """G's gradient on L_D = ½(D(G) − 1)² and L_G = D(G) with G(z) = θ and D(x) = ψx, and ψ after
    the update, where D's Adam has made `after` steps before."""
    generator = keras.Sequential([keras.Input([1]), Point()])
    critic = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    quadratic = Objective(
        lambda real, fake: 0.5 * tf.reduce_mean(tf.square(fake - 1.0)),
        lambda real, fake: tf.reduce_mean(fake),
    )
    gan = ganzoo.get(
        "unrolled_gan", architecture=(generator, critic), latent_dim=1, objective=quadratic,
        unrolled_steps=steps,
    )  # fmt: skip
    optimizer = optimizer or keras.optimizers.Adam(RATE, *BETAS)
    gan.compile(generator_optimizer=keras.optimizers.SGD(1.0), discriminator_optimizer=optimizer)
    x = np.zeros([8, 1], "float32")
    gan.build_from(x, batch_size=4)
    if after:
        made = gan.discriminator_optimizer
        for value, variable in zip(
            (after, *MOMENTS),
            (made.iterations, made._momentums[0], made._velocities[0]),
            strict=True,
        ):
            variable.assign(np.full(variable.shape, value))
    generator.set_weights([np.array([theta])])
    critic.set_weights([np.array([[psi]])])
    gan.fit(x, batch_size=4, steps_per_epoch=1, verbose=0)
    return theta - float(generator.weights[0][0]), float(critic.weights[0][0, 0])


RATE, BETAS, MOMENTS = 0.05, (0.5, 0.9), (0.2, 0.1)


def adam(theta, psi, moments, first, last):
    """ψ and the moments after the steps `first` to `last` of Adam on ½(ψθ − 1)², in NumPy."""
    mean, square = moments
    for t in range(first, last + 1):
        slope = (psi * theta - 1) * theta
        mean = BETAS[0] * mean + (1 - BETAS[0]) * slope
        square = BETAS[1] * square + (1 - BETAS[1]) * slope**2
        unbiased = mean / (1 - BETAS[0] ** t), square / (1 - BETAS[1] ** t)
        psi = psi - RATE * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-7)
    return psi, (mean, square)


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_the_gradient_of_a_quadratic_game(steps):
    """D makes its own step first. The steps ahead begin there, with its moments."""
    theta, psi, after = 0.8, -0.5, 3
    psi, moments = adam(theta, psi, MOMENTS, after + 1, after + 1)

    def judged(theta):
        return adam(theta, psi, moments, after + 2, after + 1 + steps)[0] * theta

    expected = (judged(theta + 1e-6) - judged(theta - 1e-6)) / 2e-6
    gradient, moved = played(theta, -0.5, steps, after)
    assert gradient == pytest.approx(expected, rel=1e-4)
    assert moved == pytest.approx(psi, rel=1e-5), "the steps ahead are forgotten"


@pytest.mark.slow
def test_the_steps_of_other_optimizers_are_gradient_descent():
    """u = ψθ − 1 shrinks by r = 1 − ηθ² per step of D, so that D(G) is 1 + u·rᵏ after k."""
    theta, psi, steps = 0.8, -0.5, 3
    shrink = 1 - RATE * theta**2
    psi -= RATE * (psi * theta - 1) * theta
    u = psi * theta - 1
    expected = psi * shrink**steps
    expected += u * steps * shrink ** (steps - 1) * -2 * RATE * theta
    gradient, moved = played(theta, -0.5, steps, optimizer=keras.optimizers.SGD(RATE))
    assert gradient == pytest.approx(expected, rel=1e-5)
    assert moved == pytest.approx(psi, rel=1e-6)


def weights_after(name, **hyperparameters):
    rates = {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
    gan = ganzoo.get(name, width=8, latent_dim=4, **rates, **hyperparameters)
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
    """G's loss at moved weights of G, with normalised layers, a penalty and packs. The networks are
    smooth, since at a kink of a ReLU the difference is not the gradient."""
    keras.utils.set_random_seed(0)
    kl = keras.layers
    smooth = (
        keras.Sequential([keras.Input([2]), kl.Dense(4, "tanh"), kl.Dense(2)]),
        keras.Sequential(
            [
                keras.Input([4]), kl.Dense(5), kl.LayerNormalization(),
                kl.Activation("tanh"), kl.Dense(1),
            ]
        ),
    )  # fmt: skip
    gan = ganzoo.get(
        "unrolled_gan", architecture=smooth, latent_dim=2, unrolled_steps=2, packing=2,
        penalties={"r1": 0.5}, discriminator_learning_rate=0.05,
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    gan.build_from(x, batch_size=8)
    gan.discriminator_optimizer.iterations.assign(5)
    for square in gan.discriminator_optimizer._velocities:
        square.assign(0.1 * np.ones(square.shape))  # Adam's first step is a jump where g is near 0
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
