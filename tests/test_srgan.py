"""SRGAN: its network and losses against NumPy, and inputs that are computed from a column."""

import keras
import numpy as np
import pytest

import ganzoo
from ganzoo.core.update import Update
from ganzoo.foundation.randomness import Noise
from ganzoo.networks import srgan
from ganzoo.reporting import mapped

X = np.random.default_rng(0).integers(0, 256, (16, 8, 12, 1), "uint8")


@pytest.fixture(scope="module")
def gan():
    gan = ganzoo.get("srgan", width=2, blocks=1)
    gan.build_from(X, batch_size=4)
    return gan


def test_pixel_shuffle():
    x = np.random.default_rng(1).normal(size=(2, 3, 4, 8)).astype("float32")
    out = srgan.PixelShuffle(2)(x).numpy()
    assert out.shape == (2, 6, 8, 2)
    for i in range(2):
        for j in range(2):
            channels = slice((2 * i + j) * 2, (2 * i + j + 1) * 2)
            np.testing.assert_array_equal(out[:, i::2, j::2], x[..., channels])


def test_a_block_whose_last_convolution_is_zero_is_the_identity():
    nets = [srgan.generator((8, 8, 1), 2, width=4, blocks=n, normalization="none") for n in (0, 1)]
    kernels = [[v for v in net.variables if v.name == "kernel"] for net in nets]
    convolutions = [one for one in nets[1].layers if isinstance(one, keras.layers.Conv2D)]
    for variable in convolutions[2].variables:  # the second of the block
        variable.assign(variable * 0)
    rest = [kernels[1][0], *kernels[1][3:]]
    for one, other in zip(kernels[0], rest, strict=True):
        one.assign(other)
    x = np.random.default_rng(1).normal(size=(2, 4, 4, 1)).astype("float32")
    np.testing.assert_allclose(nets[0](x), nets[1](x), atol=1e-6)
    assert len(kernels[1]) == len(kernels[0]) + 2


def test_sizes():
    for scale in (2, 4, 8):
        net = srgan.generator((16, 8, 3), scale, width=2, blocks=1)
        assert net.input_shape == (None, 16 // scale, 8 // scale, 3)
        assert net.output_shape == (None, 16, 8, 3)
    with pytest.raises(ValueError, match="multiples of 8, but the data are 8×12×1: crop or pad"):
        ganzoo.get("srgan", scale=8).build_from(X, batch_size=4)
    with pytest.raises(ValueError, match="multiples of 2, but the data are 3: crop"):
        ganzoo.get("srgan").build_from(np.zeros([9, 3], "float32"), batch_size=4)


def test_the_source_is_the_mean_of_blocks(gan):
    means = X.reshape(16, 4, 2, 6, 2, 1).mean((2, 4))
    source = gan.given({"image": X})["source"]
    np.testing.assert_allclose(source, means, atol=0.51)
    encoded = gan.encoded({"image": X})
    np.testing.assert_allclose(encoded["source"], means / 127.5 - 1, atol=1e-5)
    np.testing.assert_array_equal(gan.given({"source": source})["source"], source)
    assert gan.sample(source=source).shape == X.shape


def test_losses(gan):
    rows = gan.encoded({"image": X[:4]})
    update = Update(gan, rows, Noise(0), training=False)
    terms = gan.generator_loss(update)
    fake = gan.generator(rows["source"]).numpy()
    real, made = gan.discriminator([rows["image"]]), gan.discriminator([fake])
    distance = np.abs(real["features"] - made["features"]).mean()
    assert float(terms["content"]) == pytest.approx(0.1 * distance, rel=1e-4)
    assert float(terms["reconstruction"]) == pytest.approx(np.abs(rows["image"] - fake).mean())
    expected = 0.01 * np.logaddexp(0, -made["logits"].numpy()).mean()
    assert float(terms["generator"]) == pytest.approx(expected, rel=1e-4)


def test_pictures_and_measures_take_large_images(gan, tmp_path):
    mapped.save_mapped(gan, tmp_path / "x.png", {"image": X[:3]})
    assert (tmp_path / "x.png").stat().st_size > 100
    found = gan.evaluate(X, batch_size=8, samples=8)
    assert {"psnr", "ssim", "content"} <= set(found)
    assert "psnr_of_source" in found.refused
    with pytest.raises(ValueError, match=r"picture needs some to map: pass real=.'image': …"):
        mapped.check_given(gan, None)
    with pytest.raises(ValueError, match=r"pass source=…, an array \[N, 4, 6, 1\]"):
        gan.sample(3)
