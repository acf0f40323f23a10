"""StyleGAN2's layers against NumPy and SciPy, its path length and its truncation."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate2d, upfirdn

import ganzoo
from ganzoo.foundation.randomness import Noise
from ganzoo.losses import regularisers
from ganzoo.networks import equalized, modulation, stylegan2

FILTER = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
SMALL = {"width": 4, "latent_dim": 6}
IMAGES = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), "uint8")


@pytest.fixture(autouse=True)
def draws():
    """Makes the draws of a test independent of the tests before it."""
    global rng
    rng = np.random.default_rng(0)


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


def separable(image, up, down, gain):
    """`image` [H, W] filtered along both axes by SciPy, with all values that are not 0."""
    taps = np.array([1, 3, 3, 1]) / 8 * np.sqrt(gain)
    return upfirdn(taps, upfirdn(taps, image, up, down, axis=0), up, down, axis=1)


def convolved(x, kernel, padding):
    """The convolution [H, W, C] * [3, 3, C, filters], by SciPy."""
    x = np.pad(x, [[padding] * 2, [padding] * 2, [0, 0]])
    return np.stack(
        [
            sum(correlate2d(x[:, :, i], kernel[:, :, i, j], "valid") for i in range(x.shape[2]))
            for j in range(kernel.shape[3])
        ],
        axis=-1,
    )


def test_doubled_is_upfirdn():
    x = normal(2, 6, 5, 3)
    for image, found in zip(x, equalized.doubled(tf.constant(x)), strict=True):
        for channel in range(3):
            # The first of SciPy's values belong to the padding.
            expected = separable(image[:, :, channel], 2, 1, gain=4)[1:-1, 1:-1]
            np.testing.assert_allclose(found[:12, :10, channel], expected[:12, :10], atol=1e-6)


@pytest.mark.parametrize(("padding", "stride"), [(1, 1), (2, 1), (1, 2)])
def test_filtered_is_upfirdn(padding, stride):
    x = normal(1, 6, 8, 1)
    found = equalized.filtered(tf.constant(x), padding, stride=stride)
    whole = separable(x[0, :, :, 0], 1, 1, gain=1)  # padded by 3
    inner = whole[3 - padding :, 3 - padding :][: 6 + 2 * padding - 3, : 8 + 2 * padding - 3]
    np.testing.assert_allclose(found[0, :, :, 0], inner[::stride, ::stride], atol=1e-6)


def test_filtered_keeps_the_type_and_sums_half_precision_in_float32():
    x = tf.cast(normal(1, 6, 8, 1), tf.bfloat16)
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = equalized.filtered(x, 1)
    gradient = tape.gradient(found, x)
    assert found.dtype == gradient.dtype == tf.bfloat16
    exact = equalized.filtered(tf.cast(x, tf.float32), 1)
    np.testing.assert_array_equal(found, tf.cast(exact, tf.bfloat16))


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("demodulate", [False, True])
def test_modulation_is_a_convolution_with_a_kernel_for_each_sample(up, demodulate):
    x, styles, kernel = normal(3, 4, 5, 2), normal(3, 2), normal(3, 3, 2, 4)
    found = modulation.modulated(
        *map(tf.constant, (x, styles, kernel)), demodulate=demodulate, up=up
    )
    for image, style, result in zip(x, styles, found, strict=True):
        own = kernel * style[:, None]
        if demodulate:
            own = own / np.sqrt((own**2).sum((0, 1, 2)) + 1e-8)
        if not up:
            np.testing.assert_allclose(result, convolved(image, own, 1), rtol=1e-4, atol=1e-5)
            continue
        sparse = np.zeros((8, 10, 2))
        sparse[::2, ::2] = image
        # The last row and column of zeros are outside of the authors' transposed convolution.
        wide = convolved(sparse[:-1, :-1], own, 2)
        wide = np.pad(wide, [[1, 1], [1, 1], [0, 0]])
        expected = [correlate2d(wide[:, :, j], 4 * FILTER, "valid") for j in range(4)]
        np.testing.assert_allclose(result, np.stack(expected, -1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("up", [False, True])
def test_a_factor_of_the_styles_leaves_a_demodulated_convolution_unchanged(up):
    x, styles, kernel = map(tf.constant, (normal(2, 4, 4, 8), normal(2, 8), normal(3, 3, 8, 4)))
    one = modulation.modulated(x, styles, kernel, up=up)
    np.testing.assert_allclose(one, modulation.modulated(x, 7.0 * styles, kernel, up=up), 1e-4)
    assert up or np.std(one) == pytest.approx(1.0, abs=0.3)  # FIR takes a part of the variance


def test_equalized_weights_are_normal_and_scaled_when_used():
    x = normal(5, 400)
    for rate in (1.0, 0.01):
        layer = equalized.EqualizedDense(300, rate=rate, bias=1.0)
        layer.build(x.shape)
        kernel, bias = layer.kernel.numpy(), layer.bias.numpy()
        assert kernel.std() == pytest.approx(1 / rate, rel=0.01)
        expected = x @ kernel * rate / 20 + bias * rate
        np.testing.assert_allclose(layer(x), expected, rtol=1e-3, atol=1e-4)
        assert bias * rate == pytest.approx(1.0)
        assert np.std(layer(x)) == pytest.approx(1.0, abs=0.1)
    layer = equalized.EqualizedConv2D(64)
    maps = normal(2, 6, 6, 32)
    layer.build(maps.shape)
    assert layer.kernel.numpy().std() == pytest.approx(1.0, rel=0.02)
    expected = convolved(maps[0], layer.kernel.numpy() / np.sqrt(32 * 9), 1)
    expected = np.sqrt(2) * np.where(expected > 0, expected, 0.2 * expected)
    np.testing.assert_allclose(layer(maps)[0], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [1, 3])
def test_a_convolution_that_halves_filters_first(size):
    x = normal(2, 6, 8, 2)
    layer = equalized.EqualizedConv2D(3, size, down=True, activate=False, gain=0.5)
    layer.build(x.shape)
    kernel = layer.kernel.numpy() / np.sqrt(2 * size**2) * 0.5
    padding = 1 if size == 1 else 2
    filtered = equalized.filtered(tf.constant(x), padding).numpy()
    for image, found in zip(filtered, layer(x), strict=True):
        np.testing.assert_allclose(found, convolved(image, kernel, 0)[::2, ::2], 1e-4, 1e-5)


@pytest.mark.parametrize(("rows", "group"), [(8, 4), (6, 6), (1, 1)])
def test_minibatch_stddev(rows, group):
    x = normal(rows, 3, 2, 5)
    found = equalized.MinibatchStddev(4)(x)
    np.testing.assert_array_equal(found[..., :5], x)
    groups = x.reshape(-1, group, 30)
    expected = np.sqrt(groups.var(axis=1) + 1e-8).mean(axis=1)
    expected = np.broadcast_to(np.repeat(expected, group)[:, None, None], (rows, 3, 2))
    np.testing.assert_allclose(found[..., 5], expected, rtol=1e-4)


class Linear:
    """A generator whose images are A·z."""

    output_name = "image"

    def __init__(self, matrix, shape):
        self.matrix, self.shape = tf.constant(matrix), shape

    def generate(self, inputs, training):
        return {"image": tf.reshape(inputs["latent"] @ self.matrix, [-1, *self.shape])}


class Made:
    """What the path length asks of an update."""

    def __init__(self, gan, latent):
        self.gan, self.inputs = gan, {"latent": tf.constant(latent)}
        self.noise, self.training, self.kept = Noise(3), True, {}


def test_path_length_of_a_linear_generator_has_its_expectation():
    """E‖Aᵀy‖² = ‖A‖²_F/(HW) for one layer of styles."""
    matrix = normal(5, 4 * 3 * 2)
    update = Made(Linear(matrix, (4, 3, 2)), normal(8000, 5))
    lengths = regularisers.PathLength().lengths(update).numpy()
    assert lengths.shape == (4000,)
    assert np.mean(lengths**2) == pytest.approx((matrix**2).sum() / 12, rel=0.03)


def small(**chosen):
    gan = ganzoo.get("stylegan2", **SMALL | chosen)
    gan.build_from(IMAGES, batch_size=8)
    return gan


def test_path_length_is_that_of_finite_differences():
    """The exact Jᵀy of one image, J from differences of the synthesis network's images."""
    gan = small(style_mixing=0.0)
    for layer in gan.generator.layers:  # the synthesis network without noise
        if isinstance(layer, modulation.StyledConv2D):
            layer.noise.assign(0.0 * layer.noise.value)
    latent = normal(1, 6)
    update = Made(gan, latent)
    update.inputs["truncation"] = tf.ones([1])
    y = Noise(3).normal([1, 8, 8, 1]).numpy() / 8
    found = regularisers.PathLength().lengths(update)

    styles = gan.generator.get_layer("mapping").output
    image = gan.generator.get_layer("image").input
    synthesis = keras.Model(styles, image)
    w = gan.generate(update.inputs, training=True)["styles"].numpy()
    slopes = np.zeros_like(w)
    for place in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[place] = 1e-3
        difference = synthesis(w + step).numpy().astype(float) - synthesis(w - step).numpy()
        slopes[place] = (difference * y).sum() / 2e-3
    expected = np.sqrt((slopes**2).sum(-1).mean())
    assert float(found[0]) == pytest.approx(expected, rel=1e-2)


def test_path_length_keeps_the_running_mean_and_has_the_closed_form():
    gan = small(regularisers={regularisers.PathLength(0.9): 2.0}, regularise_every=1)
    ((regulariser, _),) = gan._regularisers
    update = Made(gan, normal(8, 6))
    update.inputs["truncation"] = tf.ones([8])
    regulariser.mean.assign(0.5)
    lengths = regulariser.lengths(update).numpy()
    update.noise = Noise(3)
    term = regulariser.term(update)
    mean = 0.9 * 0.5 + 0.1 * lengths.mean()
    assert float(term) == pytest.approx(np.mean((lengths - mean) ** 2), rel=1e-4)
    regulariser.after(update)
    assert float(regulariser.mean.numpy()) == pytest.approx(mean, rel=1e-4)
    regulariser.after(Made(gan, normal(8, 6)))  # an update in which it took no part
    assert float(regulariser.mean.numpy()) == pytest.approx(mean, rel=1e-4)


def test_path_length_is_a_regulariser_of_other_games():
    gan = ganzoo.get("lsgan", width=4, latent_dim=4, regularisers={"path_length": 2.0})
    gan.fit(normal(32, 3), batch_size=8, steps_per_epoch=2, verbose=0)
    assert float(gan._regularisers[0][0].mean.numpy()) > 0


@functools.cache
def trained():
    gan = ganzoo.get("stylegan2", **SMALL)
    gan.fit(IMAGES, batch_size=8, steps_per_epoch=3, verbose=0)
    return gan


def test_truncation_to_0_gives_one_image_for_all_latents():
    gan = trained()
    one = gan.sample(5, truncation=0.0)
    np.testing.assert_array_equal(one, np.broadcast_to(one[:1], one.shape))
    assert (gan.sample(5)[0] != gan.sample(5)[1]).any()
    np.testing.assert_array_equal(gan.sample(5), gan.sample(5, truncation=1.0))
    each = gan.sample(2, seed=3, truncation=[0.0, 1.0])
    np.testing.assert_array_equal(each[1], gan.sample(2, seed=3)[1])


def test_truncation_moves_the_styles_towards_their_running_mean():
    gan = trained()
    mapping = gan.generator.get_layer("mapping")
    z, mean = normal(4, 6), mapping.mean.numpy()
    w = mapping.mapped(tf.constant(z)).numpy()
    found = mapping([tf.constant(z), tf.fill([4], 0.3)], training=False)
    expected = np.repeat((mean + 0.3 * (w - mean))[:, None], 4, axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert (mean != 0).all()


def test_the_mean_of_the_styles_is_a_running_mean():
    mapping = modulation.Mapping(3, depth=1, mixing=0.0, decay=0.9)
    z = normal(6, 4)
    mapping.build([(None, 4), (None,)])
    expected = np.zeros(4)
    for _ in range(3):
        mapping([tf.constant(z), tf.ones([6])], training=True)
        expected = 0.9 * expected + 0.1 * mapping.mapped(tf.constant(z)).numpy().mean(0)
    np.testing.assert_allclose(mapping.mean.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_style_mixing_uses_another_style_from_some_layer_on():
    mapping = modulation.Mapping(5, depth=1, mixing=0.75)
    z = tf.constant(normal(4000, 4))
    mapping.build([(None, 4), (None,)])
    own = mapping.mapped(z).numpy()
    with Noise(1):
        styles = mapping([z, tf.ones([4000])], training=True).numpy()
    is_own = (styles == own[:, None]).all(-1)
    assert is_own[:, 0].all()
    assert (np.diff(is_own.astype(int), axis=1) <= 0).all()  # never back
    first = is_own.sum(1)
    shares = np.bincount(first, minlength=6)[1:] / 4000
    np.testing.assert_allclose(shares, [0.75 / 4] * 4 + [0.25], atol=0.03)
    for row in styles[first == 2]:
        assert (row[2:] == row[2]).all() and (row[2] != row[0]).any()


def test_style_mixing_keeps_the_class():
    """Without random values in z, both styles of a sample are that of its class."""
    mapping = modulation.Mapping(5, depth=1, mixing=1.0, drawn=0)
    z = tf.one_hot([0, 1, 2], 3)
    mapping.build([(None, 3), (None,)])
    with Noise(1):
        styles = mapping([z, tf.ones([3])], training=True).numpy()
    expected = np.repeat(mapping.mapped(z).numpy()[:, None], 5, axis=1)
    np.testing.assert_allclose(styles, expected, rtol=1e-5)


@pytest.mark.slow
def test_it_can_be_told_the_class():
    gan = ganzoo.get("stylegan2", conditioning="projection", **SMALL)
    gan.fit((IMAGES, np.arange(32) % 3), batch_size=8, steps_per_epoch=2, verbose=0)
    one, other = (gan.sample(2, labels=label, truncation=0.7) for label in (0, 1))
    assert (one != other).any()


def test_noise_is_drawn_in_updates_and_constant_elsewhere():
    layer = modulation.StyledConv2D(2)
    x, w = tf.constant(normal(3, 4, 4, 2)), tf.constant(normal(3, 5))
    layer.build([(None, 4, 4, 2), (None, 5)])
    np.testing.assert_array_equal(layer([x, w]), layer([x, w], training=True))
    layer.strength.assign(0.5)
    with Noise(1):
        one, other = (layer([x, w], training=True).numpy() for _ in range(2))
        np.testing.assert_array_equal(layer([x, w]), layer([x, w]))
    assert (one != other).any()
    difference = tf.constant(Noise(1).normal([3, 4, 4, 1]) - layer.noise.value)
    layer.bias.assign([100.0, 100.0])  # the activation is linear there
    with Noise(1):
        moved = layer([x, w], training=True) - layer([x, w])
    expected = np.repeat(0.5 * np.sqrt(2) * difference.numpy(), 2, axis=-1)
    np.testing.assert_allclose(moved, expected, atol=1e-3)


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3), (24, 40, 1), (256, 256, 3)])
def test_sizes_that_are_accepted(shape):
    inputs, outputs = stylegan2.synthesis(4, shape, width=1)
    assert outputs["image"].shape == (None, *shape) and len(inputs) == 2
    assert outputs["styles"].shape[1] == 2 * len(stylegan2._sizes(shape))


@pytest.mark.parametrize("shape", [(7, 7, 1), (13, 9, 3), (26, 26, 1), (28, 27, 1), (30,)])
def test_other_sizes_are_refused(shape):
    with pytest.raises(ValueError, match="such as 28×28"):
        stylegan2.check(shape)
    x = np.zeros((8, *shape), "float32")
    with pytest.raises(ValueError, match="such as 28×28"):
        ganzoo.get("stylegan2").fit(x, batch_size=4, verbose=0)


def test_normalization_is_refused():
    for player in ("generator", "discriminator"):
        kind = {f"{player}_normalization": "layer"}
        with pytest.raises(ValueError, match="must be one of 'auto'"):
            ganzoo.get("stylegan2", **kind)
        gan = ganzoo.get("lsgan", architecture="stylegan2", **kind)
        with pytest.raises(ValueError, match="keep their scale themselves"):
            gan.build_from(IMAGES, batch_size=8)


@pytest.mark.slow
def test_the_networks_of_other_games():
    gan = ganzoo.get("cgan", architecture="stylegan2", **SMALL)
    gan.fit((IMAGES, np.arange(32) % 3), batch_size=8, steps_per_epoch=1, verbose=0)
    assert gan.sample(2).shape == (2, 8, 8, 1)


def test_the_published_settings():
    gan = ganzoo.get("stylegan2", as_published=True)
    assert (gan.latent_dim, gan.mapping_layers, gan.style_mixing) == (512, 8, 0.9)


def test_lazy_regularisation_corrects_adam():
    gan = small(regularise_every=4)
    optimizer = gan.discriminator_optimizer
    assert float(optimizer.learning_rate) == pytest.approx(2.5e-3 * 0.8)
    assert optimizer.beta_2 == pytest.approx(0.99**0.8)
    plain = small(regularise_every=1).discriminator_optimizer
    assert float(plain.learning_rate) == pytest.approx(2.5e-3) and plain.beta_2 == 0.99
