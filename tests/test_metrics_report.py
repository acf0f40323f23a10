"""`evaluate`: the right numbers for the data at hand, by the same extractors every time."""

import json
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo import data, evaluation
from ganzoo.testing import checks

pytestmark = pytest.mark.usefixtures("cached_judges")
DIGITS = ganzoo.data.load("digits")
X, Y = (DIGITS.batch(1797).get_single_element()[key].numpy() for key in ("image", "label"))
SPEC = ganzoo.data.batches(X, batch_size=1).spec
SMALL = {"width": 8, "latent_dim": 4}
OF_FEATURES = ["frechet", "kid", "precision", "recall", "density", "coverage"]
OF_COPIES = ["nearer_than_real", "copies"]
OF_PARZEN = ["parzen", "parzen_centroids"]


def fitted(name, data=DIGITS, **hyperparameters):
    gan = ganzoo.get(name, **SMALL | hyperparameters)
    gan.fit(data, steps_per_epoch=2, batch_size=32, verbose=0)
    return gan


def sampler(rows, spec=SPEC):
    """As much of a GAN as `evaluation.evaluate` asks of one that only samples."""

    def sample(count, seed=0):
        return rows[np.random.default_rng(seed).permutation(len(rows))[:count]]

    critic = types.SimpleNamespace(output={})
    name = "image" if spec.is_image else "vector"
    named = {"output_name": name, "fields": {name: spec}, "columns": {name: data.Column("sample")}}
    return types.SimpleNamespace(
        **named,
        spec=spec,
        inputs={},
        given_inputs=[],
        latent_spec={},
        discriminator=critic,
        sample=sample,
    )


# ---- the judge


def test_the_judge_of_digits_is_good():
    judge = evaluation.Judge.of(SPEC, X, Y)
    assert judge.accuracy >= 0.97 and judge.name == f"judge of {judge.accuracy:.2%}"
    features, probabilities = judge.features(X[:50]), judge.probabilities(X[:50])
    assert features.shape == (50, 64) and features.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert (judge.labels(X[:50]) == probabilities.argmax(1)).all()


@pytest.mark.slow
def test_a_judge_that_is_trained_again_is_the_same(tmp_path, monkeypatch):
    judge = evaluation.Judge.of(SPEC, X, Y)
    features = judge.features(X[:50])
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    again = evaluation.Judge.of(SPEC, X, Y)
    assert (again.hash, again.accuracy) == (judge.hash, judge.accuracy)
    np.testing.assert_array_equal(again.features(X[:50]), features)


@pytest.mark.slow
def test_the_judge_of_mnist5k():
    batch = ganzoo.data.load("mnist5k").batch(5000).get_single_element()
    x, y = batch["image"].numpy(), batch["label"].numpy()
    judge = evaluation.Judge.of(ganzoo.data.batches(x, batch_size=1).spec, x, y)
    print(judge.name)
    assert judge.accuracy >= 0.97


def test_the_judge_is_cached_by_its_data_and_a_damaged_cache_is_made_again(tmp_path, monkeypatch):
    x, y = X[:300], np.arange(300) % 2
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(evaluation.Judge, "STEPS", 2)
    trained = []
    train = evaluation.Judge._train.__func__

    def count(cls, *arguments):
        trained.append(arguments)
        return train(cls, *arguments)

    monkeypatch.setattr(evaluation.Judge, "_train", classmethod(count))
    first = evaluation.Judge.of(SPEC, x, y)
    assert evaluation.Judge.of(SPEC, x, y).hash == first.hash and len(trained) == 1
    evaluation.Judge.of(SPEC, x, 1 - y)
    assert len(trained) == 2 and len(list((tmp_path / "judges").iterdir())) == 2
    for file in (tmp_path / "judges").iterdir():
        file.write_bytes(file.read_bytes()[:1000])
    assert evaluation.Judge.of(SPEC, x, y).hash == first.hash and len(trained) == 3
    monkeypatch.setenv("GANZOO_CACHE", str(next((tmp_path / "judges").iterdir())))  # no folder
    assert evaluation.Judge.of(SPEC, x, y).hash == first.hash and len(trained) == 4


def test_a_strategy_and_a_policy_do_not_change_the_judge(tmp_path, monkeypatch):
    x, y = X[:300], np.arange(300) % 2
    monkeypatch.setattr(evaluation.Judge, "STEPS", 3)
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "plain"))
    plain = evaluation.Judge.of(SPEC, x, y)
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "mirrored"))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        with checks.two_replicas().scope():
            mirrored = evaluation.Judge.of(SPEC, x, y)
            np.testing.assert_array_equal(mirrored.features(x[:9]), plain.features(x[:9]))
    finally:
        keras.config.set_dtype_policy("float32")
    assert mirrored.hash == plain.hash


# ---- what evaluate says of samplers that are known


def test_real_samples_pass_as_real_copies_as_copies_and_noise_as_noise():
    order = np.random.default_rng(0).permutation(len(X))
    seen, unseen = order[:900], order[900:]
    judge = evaluation.Judge.of(SPEC, X, Y)
    real = evaluation.evaluate(sampler(X[unseen]), X[seen], Y[seen], extractor=judge)
    assert list(real) == [
        *OF_FEATURES, *OF_COPIES, "label_kl", "confidence", "score", *OF_PARZEN
    ]  # fmt: skip
    for name in ("frechet", "precision", "recall", "density", "coverage", "confidence", "score"):
        assert 0.7 < real[name].ratio < 1.4, (name, real[name], real[name].ratio)
    assert real["kid"].low < 3 * abs(real["kid"].reference)
    assert real["nearer_than_real"].reference == 0.5 and 0.4 < real["nearer_than_real"] < 0.6
    assert real["copies"] < 0.03 and real["label_kl"] < 0.05
    assert abs(real["parzen"] - real["parzen"].reference) < 4
    assert real["frechet"].n == 225 and real["kid"].n == 450
    copied = evaluation.evaluate(sampler(X[seen]), X[seen], samples=200, extractor=judge)
    assert copied["copies"] == 1 and copied["nearer_than_real"] == 1
    noise = np.random.default_rng(1).integers(0, 256, (500, 8, 8, 1)).astype("uint8")
    poor = evaluation.evaluate(sampler(noise), X[seen], samples=200, extractor=judge)
    assert poor["frechet"].ratio > 5 and poor["coverage"] < 0.1 and poor["copies"] == 0


def test_every_number_says_where_it_comes_from():
    found = evaluation.evaluate(sampler(X[::-1]), X, Y, samples=300)
    judge = evaluation.Judge.of(SPEC, X, Y)
    assert not found.refused
    for name, number in found.items():
        assert isinstance(number, float) and np.isfinite(number), name
        assert number.low <= number <= number.high and number.interval and number.n > 100, name
        assert number.extractor and number.split and len(number.hash) == 16, name
        assert name == "parzen_centroids" or number.reference is not None, name
    assert found["frechet"].extractor.startswith("judge of 9") and judge.accuracy > 0.97
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert set(told) == {"metrics", "refused"} and told["metrics"]["kid"]["n"] == 300
    shuffled = np.random.default_rng(0).permutation(len(X))
    again = evaluation.evaluate(sampler(X[::-1]), X[shuffled], Y[shuffled], samples=300)
    assert again.to_json() == found.to_json(), "the order of the data matters"
    other = evaluation.evaluate(sampler(X[::-1]), X, Y, samples=300, seed=1)
    assert other["kid"] != found["kid"] and other["kid"].reference == found["kid"].reference


def test_known_modes_and_lines_and_plain_vectors():
    ring = ganzoo.data.load("ring")
    points = ganzoo.data.toys.ring().sample(4000, 7)[0]
    spec = ganzoo.data.batches(ring, batch_size=1).spec
    found = evaluation.evaluate(sampler(points, spec), ring)
    of_modes = ["modes", "modes_lenient", "high_quality", "mode_kl", "mode_std"]
    assert list(found) == [*OF_FEATURES, *OF_COPIES, *of_modes]
    assert found["modes"] == 8 and found["high_quality"].n == 2500
    assert 0.97 < found["mode_std"].ratio < 1.03 and found["mode_kl"] < 0.01
    assert all(number.hash and number.split and number.extractor for number in found.values())
    plain = evaluation.evaluate(sampler(points, spec), points[:500], samples=100)
    assert list(plain) == [*OF_FEATURES, *OF_COPIES] and plain["kid"].n == 100
    line = np.random.default_rng(0).normal(size=(1000, 1)).astype("float32")
    spec = ganzoo.data.batches(line, batch_size=1).spec
    found = evaluation.evaluate(sampler(line + 1, spec), line)
    assert list(found)[-2:] == ["wasserstein_1", "histogram_jsd"]
    assert found["wasserstein_1"] == pytest.approx(1, abs=0.1)
    assert found["wasserstein_1"].ratio > 5


def test_too_few_samples_are_refused_with_the_reason():
    found = evaluation.evaluate(sampler(X), X[:60], Y[:60])
    assert "frechet" in found and found["frechet"].extractor.startswith("7 principal")
    assert {"judge", "precision", "copies"} <= set(found.refused)
    assert "60 images of 10 classes" in found.refused["judge"]
    assert not set(found) & set(found.refused)
    with pytest.raises(ValueError, match="the data have 3 rows"):
        evaluation.evaluate(sampler(X), X[:3])


def test_labels_that_are_none_are_no_labels():
    for labels in (None, Y.astype("float32"), Y - 1, np.eye(10)[Y], np.zeros_like(Y)):
        labels = None if labels is None else labels[:320]
        found = evaluation.evaluate(sampler(X), X[:320], labels, samples=60)
        assert "label_kl" not in found and "principal components" in found["kid"].extractor


# ---- other extractors


def test_the_extractor_of_the_user():
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.AveragePooling2D(4)], name="mine"
    )
    found = evaluation.evaluate(sampler(X), X[:400], extractor=model)
    assert found["frechet"].extractor == "mine"
    features = evaluation.KerasFeatures(model).features(X[:300])
    np.testing.assert_allclose(features[7, 0], X[7, :4, :4].mean(), rtol=1e-6)
    for wrong in ("inceptoin", 3, np.mean):
        with pytest.raises(
            ValueError, match="must be 'inception' or 'efficientnet_lite0', a Keras model, or"
        ):
            evaluation.evaluate(sampler(X), X[:400], extractor=wrong)


def test_hashes_tell_extractors_apart():
    models = [keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]) for _ in range(2)]
    hashes = {evaluation.KerasFeatures(model).hash for model in models}
    hashes |= {evaluation.Pixels(SPEC, X, width).hash for width in (8, 9, None)}
    assert len(hashes) == 5
    assert evaluation.Pixels(SPEC, X, 8).hash == evaluation.Pixels(SPEC, X.copy(), 8).hash


def test_inception_without_weights_says_so(monkeypatch):
    def fail(**options):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "InceptionV3", fail)
    with pytest.raises(ValueError, match="not cached and cannot be downloaded"):
        evaluation.evaluate(sampler(X), X[:400], extractor="inception")
    with pytest.raises(ValueError, match="one or three channels"):
        evaluation.Inception(ganzoo.data.Field((9,), "float32"))


@pytest.mark.slow
def test_inception_sees_resized_images_of_three_channels():
    keras.utils.set_random_seed(0)
    inception = evaluation.Inception(SPEC, weights=None)
    features = inception.features(X[:3])
    assert features.shape == (3, 2048)
    image = tf.image.resize(np.repeat(X[:1] / 127.5 - 1, 3, -1), (299, 299), antialias=True)
    theirs = inception.model(image, training=False).numpy()[0]
    np.testing.assert_allclose(features[0], theirs, rtol=1e-3, atol=1e-5)


# ---- gan.evaluate


def test_gan_evaluate_has_losses_first_and_changes_nothing():
    gan = fitted("lsgan")
    before = [np.array(w) for w in gan.weights]
    found = gan.evaluate(DIGITS, samples=300)
    assert list(found) == [
        "discriminator", "generator", *OF_FEATURES, *OF_COPIES, "label_kl", "confidence", "score",
        *OF_PARZEN,
    ]  # fmt: skip
    assert found["generator"].n == 1792 and found["generator"].extractor == "critic of lsgan"
    assert found.to_json() == gan.evaluate((X, Y), samples=300).to_json()
    assert list(gan.evaluate(DIGITS, samples=0)) == ["discriminator", "generator"]
    for old, new in zip(before, gan.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    for wrong in (-1, 2.5, True):
        with pytest.raises(ValueError, match="must be an int of at least 0"):
            gan.evaluate(DIGITS, samples=wrong)


@pytest.mark.slow
def test_conditions_and_codes_are_checked_by_the_judge():
    found = fitted("cgan").evaluate(DIGITS)
    assert 0 <= found["agreement"] < 0.4 and found["agreement"].reference > 0.97
    infogan = fitted("infogan")
    found = infogan.evaluate(DIGITS)
    assert found["matching"].reference > 0.97 and "→" in found["matching"].note
    latents = infogan.draw_latents(898, 0)
    q = infogan.discriminator(infogan.generate(latents)[infogan.output_name])["category"]
    bound = np.log(10) - keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
        latents["category"], q
    )
    assert float(found["category_bound"]) == pytest.approx(float(bound), rel=1e-3, abs=1e-5)
