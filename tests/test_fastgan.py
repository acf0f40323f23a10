"""FastGAN: its losses and layers in closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.networks import fastgan

RNG = np.random.default_rng(0)
IMAGES = np.where(RNG.random((64, 16, 16, 3)) < 0.5, 64, 191).astype("uint8")  # about ±1/2


def built(**chosen):
    gan = ganzoo.get("fastgan", **{"width": 2, "latent_dim": 4, "augment": "none"} | chosen)
    gan.build_from(IMAGES)
    return gan


def terms(gan, player="discriminator"):
    found = {}

    def record(who, update):
        found[who] = getattr(gan, f"{who}_loss")(update)
        return {}

    gan.play({"image": IMAGES[:32]}, record)
    return {name: float(value) for name, value in found[player].items()}


def test_the_hinge_has_a_random_margin():
    """With D(x) = c for all x, |c| < 0.8, L_D is 2 E u for u ~ U(0.8, 1)."""
    gan = built(reconstruction_weight=0.0)
    for layer in gan.discriminator.layers:
        if layer.name == "logits":
            layer.kernel.assign(tf.zeros_like(layer.kernel))
            layer.bias.assign([0.7])
    found = terms(gan)
    assert found["discriminator"] == pytest.approx(1.8, abs=0.06)
    assert found["discriminator"] != 1.8 and found["reconstruction"] == 0.0
    assert terms(gan, "generator") == {"generator": pytest.approx(-0.7)}


def test_decoders_that_give_0_have_the_mean_absolute_value_of_both_images():
    gan = built(reconstruction_weight=3.0)
    for decoder in (gan.whole_decoder, gan.part_decoder):
        decoder.set_weights([np.zeros_like(weight) for weight in decoder.get_weights()])
    assert terms(gan)["reconstruction"] == pytest.approx(3.0 * (0.5 + 0.5), rel=0.01)


@pytest.mark.slow
def test_decoders_learn_to_reconstruct_what_d_saw():
    gan = built(width=4, discriminator_learning_rate=2e-3)
    history = gan.fit(np.tile(IMAGES[:1], (16, 1, 1, 1)), batch_size=16, epochs=2, verbose=0,
                      steps_per_epoch=20).history  # fmt: skip
    assert history["reconstruction"][1] < 0.9 * history["reconstruction"][0]


def test_quarters_are_slices():
    x = RNG.normal(size=(4, 6, 9, 2)).astype("float32")
    found = fastgan.quarter(tf.constant(x), tf.constant([0, 1, 2, 3]))
    slices = [x[0, :3, :4], x[1, :3, 4:8], x[2, 3:, :4], x[3, 3:, 4:8]]
    np.testing.assert_array_equal(found, slices)


def test_gates_without_weights_are_one_half():
    x = keras.Input((7, 7, 3))
    model = keras.Model(x, fastgan._gates(x, 5))
    model.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
    found = model(RNG.normal(size=(2, 7, 7, 3)))
    np.testing.assert_array_equal(found, np.full((2, 1, 1, 5), 0.5))


def test_a_gated_linear_unit_is_the_product_with_a_sigmoid():
    x = RNG.normal(size=(3, 2, 2, 6)).astype("float32")
    expected = x[..., :3] / (1 + np.exp(-x[..., 3:]))
    np.testing.assert_allclose(fastgan.GLU()(x), expected, rtol=1e-5)


@pytest.mark.parametrize(("side", "excited"), [(8, 1), (28, 2), (32, 2), (64, 1), (256, 3)])
def test_excitation_leads_to_the_last_stages(side, excited):
    """At 256×256 from 4, 8 and 16 to 64, 128 and 256, as in the paper."""
    made = fastgan.generator(4, (side, side, 3), width=1)
    products = [x for x in made.layers if isinstance(x, keras.layers.Multiply)]
    assert len(products) == excited and made.output_shape == (None, side, side, 3)


def test_the_first_convolution_of_the_authors_generator():
    """256 latents to 4×4 maps of 16 · 64 channels, doubled for the gates."""
    made = fastgan.generator(256, (64, 64, 3), width=64)
    kernel = made.trainable_variables[0]
    assert kernel.shape == (4, 4, 2048, 256)


@pytest.mark.parametrize("shape", [(7, 8, 1), (3,)])
def test_what_is_no_image_of_8_by_8_is_refused(shape):
    with pytest.raises(ValueError, match="fastgan needs images of at least 8×8"):
        ganzoo.get("fastgan", augment="none").build_from(RNG.random((64, *shape)))
