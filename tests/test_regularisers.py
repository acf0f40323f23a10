"""Regularisers against closed forms, and their state through training, saving and replicas."""

import functools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from judged import judged
from scipy import linalg

import ganzoo
from ganzoo.foundation import registry
from ganzoo.foundation.randomness import Noise
from ganzoo.losses import regularisers
from ganzoo.losses.regularisers import orthogonal
from ganzoo.testing import checks

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(256, 2)).astype("float32")
SMALL = {"width": 8, "latent_dim": 4}


class Judged:
    """An update whose logits are given."""

    def __init__(self, real, fake):
        self.real_outputs, self.fake_outputs = ({"logits": tf.constant(x)} for x in (real, fake))


class Weights:
    """What a regulariser asks of a GAN: variables."""

    def add_weight(self, shape, initializer, **options):
        return tf.Variable(tf.zeros(shape))


def built(decay=0.99):
    regulariser = regularisers.LeCam(decay)
    weights = Weights()
    regulariser.build(weights)
    # Keras variables have their tensor in `value`; TensorFlow's give it by a method.
    regulariser.averages = Averages()
    return regulariser


class Averages:
    def __init__(self):
        self.value = tf.zeros([3])

    def assign(self, value):
        self.value = value


def test_lecam_at_the_start_is_the_closed_form():
    """α_R = α_F = 0: E relu(D(x))² + E relu(−D(G(z)))²."""
    real, fake = RNG.normal(size=(2, 50, 1)).astype("float32")
    expected = np.mean(np.maximum(real, 0) ** 2) + np.mean(np.maximum(-fake, 0) ** 2)
    assert float(built().term(Judged(real, fake))) == pytest.approx(expected, rel=1e-6)


def test_lecam_averages_are_the_corrected_running_means():
    regulariser, decay = built(0.9), 0.9
    logits = RNG.normal(size=(7, 2, 5, 1)).astype("float32")
    for real, fake in logits:
        regulariser.after(Judged(real, fake))
    weights = decay ** np.arange(7)[::-1]
    expected = [np.average(logits[:, side].mean((1, 2)), weights=weights) for side in (0, 1)]
    np.testing.assert_allclose(regulariser.means(), expected, rtol=1e-5)
    real, fake = logits[0]
    alpha_real, alpha_fake = expected
    term = np.mean(np.maximum(real - alpha_fake, 0) ** 2)
    term += np.mean(np.maximum(alpha_real - fake, 0) ** 2)
    assert float(regulariser.term(Judged(real, fake))) == pytest.approx(term, rel=1e-4)


def fitted(steps, **chosen):
    gan = ganzoo.get("dcgan", regularisers={"lecam": 0.3}, **SMALL | chosen)
    if steps:
        gan.fit(POINTS, batch_size=16, steps_per_epoch=steps, verbose=0)
    return gan


def averages(gan):
    return gan._regularisers[0][0].averages.numpy()


def test_running_averages_resume_exactly(tmp_path):
    whole, half = fitted(6), fitted(3)
    half.save(tmp_path / "half.keras")
    resumed = ganzoo.load(tmp_path / "half.keras")
    np.testing.assert_array_equal(averages(half), averages(resumed))
    assert (averages(half) != 0).all()
    resumed.fit(POINTS, batch_size=16, steps_per_epoch=3, verbose=0)
    np.testing.assert_array_equal(averages(whole), averages(resumed))
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_replicas_keep_the_averages_of_one():
    one = fitted(3)
    with checks.two_replicas().scope():
        two = ganzoo.get("dcgan", regularisers={"lecam": 0.3}, **SMALL)
    two.fit(POINTS, batch_size=16, steps_per_epoch=3, verbose=0)
    np.testing.assert_allclose(averages(one), averages(two), rtol=1e-3, atol=1e-6)


def test_it_is_a_term_of_the_logs_and_changes_what_d_learns():
    gan, plain = fitted(4), ganzoo.get("dcgan", **SMALL)
    plain.fit(POINTS, batch_size=16, steps_per_epoch=4, verbose=0)
    assert "lecam" in gan.log.names and "lecam" not in plain.log.names
    pairs = zip(gan.discriminator_variables, plain.discriminator_variables, strict=True)
    assert any((a.numpy() != b.numpy()).any() for a, b in pairs)


def test_a_lazy_regulariser_takes_part_in_each_nth_step_with_n_times_the_weight():
    gan = fitted(0, regularise_every=3, penalties={"r1": 1.0})
    seen = []

    def record(player, update):
        if player == "discriminator":
            seen.append((update.regularise, sorted(gan.discriminator_loss(update))))
        return {}

    gan.build_from(POINTS, batch_size=16)
    rows = {"vector": tf.constant(POINTS[:16])}
    for regularise in (True, False):
        gan.play(rows, record, regularise)
    assert seen == [(True, ["discriminator", "lecam", "r1"]), (False, ["discriminator"])]
    once = fitted(0, penalties={"r1": 1.0})
    once.build_for(gan.fields)
    once.set_weights(gan.get_weights())
    terms = []
    for model in (gan, once):
        model.play(rows, lambda p, u, m=model: terms.append(m.discriminator_loss(u)["r1"]) or {})
    assert float(terms[0]) == pytest.approx(3 * float(terms[2]), rel=1e-5)


def test_lazy_training_resumes_exactly(tmp_path):
    chosen = {"regularise_every": 2, "penalties": {"r1": 1.0}}
    whole, half = fitted(5, **chosen), fitted(3, **chosen)
    half.save(tmp_path / "half.keras")
    resumed = ganzoo.load(tmp_path / "half.keras")
    resumed.fit(POINTS, batch_size=16, steps_per_epoch=2, verbose=0)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("decay", [1.0, -0.1, True, "0.9"])
def test_a_decay_that_is_none_is_refused(decay):
    with pytest.raises(ValueError, match="must be a number of at least 0 and below 1"):
        regularisers.LeCam(decay)


# ---- consistency

IMAGES = RNG.normal(size=(64, 16, 9, 2)).astype("float32")


def moved(image, draws, flip=True, shift=0.125):
    """One image [height, width, channels], moved by NumPy: mirrored, padded and cut."""
    height, width, _ = image.shape
    image = image[:, ::-1] if flip and draws[2] >= 0.5 else image
    most = int(shift * height), int(shift * width)
    padded = np.pad(image, [(most[0],) * 2, (most[1],) * 2, (0, 0)], mode="reflect")
    top, left = (m + round((2 * d - 1) * m) for m, d in zip(most, draws[:2], strict=True))
    return padded[top : top + height, left : left + width]


def critic(x):
    """Logits that tell where something is in an image."""
    ramp = tf.reshape(tf.sin(tf.range(16 * 9 * 2, dtype=tf.float32)), [16, 9, 2])
    return tf.reduce_sum(x * ramp, axis=[1, 2, 3])[:, None]


def of_critic(x):
    return np.asarray(critic(tf.constant(x)))[:, 0]


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("shift", [0.0, 0.125, 0.5])
def test_consistency_is_the_closed_form(flip, shift):
    regulariser = regularisers.Consistency(flip, shift)
    update = judged(critic, tf.constant(IMAGES), tf.constant(2 * IMAGES), Noise(3))
    draws = Noise(3).uniform([64, 3]).numpy()
    t = [moved(x, d, flip, shift) for x, d in zip(IMAGES, draws, strict=True)]
    np.testing.assert_array_equal(regulariser.moved(update.real_seen, Noise(3)), t)
    expected = np.mean((of_critic(IMAGES) - of_critic(np.array(t))) ** 2)
    assert float(regulariser.term(update)) == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert (expected == 0) == (not flip and not shift)


def test_balanced_consistency_adds_that_of_the_fakes():
    update = judged(critic, tf.constant(IMAGES), tf.constant(2 * IMAGES), Noise(3))
    first = float(regularisers.Consistency().term(update))
    update = judged(critic, tf.constant(IMAGES), tf.constant(2 * IMAGES), Noise(3))
    both, noise = float(regularisers.BalancedConsistency().term(update)), Noise(3)
    noise.uniform([64, 3])
    fakes = regularisers.Consistency().moved(tf.constant(2 * IMAGES), noise)
    second = np.mean((of_critic(2 * IMAGES) - of_critic(fakes.numpy())) ** 2)
    assert both == pytest.approx(first + second, rel=1e-5)


def test_consistency_compares_means_of_patches_and_moves_pairs_alike():
    patches = lambda x: x[0][..., :1] ** 2 + x[1]  # noqa: E731
    pair = (tf.constant(IMAGES), tf.constant(IMAGES[..., 1:]))
    update = judged(patches, pair, pair, Noise(5))
    regulariser = regularisers.Consistency()
    one, other = regulariser.moved(pair, Noise(5))
    np.testing.assert_array_equal(one[..., 1:], other)
    means = [np.mean(patches(x).numpy(), axis=(1, 2, 3)) for x in (pair, (one, other))]
    assert float(regulariser.term(update)) == pytest.approx(np.mean((means[0] - means[1]) ** 2))


# ---- orthogonal


def test_orthogonal_is_the_closed_form_and_0_for_orthogonal_filters():
    for shape in ((5, 8), (8, 5)):
        w = RNG.normal(size=shape).astype("float32")
        products = w @ w.T
        expected = np.sum((products * (1 - np.eye(len(w)))) ** 2)
        assert float(orthogonal.overlap(tf.constant(w))) == pytest.approx(expected, rel=1e-5)
    rows = linalg.qr(RNG.normal(size=(8, 8)))[0][:5] * np.arange(1, 6)[:, None]
    assert float(orthogonal.overlap(tf.constant(rows, tf.float32))) < 1e-9


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Dense(5, use_bias=False),
        keras.layers.Conv2D(5, 3, use_bias=False),
        keras.layers.Conv2DTranspose(5, 3, use_bias=False),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_the_rows_are_the_filters_of_the_outputs(layer):
    """Each output changes with its own row only: the row is its derivative, reordered."""
    image = isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose)
    x = RNG.normal(size=(2, 3, 3, 4) if image else (2, 4)).astype("float32")
    layer(x)
    rows = orthogonal.filters_of(layer)
    assert rows.shape == (5, 36 if image else 4)
    with tf.GradientTape() as tape:
        norms = tf.reduce_sum(tf.square(orthogonal.filters_of(layer)), axis=1)[2]
    moves = tape.gradient(norms, layer.kernel.value).numpy() != 0
    before = layer(x).numpy()
    layer.kernel.assign(layer.kernel + moves)
    assert {*np.nonzero((layer(x).numpy() != before).reshape(-1, 5).any(0))[0]} == {2}


def test_the_gradient_of_orthogonal_is_that_of_finite_differences():
    wide, narrow = (keras.layers.Dense(n, use_bias=False, dtype="float64") for n in (7, 3))
    model = keras.Sequential([keras.Input([4], dtype="float64"), wide, narrow])
    regulariser = regularisers.Orthogonal()
    regulariser.build(types.SimpleNamespace(generator=model))
    weights = [v.value for v in model.trainable_variables]
    with tf.GradientTape() as tape:
        term = regulariser.term(None)
    gradients = tape.gradient(term, weights)
    for weight, gradient in zip(weights, gradients, strict=True):
        start, step = weight.numpy(), RNG.normal(size=weight.shape)
        values = []
        for sign in (1, -1):
            weight.assign(start + sign * 1e-5 * step)
            values.append(float(regulariser.term(None)))
        weight.assign(start)
        slope = (values[0] - values[1]) / 2e-5
        assert slope == pytest.approx(np.sum(gradient.numpy() * step), rel=1e-6)


def test_orthogonal_reads_each_kernel_once_and_no_embedding():
    inner = keras.layers.Dense(4)
    model = keras.Sequential(
        [keras.Input([3]), keras.layers.Embedding(5, 2), keras.layers.Flatten(),
         keras.layers.SpectralNormalization(inner), keras.layers.BatchNormalization()]
    )  # fmt: skip
    regulariser = regularisers.Orthogonal()
    regulariser.build(types.SimpleNamespace(generator=model))
    assert regulariser.layers == [inner]
    none = keras.Sequential([keras.Input([3]), keras.layers.ReLU()])
    with pytest.raises(ValueError, match="needs a generator with dense layers"):
        regulariser.build(types.SimpleNamespace(generator=none))


# ---- feature matching


def test_feature_matching_is_the_distance_of_the_means():
    real, fake = RNG.normal(size=(50, 6)), RNG.normal(size=(50, 6)) + 1
    update = types.SimpleNamespace(
        real_outputs={"features": tf.constant(real, tf.float32)},
        fake_outputs={"features": tf.constant(fake, tf.float32)},
    )
    expected = np.sum((real.mean(0) - fake.mean(0)) ** 2)
    found = float(regularisers.FeatureMatching().term(update))
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_features_are_those_that_the_logits_are_computed_from():
    gan = ganzoo.get("lsgan", regularisers={"feature_matching": 1.0}, **SMALL)
    gan.build_from(POINTS)
    outputs = gan.discriminate(tf.constant(POINTS[:5]), None, training=False)
    logits = gan.discriminator.get_layer("logits")
    np.testing.assert_allclose(logits(outputs["features"]), outputs["logits"], rtol=1e-5)


# ---- all of them


@functools.cache
def subject_of(name):
    own = {"regularisers": {name: 0.1}, "architecture": "mlp"}
    return checks.Subject(registry.find("lsgan"), **own)


@pytest.mark.parametrize(
    "name",
    [  # the others have no state and draw nothing that these don't draw
        pytest.param(name, marks=[] if name in ("consistency", "path_length") else pytest.mark.slow)
        for name in sorted(regularisers.NAMED)
    ],
)
@pytest.mark.parametrize(
    "check",
    [
        checks.check_logs,
        checks.check_every_weight_moves,
        checks.check_keras_file,
        checks.check_resume,
        checks.check_two_replicas_equal_one,
    ],
    ids=lambda check: check.__name__,
)
def test_the_contract_with_each_regulariser(name, check):
    checks.run(check, subject_of(name))
    assert name in subject_of(name).trained.log.names


@pytest.mark.parametrize("name", sorted(regularisers.NAMED))
def test_the_arguments_are_saved(name):
    kind = regularisers.NAMED[name]
    assert kind.name == name and kind.player in ("discriminator", "generator")
    config = kind().get_config()
    changed = {key: not v if isinstance(v, bool) else v / 2 for key, v in config.items()}
    assert kind.from_config(changed).get_config() == changed


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: regularisers.Consistency(flip=1), "flip=1 must be True or False"),
        (lambda: regularisers.Consistency(shift=0.6), "shift=0.6 must be a number from 0 to 0.5"),
        (
            lambda: ganzoo.get("lsgan", regularisers={"consistency": 1.0}).build_from(POINTS),
            "moves images, and the data are vectors of 2 features",
        ),
        (
            lambda: ganzoo.get("bigan", regularisers={"feature_matching": 1.0}).build_from(POINTS),
            "the discriminator of bigan doesn't give them",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_loss_that_takes_no_regularisers_is_said():
    class Deaf(registry.find("lsgan")):
        def generator_loss(self, update):
            return {"generator": tf.reduce_mean(update.fake_outputs["logits"])}

    gan = Deaf(regularisers={"orthogonal": 1.0})
    with pytest.raises(ValueError, match="the loss of the generator of lsgan takes no regul"):
        gan.build_from(POINTS)


def test_a_game_with_a_loss_of_its_own_takes_regularisers():
    gan = ganzoo.get("sgan", regularisers={"orthogonal": 1.0, "feature_matching": 0.5}, **SMALL)
    gan.build_from(POINTS, np.arange(256) % 3)
    assert {"orthogonal", "feature_matching"} <= set(gan.log.names)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="did you mean 'lecam'"):
        ganzoo.get("dcgan", regularisers={"lecan": 0.3})


def test_two_gans_can_share_a_regulariser():
    shared = regularisers.LeCam()
    one, two = (ganzoo.get("gan", width=8, regularisers={shared: 0.1}) for _ in range(2))
    for gan in (one, two):
        gan.build_from(np.eye(16, 2, dtype="float32"), batch_size=8)
    (((first, _),), ((second, _),)) = one._regularisers, two._regularisers
    assert first.averages is not second.averages and not hasattr(shared, "averages")
