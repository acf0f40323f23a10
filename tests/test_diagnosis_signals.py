"""Signals of the diagnosis: against NumPy and computations by hand, and without influence."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import cdist, pdist

import ganzoo
from ganzoo.diagnosis import signals
from ganzoo.foundation import registry


def test_signals_of_samples_equal_numpy():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(30, 5, 4)), 0.3 * rng.normal(size=(20, 5, 4))
    fake[3], fake[7] = fake[4], real[2]
    found = {k: float(v) for k, v in signals.of_samples(*map(tf.constant, (real, fake))).items()}
    real, fake = real.reshape(30, -1), fake.reshape(20, -1)
    nearest = np.median(np.sort(cdist(real, real), axis=1)[:, 1])
    assert found["distance"] == pytest.approx(pdist(real).mean(), rel=1e-6)
    assert found["diversity"] == pytest.approx(pdist(fake).mean() / pdist(real).mean(), rel=1e-6)
    assert found["duplicates"] == pytest.approx(
        np.mean(np.sort(cdist(fake, fake), axis=1)[:, 1] < 0.1 * nearest)
    )
    assert found["duplicates"] == pytest.approx(0.1)
    assert found["copies"] == pytest.approx(np.mean(cdist(fake, real).min(1) < 0.5 * nearest))
    near = np.sort(cdist(real, real), axis=1)[:, 5]
    assert found["precision"] == pytest.approx((cdist(fake, real) < near).any(1).mean())
    kinds = np.argsort(cdist(real, real), axis=1)[:, :5]
    taken = np.isin(kinds, cdist(fake, real).argmin(1)).any(1)
    assert found["missing"] == pytest.approx(1 - taken.mean()) and not taken.all()
    assert "copies" not in signals.of_samples(tf.zeros([8, 2]), tf.zeros([8, 2]))


def test_missing_is_the_share_of_the_modes_without_samples():
    truth = ganzoo.data.toys.ring()
    real, (fake, mode) = truth.sample(128)[0], truth.sample(400, seed=1)
    found = signals.of_samples(*map(tf.constant, (real, fake)))
    assert float(found["missing"]) == 0
    found = signals.of_samples(*map(tf.constant, (real, fake[mode < 3])))
    assert 0.5 < float(found["missing"]) < 0.75 and float(found["precision"]) > 0.8


def test_accuracy_is_the_share_of_ordered_pairs():
    real, fake = np.array([1.0, 2.0, 3.0]), np.array([0.0, 2.0])
    assert float(signals.accuracy(tf.constant(real), tf.constant(fake))) == pytest.approx(4.5 / 6)


DIGITS = np.random.default_rng(1).integers(0, 255, (64, 8, 8, 1), dtype="uint8")


@pytest.fixture(scope="module")
def gan():
    made = ganzoo.get("gan", width=8, latent_dim=4, discriminator_normalization="none")
    made.build_from(DIGITS)
    return made


def test_gradients_and_slope_equal_a_computation_by_hand(gan):
    found = signals.measure(gan, {"image": tf.constant(DIGITS[:16])})
    update = signals.Update(
        gan, gan.encoded({"image": DIGITS[:16]}), signals.Noise(gan.seed, signals.DRAWN)
    )
    with tf.GradientTape(persistent=True) as tape:
        logits = gan.discriminator(update.generated["image"], training=True)["logits"]
        loss = tf.reduce_mean(tf.nn.softplus(-logits))
    weights = gan.generator.trainable_weights
    norm = tf.linalg.global_norm(tape.gradient(loss, [w.value for w in weights]))
    assert float(found["generator_gradient"]) == pytest.approx(float(norm), rel=1e-4)
    slope = np.mean(1 / (1 + np.exp(logits.numpy())))
    assert float(found["slope"]) == pytest.approx(slope, rel=1e-5)
    real = gan.discriminator(gan.encoded({"image": DIGITS[:16]})["image"], training=True)["logits"]
    # the gradients of sp(−D(x)) and of sp(D(G(z))) are −σ(−D(x)) and σ(D(G(z)))
    slope = np.mean(1 / (1 + np.exp(real.numpy()))) + np.mean(1 / (1 + np.exp(-logits.numpy())))
    assert float(found["discriminator_slope"]) == pytest.approx(slope, rel=1e-4)
    size = np.sqrt(sum(np.sum(w.numpy() ** 2) for w in weights))
    assert float(found["generator_weights"]) == pytest.approx(size, rel=1e-5)


def test_measuring_changes_nothing(gan):
    before = [np.array(w) for w in gan.get_weights()]
    signals.measure(gan, {"image": tf.constant(DIGITS)}, {"image": tf.constant(DIGITS)})
    for one, other in zip(before, gan.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("gan", 1),
        ("lsgan", 1),
        ("wgan", 1),
        ("r3gan", 1),
        ("fgan", 1),
        ("began", -1),
        ("ebgan", -1),
    ],
)
def test_the_accuracy_knows_which_outputs_are_real(name, direction):
    assert float(signals._direction(ganzoo.get(name))) == direction


@pytest.mark.slow
@pytest.mark.parametrize("name", ganzoo.names())
def test_every_gan_has_signals_and_is_not_changed(name):
    subject = ganzoo.checks.Subject(registry.find(name))
    trained = subject.trained
    before = [np.array(v) for v in trained.variables]
    rows = next(iter(trained.batches(subject.digits, batch_size=8).dataset))
    rows = signals.few(trained, rows)
    found = signals.measure(trained, rows, rows, signals.weights(trained))
    # G of sgan matches features, and gets no gradient through the logits.
    missing = {"diverged", "slope"} if name == "sgan" else {"diverged"}
    assert {*signals.NAMES} - missing == found.keys()
    assert all(np.isfinite(float(value)) for value in found.values())
    for one, other in zip(before, trained.variables, strict=True):
        np.testing.assert_array_equal(one, np.array(other), err_msg=other.path)
