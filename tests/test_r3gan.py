"""The networks of R3GAN: published sizes, the linear start, and the filters."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

import ganzoo
from ganzoo.augmentation import ADA
from ganzoo.networks import r3gan
from ganzoo.testing import checks

RNG = np.random.default_rng(0)


@pytest.mark.slow
def test_generators_have_the_published_numbers_of_parameters():
    published = {(32, 64): 20_732_160, (64, 64): 22_429_824}
    # The conditional generator adds an embedding of the class to the latents: 10 × 64.
    published[32, 128] = 20_781_952 - 640
    for (side, latents), parameters in published.items():
        made = r3gan.generator(latents, (side, side, 3), width=768)
        assert made.count_params() == parameters
    small = r3gan.generator(64, (32, 32, 3), width=64, blocks=1)
    assert small.count_params() == 145_600


@pytest.mark.parametrize("shape", [(16, 16, 3), (13, 9, 1)])
def test_an_untrained_generator_is_linear_in_z_and_d_in_x(shape):
    generator, features = r3gan.generator(8, shape, width=32), r3gan.features(shape, width=32)
    for model, inputs in ((generator, (8,)), (features, shape)):
        x, y = tf.constant(RNG.normal(size=(2, 5, *inputs)).astype("float32"))
        found = model(2.0 * x - 3.0 * y, training=True)
        expected = 2.0 * model(x, training=True) - 3.0 * model(y, training=True)
        np.testing.assert_allclose(found, expected, atol=2e-5)
        assert np.std(expected) > 0.1
        blocks = [layer for layer in model.layers if isinstance(layer, r3gan.GroupedConv2D)]
        assert len(blocks) == 2 * (2 if shape[0] == 13 else 3)


def test_only_the_last_convolution_of_a_block_is_0_and_the_others_keep_the_variance():
    shape, blocks = (8, 8, 3), 2 * 2
    model = r3gan.features(shape, width=256)
    kernels = [v.numpy() for v in model.trainable_variables if v.name == "kernel"]
    zero = [k for k in kernels if not k.any()]
    assert len(zero) == blocks
    gain = np.sqrt(2 / 1.04) * blocks**-0.25
    wide, grouped = (next(k for k in kernels if k.shape == s) for s in (
        (1, 1, 256, 512), (3, 3, 16, 512),
    ))  # fmt: skip
    assert wide.std() == pytest.approx(gain / 16, rel=0.02)
    assert grouped.std() == pytest.approx(gain / 12, rel=0.02)


@pytest.mark.parametrize("shape", [(4, 6), (7, 5)])
def test_the_filters_are_those_of_zero_insertion(shape):
    x, taps = RNG.normal(size=shape), np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
    spread = np.zeros((2 * shape[0], 2 * shape[1]))
    spread[::2, ::2] = x
    up = signal.convolve2d(spread, 4 * taps)[1:-2, 1:-2]
    images = tf.constant(x[None, :, :, None].astype("float32"))
    np.testing.assert_allclose(r3gan.FIRUp()(images)[0, :, :, 0], up, atol=1e-6)
    down = signal.convolve2d(x, taps)[2::2, 2::2] if shape == (4, 6) else None
    if down is not None:
        found = r3gan.FIRDownsampling()(images)[0, :, :, 0]
        np.testing.assert_allclose(found, down[: found.shape[0], : found.shape[1]], atol=1e-6)


def test_grouped_convolutions_are_convolutions_of_groups():
    layer, x = r3gan.GroupedConv2D(2), RNG.normal(size=(2, 5, 4, 6)).astype("float32")
    found = layer(x).numpy()
    halves = [
        tf.nn.conv2d(x[..., part], layer.kernel.numpy()[..., part], 1, "SAME")
        for part in (slice(0, 3), slice(3, 6))
    ]
    np.testing.assert_allclose(found, np.concatenate(halves, -1), atol=1e-5)


@pytest.mark.slow
def test_the_networks_train_save_and_export(tmp_path):
    images = RNG.integers(0, 256, (32, 9, 13, 3), "uint8")
    gan = ganzoo.get("r3gan", architecture="r3gan", width=8, latent_dim=4)
    gan.fit(images, batch_size=8, steps_per_epoch=2, verbose=0)
    samples = gan.sample(3, seed=0)
    gan.save(tmp_path / "r3gan.keras")
    np.testing.assert_array_equal(ganzoo.load(tmp_path / "r3gan.keras").sample(3, seed=0), samples)
    gan.export(tmp_path / "serving")
    gan.export(tmp_path / "r3gan.onnx", format="onnx")


def test_published_settings_are_defaults_that_can_be_changed():
    gan = ganzoo.get("r3gan", as_published=True, width=8, latent_dim=4)
    gan.build_from(RNG.integers(0, 256, (64, 8, 8, 3), "uint8"))
    assert isinstance(gan.augment, ADA) and gan.architecture == "r3gan" and gan.width == 8
    assert float(gan.generator_learning_rate(0)) == pytest.approx(2e-4)
    assert float(gan.penalties["r2"](39_062)) == pytest.approx(0.005)
    assert float(gan._augmentation.p) == 0.0


def test_what_the_networks_do_not_support_is_refused():
    images = RNG.integers(0, 256, (64, 8, 8, 1), "uint8")
    for normalization in ("generator_normalization", "discriminator_normalization"):
        gan = ganzoo.get("lsgan", architecture="r3gan", **{normalization: "layer"})
        with pytest.raises(ValueError, match="has no normalisation, so 'layer' must be 'none'"):
            gan.build_from(images)
    with pytest.raises(ValueError, match="needs images of at least 8×8"):
        ganzoo.get("lsgan", architecture="r3gan").build_from(images[:, :7])


@pytest.mark.slow
def test_two_replicas_train_as_one():
    subject = checks.Subject(type(ganzoo.get("r3gan")), architecture="r3gan")
    checks.check_two_replicas_equal_one(subject)
