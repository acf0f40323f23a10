"""What the contract doesn't: composing, refusing, saving, and Algorithm 1 itself."""

import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.core.gan import GAN
from ganzoo.foundation import registry
from ganzoo.testing import checks

DIGITS = ganzoo.data.load("digits")
SMALL = {"width": 8, "latent_dim": 4, "architecture": "mlp"}


def fitted(name="lsgan", steps=2, data=DIGITS, **hyperparameters):
    gan = ganzoo.get(name, **SMALL | hyperparameters)
    gan.fit(data, steps_per_epoch=steps, batch_size=8, verbose=0)
    return gan


@pytest.fixture(scope="module")
def lsgan():
    return fitted()


@pytest.mark.parametrize(
    ("name", "hyperparameters", "words"),
    [
        ("lsgna", {}, "did you mean 'lsgan'"),
        ("lsgan", {"critc_steps": 2}, "did you mean 'critic_steps'"),
        ("lsgan", {"critic_steps": 0}, "int, at least 1"),
        ("lsgan", {"critic_steps": True}, "int, at least 1"),
        ("lsgan", {"critic_steps": "2"}, "int, at least 1"),
        ("lsgan", {"width": 2.5}, "int, at least 1, at most 16384 or None"),
        ("lsgan", {"beta_1": 1.5}, "at most 1"),
        ("lsgan", {"generator_learning_rate": float("nan")}, "float of 32 bits, above 0"),
        ("lsgan", {"coding": (1, 2, 3)}, "one of"),
        ("lsgan", {"objective": "hinge"}, "what makes it lsgan"),
        ("dcgan", {"objective": "hinje"}, "'hinge'"),
        ("dcgan", {"penalties": {"r3": 1}}, "did you mean 'r2' or 'r1'"),
        ("dcgan", {"penalties": {"r1": -1}}, "at least 0"),
        ("dcgan", {"penalties": {"r1": "x"}}, "at least 0"),
        (
            "dcgan",
            {"penalties": {"r1": 1}, "discriminator_normalization": "batch"},
            "batch normalisation mixes",
        ),
        ("dcgan", {"architecture": "dcgn"}, "one of 'auto', 'biggan', 'dcgan'"),
        ("dcgan", {"architecture": 3}, "pair of Keras models"),
        ("infogan", {"information_weight": -1.0}, "at least 0"),
    ],
)
def test_a_misspelling_never_passes(name, hyperparameters, words):
    with pytest.raises(ValueError, match=words):
        ganzoo.get(name, **hyperparameters)


def test_objectives_and_penalties_compose():
    gan = fitted("dcgan", objective="hinge", penalties={"r1": 2.0, "gradient_penalty": 1})
    assert set(gan.metrics_names) >= {"discriminator", "generator", "r1", "gradient_penalty"}
    relativistic = fitted("cgan", objective="relativistic")
    assert relativistic.sample(2, labels=[3, 4]).shape == (2, 8, 8, 1)


def test_card_is_frozen_and_tells_the_defaults():
    card = ganzoo.card("wgan_gp")
    assert (card.year, card.arxiv, card.conditional) == (2017, "1704.00028", False)
    assert "Gulrajani" in card.authors and card.title == "Improved Training of Wasserstein GANs"
    assert "λ E(‖∇D(x̂)‖ − 1)²" in card.equation
    assert card.hyperparameters["critic_steps"] == 5
    assert "objective" not in card.hyperparameters, "its objective is what it is"
    assert ganzoo.card("r1gan").title.endswith("do actually Converge?")
    assert all(f"  {name} " in str(card) for name in card.hyperparameters)
    with pytest.raises(AttributeError):
        card.year = 2018


def test_names_filter_and_duplicates_raise():
    assert ganzoo.names("*wgan*") == ["wgan", "wgan_gp"]
    with pytest.raises(ValueError, match=r"is taken by ganzoo\.zoo\.lsgan"):
        registry.register("lsgan")(registry.find("dcgan"))
    with pytest.raises(ValueError, match="lacks the paper or the equation"):
        registry.register("mine")(type("Mine", (GAN,), {"__doc__": "No paper."}))


def test_critic_steps_see_each_row_once_and_the_last_batch_goes_to_both(monkeypatch):
    gan = ganzoo.get("lsgan", critic_steps=3, **SMALL)
    x = np.arange(60, dtype="float32")[:, None] / 60
    gan.build_for({"vector": ganzoo.data.Field((1,), "float32")})
    seen = []

    def record(player, update):
        seen.append((player, update.sample.numpy().ravel(), update.inputs["latent"].numpy()))
        return {player: tf.constant(0.0)}

    gan.play({"vector": tf.constant(x[:12])}, record)
    assert [player for player, _, _ in seen] == ["discriminator"] * 3 + ["generator"]
    rows = np.concatenate([image for _, image, _ in seen[:3]])
    assert sorted(rows) == sorted(x[:12, 0]), "the critic's batches aren't fresh"
    assert all(len(image) == 4 for _, image, _ in seen)
    latents = np.stack([latent for _, _, latent in seen])
    assert len(np.unique(latents)) == latents.size, "latents repeat within a step"


def test_one_optimizer_counts_critic_steps_and_the_other_generator_steps():
    gan = fitted("lsgan", steps=4, critic_steps=3)
    assert gan.step == 4
    assert gan.generator_optimizer.iterations.numpy() == 4
    assert gan.discriminator_optimizer.iterations.numpy() == 12


def test_logs_are_means_over_the_epoch():
    one, four = (
        ganzoo.get("lsgan", **SMALL)
        .fit(DIGITS, epochs=n, steps_per_epoch=4 // n, verbose=0)
        .history
        for n in (1, 4)
    )
    assert len(set(four["generator"])) == 4
    for name, values in four.items():
        assert one[name] == [pytest.approx(np.mean(values), rel=1e-5)], name


def test_compile_takes_other_optimizers_and_they_are_saved(tmp_path):
    gan = ganzoo.get("lsgan", **SMALL)
    gan.compile(
        generator_optimizer=keras.optimizers.RMSprop(3e-4),
        discriminator_optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
    )
    gan.fit(DIGITS, steps_per_epoch=2, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = ganzoo.load(tmp_path / "gan.keras")
    assert isinstance(loaded.generator_optimizer, keras.optimizers.RMSprop)
    assert float(loaded.generator_optimizer.learning_rate) == pytest.approx(3e-4)
    for mine, theirs in zip(
        gan.discriminator_optimizer.variables, loaded.discriminator_optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def pair(inputs=4, shape=(8, 8, 1), outputs=1):
    generator = keras.Sequential(
        [
            keras.Input([inputs]),
            keras.layers.Dense(int(np.prod(shape)), "tanh"),
            keras.layers.Reshape(shape),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(outputs),
        ]
    )
    return generator, discriminator


def test_own_pair_of_networks_trains_saves_and_resumes_bitwise(tmp_path):
    keras.utils.set_random_seed(0)
    own = pair()
    start = [model.get_weights() for model in own]
    whole = fitted("lsgan", steps=4, architecture=own).sample(3, seed=1)
    for model, weights in zip(own, start, strict=True):
        model.set_weights(weights)
    half = fitted("lsgan", steps=2, architecture=own)
    half.save(tmp_path / "own.keras")
    resumed = ganzoo.load(tmp_path / "own.keras")
    resumed.fit(DIGITS, steps_per_epoch=2, batch_size=8, verbose=0)
    np.testing.assert_array_equal(whole, resumed.sample(3, seed=1))


def test_own_networks_that_do_not_fit_are_refused():
    for own, name, words in (
        (pair(inputs=5), "lsgan", "your generator maps"),
        (pair(shape=(4, 4, 1)), "lsgan", "your generator maps"),
        ((pair()[0], pair(shape=(4, 4, 1))[1]), "lsgan", "your discriminator takes"),
    ):
        with pytest.raises(ValueError, match=words):
            fitted(name, architecture=own)
    with pytest.raises(ValueError, match="let it end in features"):
        fitted("infogan", architecture=pair(inputs=4 + 10 + 2))
    features = pair(inputs=4 + 10 + 2, outputs=16)
    assert fitted("infogan", architecture=features).sample(2).shape == (2, 8, 8, 1)


def test_sample_says_what_it_does_not_take(lsgan):
    cgan, infogan = fitted("cgan"), fitted("infogan")
    for gan, arguments, words in (
        (lsgan, {"count": 0}, "at least 1"),
        (lsgan, {"count": 2, "labels": 1}, "is not told the class"),
        (lsgan, {"count": 2, "latnt": 1}, "did you mean 'latent'"),
        (lsgan, {"count": 2, "latent": np.zeros((3, 4))}, "latent has shape"),
        (cgan, {"count": 2, "labels": 10}, "label 10 is out of range"),
        (cgan, {"count": 2, "labels": [0, -1]}, "label -1 is out of range"),
        (cgan, {"count": 2, "labels": 0.5}, "integers from 0 to 9"),
        (infogan, {"count": 2, "category": 11}, "category 11 is out of range"),
    ):
        with pytest.raises(ValueError, match=words):
            gan.sample(**arguments)
    with pytest.raises(ValueError, match="has not seen data yet and can't sample"):
        ganzoo.get("lsgan").sample(1)


def test_fixed_latents_are_taken(lsgan):
    latent = np.random.default_rng(0).normal(size=(1, 4))
    same = lsgan.sample(3, latent=latent)
    assert (same == same[0]).all() and (lsgan.sample(1, latent=-latent) != same[0]).any()


def test_bigan_encodes_and_others_refuse(lsgan):
    bigan = fitted("bigan")
    x = bigan.sample(5)
    assert bigan.encode(x).shape == (5, 4)
    with pytest.raises(ValueError, match="learned uint8 of shape"):
        bigan.encode(x.astype("float32"))
    with pytest.raises(ValueError, match="has no encoder: pass steps="):
        lsgan.encode(x)


def test_evaluate_gives_the_terms_and_changes_nothing(lsgan):
    before = [w.numpy() for w in lsgan.weights]
    terms = lsgan.evaluate(DIGITS.take(200), batch_size=50, samples=0)
    assert set(terms) == {"discriminator", "generator"} and np.isfinite(list(terms.values())).all()
    again = lsgan.evaluate(DIGITS.take(200), batch_size=50)
    assert list(again)[:2] == list(terms) and terms.items() <= again.items()
    for old, new in zip(before, lsgan.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_infogan_logs_the_bound():
    gan = ganzoo.get("infogan", **SMALL)
    history = gan.fit(DIGITS, epochs=3, verbose=0).history
    bound = history["category_information"]
    assert bound[0] < bound[-1] <= np.log(10)


def test_began_balance_stays_in_bounds():
    gan = ganzoo.get("began", proportional_gain=10.0, **SMALL)
    history = gan.fit(DIGITS, epochs=2, verbose=0).history
    assert all(0 <= k <= 1 for k in history["k"])
    assert gan.k.numpy() == np.clip(gan.k.numpy(), 0, 1)


def test_the_published_recipe_is_one_keyword_away(tmp_path):
    gan = ganzoo.get("gan", as_published=True)
    history = gan.fit(DIGITS, epochs=8, batch_size=100, verbose=0).history
    assert np.isfinite(history["generator"]).all() and history["discriminator"][-1] < 1.2
    assert gan.generator.input_shape == (None, 100)
    assert [layer.output.shape[-1] for layer in gan.generator.layers[:2]] == [1200, 1200]
    assert type(gan.generator_optimizer).__name__ == "GrowingMomentum"
    gan.save(tmp_path / "gan.keras")
    assert (ganzoo.load(tmp_path / "gan.keras").sample(2) == gan.sample(2)).all()


def test_momentum_grows_as_published():
    from ganzoo.zoo.gan import GrowingMomentum

    optimizer, w = GrowingMomentum(0.1, momentum=0.5), keras.Variable([1.0])
    optimizer.build([w])
    for step, momentum in ((0, 0.5), (62_500, 0.6), (125_000, 0.7), (500_000, 0.7)):
        optimizer.iterations.assign(step)
        optimizer.momentums[0].assign([2.0])
        optimizer.apply([tf.constant([3.0])], [w])
        expected = momentum * 2.0 - 0.1 * 3.0
        np.testing.assert_allclose(optimizer.momentums[0], [expected], rtol=1e-5)


def test_save_is_whole_or_not_at_all(lsgan, tmp_path, monkeypatch):
    path = tmp_path / "gan.keras"
    lsgan.save(path)
    good = path.read_bytes()

    def full(self, filepath, **kwargs):
        filepath.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", full)
    with pytest.raises(OSError, match="was not written: No space left"):
        lsgan.save(path)
    assert path.read_bytes() == good and list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError, match=r"end it in \.keras"):
        lsgan.save(tmp_path / "gan.h5")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        lsgan.save(path, overwrite=False)
    with pytest.raises(ValueError, match="can't save: fit it first"):
        ganzoo.get("lsgan").save(path)


def test_load_says_what_is_wrong_with_a_file(lsgan, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no saved GAN at"):
        ganzoo.load(tmp_path / "none.keras")
    path = tmp_path / "gan.keras"
    lsgan.save(path)
    whole = path.read_bytes()
    for damaged in (b"", b"no zip at all", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is no saved GAN, or is damaged"):
            ganzoo.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"module": "os", "class_name": "system"}))
    with pytest.raises(ValueError, match="is no saved GAN, or is damaged"):
        ganzoo.load(path)
    keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]).save(path)
    with pytest.raises(ValueError, match="holds a Sequential, not a GAN"):
        ganzoo.load(path)


@pytest.mark.parametrize(
    "imports",
    ["import keras, ganzoo", pytest.param("import ganzoo.zoo, keras", marks=pytest.mark.slow)],
)
def test_keras_loads_it_in_a_fresh_process(lsgan, tmp_path, imports):
    lsgan.save(tmp_path / "gan.keras")
    expected = lsgan.sample(2, seed=3).sum()
    code = f"{imports}; print(keras.models.load_model('gan.keras').sample(2, seed=3).sum())"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.stdout.strip() == str(expected), run.stderr[-500:]


def test_importing_is_cheap():
    code = "import sys, ganzoo; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.split() == ["False", "False"], run.stderr[-500:]


def test_data_that_changes_under_a_built_model_is_refused(lsgan):
    with pytest.raises(ValueError, match="built for"):
        lsgan.fit(np.zeros((64, 9, 9, 1), "uint8"))


def test_a_strategy_refuses_what_keras_cannot_do():
    with checks.two_replicas().scope():
        gan = ganzoo.get("lsgan", **SMALL)
        gan.compile(steps_per_execution=2)
    with pytest.raises(ValueError, match="steps_per_execution"):
        gan.fit(DIGITS, verbose=0)


@pytest.mark.parametrize("inside", [True, False])
def test_a_gan_trained_on_replicas_samples_saves_and_exports(tmp_path, inside):
    strategy = checks.two_replicas()
    with strategy.scope():
        gan = ganzoo.get("cgan", **SMALL)
        if inside:
            gan.fit(DIGITS, steps_per_epoch=2, batch_size=8, verbose=0)
    if not inside:
        gan.fit(DIGITS, steps_per_epoch=2, batch_size=8, verbose=0)
    assert gan.step == 2 and np.isfinite(list(gan.evaluate(DIGITS.take(64)).values())).all()
    expected = gan.sample(3, seed=1, labels=2)
    gan.save(tmp_path / "gan.keras")
    np.testing.assert_array_equal(
        ganzoo.load(tmp_path / "gan.keras").sample(3, seed=1, labels=2), expected
    )
    assert (gan.export(tmp_path / "served") / "certificate.json").is_file()
    with pytest.raises(ValueError, match="can't be divided among 2 replicas"):
        gan.fit(DIGITS, batch_size=7, verbose=0)


def test_steps_per_execution_gives_the_same_weights():
    one = fitted("lsgan", steps=4)
    several = ganzoo.get("lsgan", **SMALL)
    several.compile(steps_per_execution=2)
    several.fit(DIGITS, steps_per_epoch=4, batch_size=8, verbose=0)
    np.testing.assert_array_equal(one.sample(3), several.sample(3))


def test_vectors_come_back_in_their_own_units():
    x = np.random.default_rng(0).normal([50.0, -3.0], [5.0, 0.01], (512, 2)).astype("float32")
    gan = ganzoo.get("gan", width=16, latent_dim=4)
    gan.fit(x, epochs=2, verbose=0)
    samples = gan.sample(200)
    assert samples.dtype == np.float32
    assert 20 < samples[:, 0].mean() < 80 and -3.2 < samples[:, 1].mean() < -2.8
    served = gan.serve(gan.draw_latents(200, 0)).numpy()
    np.testing.assert_allclose(served, samples, rtol=1e-4)
