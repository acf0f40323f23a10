"""Regularisers against closed forms, and their state through training, saving and replicas."""

import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.losses import regularisers
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


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="did you mean 'lecam'"):
        ganzoo.get("dcgan", regularisers={"lecan": 0.3})
