"""Anomaly scores against closed forms, and the encoder that is fitted to a trained GAN."""

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import ganzoo
from ganzoo import evaluation
from ganzoo.core.detecting import FittedEncoder
from ganzoo.core.fitting import Diverged
from ganzoo.evaluation import anomalies

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(64, 5)).astype("float32")
IMAGES = RNG.integers(0, 256, (64, 8, 8, 1), "uint8")
LABELS = np.arange(64) % 3
SMALL = {"width": 4, "latent_dim": 3}


def built(name="lsgan", x=IMAGES, y=None, **chosen):
    gan = ganzoo.get(name, **SMALL | chosen)
    gan.build_from(x, y)
    return gan


class FromTheMean(keras.layers.Layer):
    """Samples minus the mean of their batch."""

    mixes_samples = True

    def call(self, x):
        return 3 * x - keras.ops.mean(x, 0, keepdims=True)


def linear_networks(width=5, *layers):
    generator = keras.Sequential([keras.Input([3]), keras.layers.Dense(5)])
    critic = keras.Sequential([keras.Input([width]), *layers, keras.layers.Dense(4)])
    return generator, critic


def randomised(*models):
    for model in models:
        model.set_weights([RNG.normal(size=w.shape) for w in model.get_weights()])


def affine(x, weights):
    return x @ weights[0] + weights[1]


# ---- the scores


@pytest.mark.parametrize("packing", [1, 2])
def test_f_anogan_of_linear_networks_is_its_closed_form(packing):
    generator, critic = linear_networks(5 * packing)
    critic.add(keras.layers.Dense(1))  # the features are what this last layer is given
    gan = built(x=POINTS, architecture=(generator, critic), packing=packing)
    encoder = keras.Sequential([keras.Input([5]), keras.layers.Dense(3)])
    randomised(gan.generator, gan.discriminator, encoder)
    gan.encode_images = FittedEncoder(encoder)
    x = (POINTS - POINTS.mean(0)) / POINTS.std(0)
    again = affine(affine(x, encoder.get_weights()), gan.generator.get_weights())
    kernel = gan.discriminator.get_weights()[0]
    features = np.concatenate([x - again] * packing, axis=1) @ kernel
    for weight in (None, 0.0, 2.5):
        kappa = 1.0 if weight is None else weight
        expected = np.mean((x - again) ** 2, 1) + kappa * np.mean(features**2, 1)
        found = gan.anomaly_score(POINTS, weight=weight)
        assert found.shape == (64,) and found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_egbad_of_linear_networks_is_its_closed_form():
    gan = built("bigan", POINTS, architecture=linear_networks())
    randomised(gan.generator, gan.discriminator, gan.encoder)
    x = (POINTS - POINTS.mean(0)) / POINTS.std(0)
    z = affine(affine(x, gan.encoder.get_weights()[:2]), gan.encoder.get_weights()[2:])
    again = affine(z, gan.generator.get_weights())
    first, second = gan.discriminator.get_weights()[:2], gan.discriminator.get_weights()[2:4]

    def features(x):
        pair = affine(np.concatenate([affine(x, first), z], axis=1), second)
        return np.where(pair > 0, pair, 0.2 * pair)

    for weight in (None, 0.0, 1.0):
        w = 0.1 if weight is None else weight
        expected = (1 - w) * np.abs(x - again).sum(1)
        expected += w * np.abs(features(x) - features(again)).sum(1)
        np.testing.assert_allclose(gan.anomaly_score(POINTS, weight=weight), expected, rtol=1e-4)


def test_averages_of_the_weights_are_used_where_there_are_some():
    gan = ganzoo.get("bigan", **SMALL, ema=0.9)
    gan.fit(POINTS, batch_size=16, steps_per_epoch=3, verbose=0)
    x = gan.spec.encode(POINTS).numpy()
    again = gan.predict(gan.encode(POINTS))
    expected = np.abs(x - again).sum(1)
    np.testing.assert_allclose(gan.anomaly_score(POINTS, weight=0), expected, rtol=1e-5)
    for weight in gan.generator_variables:  # of G and of the encoder
        weight.assign(np.zeros(weight.shape))
    np.testing.assert_allclose(gan.anomaly_score(POINTS, weight=0), expected, rtol=1e-5)


def test_without_features_the_score_is_the_squared_error():
    gan = built("aae")
    x = gan.spec.encode(IMAGES).numpy()
    expected = np.mean((x - gan.predict(gan.encode(IMAGES))) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(gan.anomaly_score(IMAGES), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["sgan", "ebgan", "began"])
def test_a_discriminator_without_a_layer_of_logits_has_features_too(name):
    gan = built(name, IMAGES, LABELS)
    gan.fit_encoder(IMAGES, LABELS, steps=1)
    with_features, without = gan.anomaly_score(IMAGES), gan.anomaly_score(IMAGES, weight=0)
    assert (with_features > without).all()


def test_the_score_of_a_sample_is_the_same_beside_any_others():
    alone, beside = (
        built(x=POINTS, architecture=linear_networks(5, *layers))
        for layers in ([], [FromTheMean()])
    )
    for gan in (alone, beside):
        gan.fit_encoder(POINTS, steps=1)
        whole = gan.anomaly_score(POINTS[:8])
        np.testing.assert_allclose(gan.anomaly_score(POINTS[5:8]), whole[5:], rtol=1e-5)
        np.testing.assert_allclose(gan.anomaly_score(POINTS[:8], batch_size=3), whole, rtol=1e-5)


def test_a_frame_is_scored_as_its_array():
    frame = pd.DataFrame(POINTS, columns=list("abcde"))
    gan = built(x=frame)
    gan.fit_encoder(frame, steps=2)
    np.testing.assert_array_equal(gan.anomaly_score(frame), gan.anomaly_score(POINTS))


# ---- the fitted encoder


def test_an_encoder_inverts_a_linear_generator_and_finds_what_it_cannot_make():
    gan = built(x=POINTS, architecture=linear_networks(), width=64)
    rotation = np.linalg.qr(RNG.normal(size=(5, 3)))[0].T
    gan.generator.set_weights([rotation, RNG.normal(size=5)])
    normal, held_out = np.split(gan.sample(1200, seed=1), [1000])
    before = [w.numpy() for w in gan.weights]
    losses = gan.fit_encoder(normal, steps=600, weight=0.0, learning_rate=3e-3)
    assert losses.shape == (600,) and losses[-20:].mean() < 0.02 * losses[:5].mean()
    for old, new in zip(before, gan.weights, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    z = np.random.default_rng(2).normal(size=(200, 3)).astype("float32")
    found = gan.encode(gan.sample(200, latent=z))
    assert np.corrcoef(found.ravel(), z.ravel())[0, 1] > 0.97
    strange = held_out + 2 * RNG.normal(size=held_out.shape).astype("float32")
    scores = [gan.anomaly_score(x, weight=0) for x in (held_out, strange)]
    assert evaluation.auroc(*scores) > 0.95
    again = gan.fit_encoder(normal, steps=600, weight=0.0, learning_rate=3e-3)
    np.testing.assert_allclose(again, losses, rtol=1e-3)


def test_a_saved_encoder_gives_the_same_scores(tmp_path):
    gan = built(x=POINTS)
    gan.fit_encoder(POINTS, steps=3)
    scores, codes = gan.anomaly_score(POINTS), gan.encode(POINTS)
    gan.save(tmp_path / "lsgan.keras")
    gan.save_weights(tmp_path / "lsgan.weights.h5")
    weights_only = ganzoo.get("lsgan", **SMALL)
    weights_only.load_weights(tmp_path / "lsgan.weights.h5")
    for loaded in (ganzoo.load(tmp_path / "lsgan.keras"), weights_only):
        np.testing.assert_array_equal(loaded.anomaly_score(POINTS), scores)
        np.testing.assert_array_equal(loaded.encode(POINTS), codes)
    loaded.save(tmp_path / "again.keras")
    np.testing.assert_array_equal(
        ganzoo.load(tmp_path / "again.keras").anomaly_score(POINTS), scores
    )


def test_training_drops_the_encoder_that_was_fitted_to_other_weights(tmp_path):
    gan = built(x=POINTS)
    gan.save(tmp_path / "before.keras")
    gan.fit_encoder(POINTS, steps=1)
    gan.fit(POINTS, batch_size=16, steps_per_epoch=1, verbose=0)
    with pytest.raises(ValueError, match=r"or was trained since one was fitted: call fit_encoder"):
        gan.anomaly_score(POINTS)
    gan.fit_encoder(POINTS, steps=1)
    gan.load_weights(tmp_path / "before.keras")
    assert gan.encode_images is None
    bigan = ganzoo.get("bigan", **SMALL)
    bigan.fit(POINTS, batch_size=16, steps_per_epoch=1, verbose=0)
    assert bigan.anomaly_score(POINTS[:2]).shape == (2,)


def test_labels_are_given_where_the_generator_is_told_them():
    gan = built("cgan", IMAGES, LABELS)
    gan.fit_encoder(IMAGES, LABELS, steps=2)
    scores = gan.anomaly_score(IMAGES, label=LABELS)
    others = gan.anomaly_score(IMAGES, label=(LABELS + 1) % 3)
    assert (scores != others).all()
    np.testing.assert_allclose(gan.anomaly_score(IMAGES[:3], label=1)[1], scores[1], rtol=1e-5)
    with pytest.raises(ValueError, match="is also given label: pass label="):
        gan.anomaly_score(IMAGES)


def pix2pix():
    large = np.pad(IMAGES, [(0, 0), (4, 4), (4, 4), (0, 0)])
    gan = ganzoo.get("pix2pix", width=4)
    gan.build_from({"source": large, "target": large})
    return gan


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: ganzoo.get("lsgan").anomaly_score(IMAGES), "has not seen data yet"),
        (lambda: ganzoo.get("lsgan").fit_encoder(IMAGES), "has not seen data yet"),
        (lambda: built().anomaly_score(IMAGES), r"has no encoder.*call fit_encoder\(x\)"),
        (lambda: pix2pix().anomaly_score(IMAGES), "pix2pix maps samples to samples"),
        (lambda: pix2pix().fit_encoder(IMAGES), "pix2pix maps samples to samples"),
        (lambda: built("bigan").fit_encoder(IMAGES), "trained with an encoder of its own"),
        (lambda: built("infogan").fit_encoder(IMAGES), "also given category, code, which"),
        (lambda: built().fit_encoder(POINTS), "data is float32 of shape"),
        (lambda: built().fit_encoder(IMAGES, steps=0), "steps=0"),
        (lambda: built().fit_encoder(IMAGES, weight=-1), "weight=-1 must be a number of at least"),
        (lambda: built().fit_encoder(IMAGES, learning_rate=float("nan")), "learning_rate=nan must"),
        (lambda: built("bigan").anomaly_score(POINTS), "learned uint8 of shape"),
        (lambda: built("bigan").anomaly_score(IMAGES[:0]), "no samples to score"),
        (lambda: built("bigan").anomaly_score(IMAGES, weight=2), "weight=2 must be from 0 to 1"),
        (lambda: built("aae").anomaly_score(IMAGES, weight=-1), "weight=-1 must be at least 0"),
        (lambda: built("bigan").anomaly_score(IMAGES, label=1), "no further input of bigan"),
        (lambda: evaluation.anomaly_threshold([]), r"have the shape \(0,\)"),
        (lambda: evaluation.anomaly_threshold([1.0, np.nan]), "finite numbers"),
        (lambda: evaluation.anomaly_threshold([1.0], 1), "quantile=1 must be between 0 and 1"),
        (lambda: evaluation.auroc([1.0], [1.0, 2.0]), "normal samples have the shape"),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(ask, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        ask()
    assert "\n" not in str(caught.value)


def test_an_encoder_that_diverges_says_at_which_step():
    with pytest.raises(Diverged, match=r"diverged at step \d+.*lower learning_rate"):
        gan = built(x=POINTS, architecture=linear_networks())
        gan.fit_encoder(POINTS, steps=5, learning_rate=1e30)


# ---- what is made of the scores


def test_at_most_the_asked_share_of_normal_scores_is_above_a_threshold():
    for count in (1, 10, 99, 1000):
        scores = RNG.normal(size=count)
        for quantile in (0.5, 0.9, 0.95):
            threshold = evaluation.anomaly_threshold(scores, quantile)
            above = (scores > threshold).mean()
            assert above <= 1 - quantile + 1e-12 and above > 1 - quantile - 1 / count - 1e-12
    assert evaluation.anomaly_threshold(range(1, 101), 0.95) == 96  # four of 100 are above it


def test_the_area_is_that_of_all_pairs_and_its_interval_that_of_repeats():
    normal, anomalous = RNG.integers(0, 6, 40), RNG.integers(2, 8, 30)
    wins = [(a > n) + 0.5 * (a == n) for a in anomalous for n in normal]
    assert evaluation.auroc(normal, anomalous) == pytest.approx(np.mean(wins))
    found = [
        evaluation.auroc(RNG.normal(size=60), RNG.normal(1.0, 1.5, size=90)) for _ in range(400)
    ]
    errors = [(area.high - area.low) / (2 * 1.96) for area in found]
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.12)
    perfect = evaluation.auroc([0, 1], [2, 3])
    assert (perfect, perfect.low, perfect.high) == (1, 1, 1)


def test_the_formulas_have_their_published_weights():
    x, again = RNG.normal(size=(2, 6, 2, 2))
    f, f_again = RNG.normal(size=(2, 6, 3))
    first = np.array([sum(abs((a - b).ravel())) for a, b in zip(x, again, strict=True)])
    second = np.array([sum(abs(a - b)) for a, b in zip(f, f_again, strict=True)])
    found = anomalies.egbad(x, again, f, f_again)
    np.testing.assert_allclose(found, 0.9 * first + 0.1 * second)
    squares = np.sum((x - again) ** 2, (1, 2)) / 4 + np.sum((f - f_again) ** 2, 1) / 3
    np.testing.assert_allclose(anomalies.f_anogan(x, again, f, f_again), squares)
    order = roc_auc_score([0, 0, 0, 1, 1, 1], found)
    assert evaluation.auroc(found[:3], found[3:]) == pytest.approx(order)
