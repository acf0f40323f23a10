"""A resize convolution against Keras's two layers, its gradients and a saved file."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl

from ganzoo.networks import resnet
from ganzoo.networks.layers import Conv2D
from ganzoo.networks.spectral import SpectralNormalization

RNG = np.random.default_rng(0)


def both(shape, taps, **options):
    """The layer, and Keras's two with the same weights."""
    one = Conv2D(4, taps, resize=True, **options)
    other = kl.Conv2D(4, taps, padding="same", **options)
    x = tf.constant(RNG.normal(size=shape), tf.float32)
    one.build(x.shape)
    other.build((None, 2 * shape[1], 2 * shape[2], shape[3]))
    weights = [RNG.normal(size=w.shape) for w in one.get_weights()]
    one.set_weights(weights)
    other.set_weights(weights)
    return one, lambda x: other(kl.UpSampling2D()(x)), other, x


@pytest.mark.parametrize("shape", [(2, 4, 4, 3), (1, 1, 5, 2), (3, 7, 1, 1)])
@pytest.mark.parametrize("options", [{}, {"use_bias": False, "activation": "relu"}])
@pytest.mark.parametrize("taps", [1, 3])
def test_it_is_upsampling_and_a_convolution(shape, options, taps):
    one, two, other, x = both(shape, taps, **options)
    with tf.GradientTape() as tape, tf.GradientTape() as theirs:
        tape.watch(x)
        theirs.watch(x)
        mine, usual = one(x), two(x)
        loss, expected = tf.reduce_sum(mine**3), tf.reduce_sum(usual**3)
    assert mine.shape == usual.shape == one.compute_output_shape(x.shape)
    np.testing.assert_allclose(mine, usual, 1e-4, 1e-4)
    found = tape.gradient(loss, [x, *(w.value for w in one.weights)])
    wanted = theirs.gradient(expected, [x, *(w.value for w in other.weights)])
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, 2e-3, 2e-3)


def test_any_batch_a_file_and_a_spectral_norm(tmp_path):
    inputs = keras.Input([3, 5, 2])
    model = keras.Model(inputs, SpectralNormalization(Conv2D(4, 3, resize=True))(inputs))
    assert model.output_shape == (None, 6, 10, 4)
    x = RNG.normal(size=(2, 3, 5, 2)).astype("float32")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(x), model(x), 1e-5, 1e-6)


@pytest.mark.parametrize(("size", "resizes"), [((8, 10), 2), ((7, 10), 0)])
def test_a_block_doubles_or_crops(size, resizes):
    x = keras.Input([4, 5, 3])
    y = resnet.up_block(x, 6, size, lambda x: kl.ReLU()(x))
    assert y.shape == (None, *size, 6)
    layers = keras.Model(x, y).layers
    assert sum(getattr(layer, "resize", False) for layer in layers) == resizes
