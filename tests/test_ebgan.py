"""EBGAN's pulling-away term and losses against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.losses import objectives


def pulled_away(codes):
    """The mean squared cosine of all pairs of different codes, by NumPy."""
    unit = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    squares = (unit @ unit.T) ** 2
    count = len(codes)
    return (np.sum(squares) - np.trace(squares)) / (count * (count - 1))


def test_the_pulling_away_term():
    gan = ganzoo.get("ebgan")
    random = np.random.default_rng(0)
    cases = {
        1.0: np.outer([1.0, 2.0, -3.0, 0.5], [1.0, 2.0, 2.0]),  # parallel
        0.0: 3.0 * np.eye(5),  # orthogonal
    }
    for expected, codes in cases.items():
        found = float(gan.pulled_away(tf.constant(codes, tf.float32)))
        assert found == pytest.approx(expected, abs=1e-6)
    for shape in ((2, 7), (9, 4)):
        codes = random.normal(size=shape).astype("float32")
        assert float(gan.pulled_away(tf.constant(codes))) == pytest.approx(
            pulled_away(codes), rel=1e-5
        )


def test_the_losses_have_the_margin():
    losses = objectives.get(ganzoo.get("ebgan", margin=2.0).objective)
    real, fake = tf.constant([0.5, 1.5]), tf.constant([0.5, 3.0])
    assert float(losses.discriminator(real, fake)) == pytest.approx(1.0 + 1.5 / 2)
    assert float(losses.generator(None, fake)) == pytest.approx(1.75)


def test_the_terms_of_a_step():
    """The energies are mean squared errors of the reconstructions, and λ weighs the term."""
    gan = ganzoo.get("ebgan", width=4, latent_dim=3, pulling_away=0.5, architecture="mlp")
    x = np.random.default_rng(0).random((16, 4, 4, 1), "float32")
    gan.build_from(x, batch_size=8)
    rows = {"image": gan.spec.encode(x[:8])}
    seen = {}

    def play(player, update):
        terms = getattr(gan, f"{player}_loss")(update)
        if player == "generator":
            outputs = gan.discriminator(update.fake)
            errors = np.square(update.fake - outputs["reconstruction"]).mean((1, 2, 3))
            seen["energy"], seen["term"] = errors.mean(), 0.5 * pulled_away(outputs["code"].numpy())
        return terms

    terms = gan.play(rows, play)
    assert float(terms["generator"]) == pytest.approx(seen["energy"], rel=1e-4)
    assert float(terms["pulling_away"]) == pytest.approx(seen["term"], rel=1e-4)


def test_a_discriminator_without_features_is_refused():
    networks = [
        keras.Sequential([keras.Input([n]), keras.layers.Dense(m)]) for n, m in ((32, 2), (2, 1))
    ]
    gan = ganzoo.get("ebgan", architecture=networks)
    with pytest.raises(ValueError, match=r"let it end in features \[batch, n\]"):
        gan.build_from(np.eye(8, 2, dtype="float32"), batch_size=4)


def test_began_puts_a_decoder_on_a_discriminator_of_features():
    networks = [
        keras.Sequential([keras.Input([n]), keras.layers.Dense(m)]) for n, m in ((16, 2), (2, 4))
    ]
    gan = ganzoo.get("began", architecture=networks)
    gan.build_from(np.eye(8, 2, dtype="float32"), batch_size=4)
    assert gan.discriminator.output_shape == (None, 2)
