"""Spectral normalisation against NumPy's singular values."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo import networks
from ganzoo.networks.spectral import SpectralNormalization

LAYERS = {
    "dense": (lambda: keras.layers.Dense(5), (3, 7)),
    "convolution": (lambda: keras.layers.Conv2D(6, 3, padding="same"), (2, 5, 5, 3)),
    "transposed": (lambda: keras.layers.Conv2DTranspose(4, 4, 2, padding="same"), (2, 3, 3, 5)),
}


def as_matrix(kernel, kind):
    """One row for each output channel."""
    if kind == "transposed":
        return kernel.transpose(2, 0, 1, 3).reshape(kernel.shape[2], -1)
    return kernel.reshape(-1, kernel.shape[-1]).T


def sigma(kernel, kind):
    return np.linalg.svd(as_matrix(kernel, kind), compute_uv=False)[0]


@pytest.fixture(params=LAYERS)
def case(request):
    keras.utils.set_random_seed(1)
    make, shape = LAYERS[request.param]
    layer = SpectralNormalization(make())
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer(x)
    layer.layer.bias.assign(np.random.default_rng(1).normal(size=layer.layer.bias.shape))
    return request.param, layer, x


def test_hundred_calls_find_the_largest_singular_value(case):
    kind, layer, x = case
    kernel = layer.layer.kernel.numpy()
    for _ in range(100):
        found = layer(x, training=True)
    np.testing.assert_array_equal(layer.layer.kernel.numpy(), kernel)  # it is never overwritten
    plain = LAYERS[kind][0]()
    plain.build(x.shape)
    plain.set_weights([kernel / sigma(kernel, kind), layer.layer.bias.numpy()])
    np.testing.assert_allclose(found, plain(x), atol=1e-3)
    np.testing.assert_array_equal(layer(x), layer(x))  # inference changes nothing
    u = layer.u.numpy()
    assert abs(abs(u @ np.linalg.svd(as_matrix(kernel, kind))[0][:, 0]) - 1) < 1e-3


def test_the_gradient_goes_through_sigma(case):
    """∂L/∂W = (G − ⟨G, W/σ⟩ uvᵀ) / σ, where G = ∂L/∂(W/σ); and central differences."""
    kind, layer, x = case
    for _ in range(300):
        layer(x, training=True)
    kernel, target = layer.layer.kernel, np.random.default_rng(2).normal(size=layer(x).shape)

    def loss():
        return tf.reduce_sum(tf.sin(layer(x)) * target.astype("float32"))

    with tf.GradientTape() as tape:
        tape.watch(kernel.value)
        value = loss()
    found = tape.gradient(value, kernel.value).numpy()

    start = kernel.numpy()
    plain = LAYERS[kind][0]()
    plain.build(x.shape)
    plain.set_weights([start / sigma(start, kind), layer.layer.bias.numpy()])
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(tf.sin(plain(x)) * target.astype("float32"))
    inner = as_matrix(tape.gradient(value, plain.kernel.value).numpy(), kind)
    left, values, right = np.linalg.svd(as_matrix(start, kind))
    normalized = as_matrix(start, kind) / values[0]
    expected = (inner - np.sum(inner * normalized) * np.outer(left[:, 0], right[0])) / values[0]
    np.testing.assert_allclose(as_matrix(found, kind), expected, atol=2e-3 * np.abs(expected).max())
    along = np.random.default_rng(3).normal(size=start.shape).astype("float32")
    sides = []
    for step in (1e-2, -1e-2):
        kernel.assign(start + step * along)
        for _ in range(300):
            layer(x, training=True)
        sides.append(float(loss()))
    slope = np.sum(found * along)
    assert (sides[0] - sides[1]) / 2e-2 == pytest.approx(slope, rel=0.02, abs=0.02)


def test_every_kernel_of_a_discriminator_is_normalised_and_zero_kernels_are_not():
    features = networks.NAMED["resnet"].features((8, 8, 1), width=2)
    heads = {"logits": [keras.layers.Dense(1)]}
    plain = networks.with_heads(features, heads, projection=3)
    kernels = [v for v in plain.trainable_variables if v.name == "kernel"]
    model = networks.spectral(plain)
    wrapped = [x for x in model.layers if isinstance(x, SpectralNormalization)]
    assert len(wrapped) == len(kernels) == 11
    assert len(model.trainable_variables) == len(plain.trainable_variables)
    z = keras.Input([3])
    zeros = keras.layers.Dense(2, kernel_initializer="zeros")(z)
    model = networks.spectral(keras.Model(z, keras.layers.Dense(2)(zeros)))
    assert [type(x).__name__ for x in model.layers[1:]] == ["Dense", "SpectralNormalization"]
    assert np.isfinite(model(np.ones([1, 3]), training=True)).all()


@pytest.mark.slow
def test_half_precision_keeps_the_estimate_in_float32():
    gan = ganzoo.get("sngan", precision="bfloat16", width=2, latent_dim=3)
    gan.fit(np.zeros([8, 8, 8, 1], "uint8"), batch_size=4, verbose=0)
    wrapped = [x for x in gan.discriminator.layers if isinstance(x, SpectralNormalization)]
    assert {x.u.dtype for x in wrapped} == {"float32"}
    norms = [np.linalg.norm(x.u.numpy()) for x in wrapped]
    np.testing.assert_allclose(norms, 1.0, atol=1e-5)


def test_networks_of_ones_own_refuse_it():
    own = (keras.Sequential([keras.Input([4]), keras.layers.Dense(2)]),) * 2
    for key in ("generator_normalization", "discriminator_normalization"):
        with pytest.raises(ValueError, match=f"{key}='spectral' is a part of this library"):
            ganzoo.get("gan", architecture=own, **{key: "spectral"})


def test_layers_that_several_heads_share_stay_one():
    x = keras.Input([3])
    trunk = [keras.layers.Dense(4)]
    heads = {"category": [*trunk, keras.layers.Dense(2)], "code": [*trunk, keras.layers.Dense(1)]}
    plain = networks.with_heads(keras.Model(x, keras.layers.ReLU()(x)), heads)
    model = networks.spectral(plain)
    assert len(model.trainable_variables) == len(plain.trainable_variables) == 6
