"""Our layers' values against NumPy; their derivatives are in test_penalties.py."""

import numpy as np

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


def test_maxout_is_the_largest_of_its_pieces():
    layer, x = layers.Maxout(2, 5), X[:, 0, 0]
    layer.build(x.shape)
    layer.dense.bias.assign(np.arange(10) / 10)
    pieces = x @ layer.dense.kernel.numpy() + layer.dense.bias.numpy()
    expected = np.stack([pieces[:, :5].max(1), pieces[:, 5:].max(1)], 1)
    np.testing.assert_allclose(layer(x), expected, 1e-5)
