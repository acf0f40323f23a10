"""Our layers' values against NumPy; their derivatives are in test_penalties.py."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.networks import layers

X = np.random.default_rng(0).normal(1.0, 2.0, (5, 3, 4, 6)).astype("float32")


def test_leaky_relu():
    np.testing.assert_allclose(layers.LeakyReLU(0.3)(X), np.where(X > 0, X, 0.3 * X), 1e-6)


def test_layer_normalization_has_one_mean_and_variance_per_sample():
    layer = layers.LayerNormalization()
    layer.build(X.shape)
    gamma, beta = np.arange(1, 7) / 3, np.arange(6) / 5
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    mean, variance = (f(X, axis=(1, 2, 3), keepdims=True) for f in (np.mean, np.var))
    expected = (X - mean) / np.sqrt(variance + 1e-5) * gamma + beta
    np.testing.assert_allclose(layer(X), expected, 1e-4, 1e-5)


@pytest.mark.parametrize("x", [X, X[:, 0, 0]], ids=["maps", "vectors"])
@pytest.mark.parametrize("training", [True, False])
def test_batch_normalization_is_that_of_keras(x, training):
    ours, theirs = (
        kind.BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True)
        for kind in (layers, keras.layers)
    )
    results = []
    for layer in (ours, theirs):
        layer.build(x.shape)
        layer.gamma.assign(np.arange(1, 7) / 3)
        layer.beta.assign(np.arange(6) / 5)
        inputs = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs, training=training)
            loss = tf.reduce_sum(outputs * tf.range(6.0) + outputs**3)
        slopes = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
        results.append([outputs, *slopes, layer.moving_mean, layer.moving_variance])
    for own, of_keras in zip(*results, strict=True):
        np.testing.assert_allclose(own, of_keras, 1e-3, 2e-4)


def test_batch_normalization_has_the_right_second_derivative():
    """Against the same formula in float64, differentiated by TensorFlow."""

    def formula(x):
        mean = tf.reduce_mean(x, [0, 1, 2])
        variance = tf.reduce_mean(x**2, [0, 1, 2]) - mean**2
        return (x - mean) / tf.sqrt(variance + 1e-5)

    def second(function, x):
        x = tf.constant(x)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(tf.sin(function(x)))
            penalty = tf.reduce_sum(inner.gradient(loss, x) ** 2)
        return outer.gradient(penalty, x).numpy()

    layer = layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    layer.build(X.shape)
    found = second(lambda x: layer(x, training=True), X)
    np.testing.assert_allclose(found, second(formula, X.astype("float64")), 1e-3, 1e-4)


def test_maxout_is_the_largest_of_its_pieces():
    layer, x = layers.Maxout(2, 5), X[:, 0, 0]
    layer.build(x.shape)
    layer.dense.bias.assign(np.arange(10) / 10)
    pieces = x @ layer.dense.kernel.numpy() + layer.dense.bias.numpy()
    expected = np.stack([pieces[:, :5].max(1), pieces[:, 5:].max(1)], 1)
    np.testing.assert_allclose(layer(x), expected, 1e-5)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_dropout_zeroes_its_share_of_values_and_keeps_their_mean(rate, dtype):
    layer = layers.Dropout(rate, seed=1, dtype=dtype)
    x = tf.ones([5, 1001, 101], dtype)
    once, again = layer(x, training=True), layer(x, training=True)
    assert once.dtype == dtype and not np.array_equal(once, again)
    share, sigma = np.mean(once == 0), np.sqrt(rate * (1 - rate) / tf.size(x).numpy())
    assert abs(share - rate) < 5 * sigma
    kept = once.numpy()[once != 0]
    np.testing.assert_allclose(kept, 1 / (1 - rate), 1e-3)
    # Neighbours come from the same random word, and are independent all the same.
    zero = (once.numpy() == 0).reshape(-1)
    for distance in (1, 2, 3, 4):
        pairs = np.corrcoef(zero[:-distance], zero[distance:])[0, 1]
        assert abs(pairs) < 5 / np.sqrt(zero.size)


def test_dropout_does_nothing_outside_of_training():
    np.testing.assert_array_equal(layers.Dropout(0.5)(X), X)
    np.testing.assert_array_equal(layers.Dropout(0.0)(X, training=True), X)


def test_the_gradient_of_dropout_is_its_mask():
    x = tf.Variable(tf.random.stateless_normal([7, 9], [0, 1]))
    with tf.GradientTape() as tape:
        y = layers.Dropout(0.5, seed=0)(x, training=True)
    np.testing.assert_allclose(tape.gradient(y, x), y / x, 1e-6)
