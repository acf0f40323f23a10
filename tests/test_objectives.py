"""Objectives against closed forms: the optimal critic's value on tables and Gaussians."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, logit

from ganzoo import objectives
from ganzoo.objectives import get

P, Q = np.array([0.7, 0.3]), np.array([0.4, 0.6])  # of data and of the generator, two outcomes


def value(objective, logits, player="discriminator", p=P, q=Q):
    """The loss of a critic that gives outcome i the logit i, in expectation under p and q."""
    counts_p, counts_q = (np.repeat(logits, np.rint(d * 10).astype(int)) for d in (p, q))
    real, fake = (tf.constant(c, tf.float32) for c in (counts_p, counts_q))
    return float(getattr(get(objective), player)(real, fake))


def minimum(objective, start=(0.1, -0.1)):
    """The least loss over all critics on the table, by gradient descent."""
    logits = tf.Variable(start, dtype=tf.float64)
    p, q = tf.constant(P), tf.constant(Q)
    real = tf.repeat(tf.range(2), tf.cast(tf.round(p * 10), tf.int32))
    fake = tf.repeat(tf.range(2), tf.cast(tf.round(q * 10), tf.int32))
    for _ in range(4000):
        with tf.GradientTape() as tape:
            loss = get(objective).discriminator(tf.gather(logits, real), tf.gather(logits, fake))
        logits.assign_sub(0.3 * tf.convert_to_tensor(tape.gradient(loss, logits)))
    return float(loss), logits.numpy()


def test_cross_entropy_is_least_at_the_optimal_discriminator():
    loss, logits = minimum("non_saturating")
    np.testing.assert_allclose(expit(logits), P / (P + Q), atol=1e-4)
    assert loss == pytest.approx(1.293893, abs=1e-5)  # log 4 − 2·JSD, JSD = 0.0462008


def test_equal_distributions_give_log_4_and_one_half():
    assert value("minimax", np.zeros(2), q=P) == pytest.approx(np.log(4), abs=1e-6)
    assert value("minimax", np.array([0.3, -0.1]), q=P) > np.log(4)


def test_gaussians_have_a_linear_optimal_logit():
    """N(0, 1) against N(3, 1): C(G) = −0.33274, by quadrature over the joint density."""
    x = np.linspace(-12, 15, 200_001)
    real, fake = (np.exp(-((x - m) ** 2) / 2) / np.sqrt(2 * np.pi) for m in (0.0, 3.0))
    best = -3.0 * x + 4.5
    losses = real * np.logaddexp(0, -best) + fake * np.logaddexp(0, best)
    assert -np.trapezoid(losses, x) == pytest.approx(-0.33274, abs=1e-5)
    rng = np.random.default_rng(0)
    draws = [rng.normal(m, 1, 400_000) for m in (0.0, 3.0)]
    logits = [tf.constant(-3.0 * d + 4.5, tf.float32) for d in draws]
    loss = float(objectives.non_saturating.discriminator(*logits))
    assert loss == pytest.approx(0.33274, abs=0.005)


def test_least_squares_is_least_at_p_over_p_plus_q():
    loss, d = minimum("least_squares")
    np.testing.assert_allclose(d, P / (P + Q), atol=1e-4)
    assert loss == pytest.approx(0.227273, abs=1e-5)  # ½Σ pq/(p + q)


@pytest.mark.parametrize("coding", [(0, 1, 1), (-1, 1, 0), (-1, 1, 1)])
def test_least_squares_codings(coding):
    a, b, c = coding
    objective = objectives.least_squares_coding(a, b, c)
    real, fake = tf.constant([0.2, 1.5]), tf.constant([-0.3])
    expected = 0.5 * ((0.2 - b) ** 2 + (1.5 - b) ** 2) / 2 + 0.5 * (-0.3 - a) ** 2
    assert float(objective.discriminator(real, fake)) == pytest.approx(expected)
    assert float(objective.generator(None, fake)) == pytest.approx(0.5 * (-0.3 - c) ** 2)


def test_pearson_coding_measures_chi_squared():
    """At D's optimum 2·L_G of (−1, 1, 0) plus E_p D² is χ²_Pearson(p + q ‖ 2q)."""
    d = (P - Q) / (P + Q)
    losses = objectives.least_squares_coding(-1, 1, 0)
    real = tf.constant(np.repeat(d, [7, 3]), tf.float32)
    fake = tf.constant(np.repeat(d, [4, 6]), tf.float32)
    both = 2 * float(losses.generator(None, fake)) + float(tf.reduce_mean(tf.square(real)))
    assert both == pytest.approx(np.sum((2 * Q - (P + Q)) ** 2 / (P + Q)), abs=1e-6)


def test_hinge_least_value():
    assert value("hinge", np.sign(P - Q)) == pytest.approx(2 * (1 - 0.3), abs=1e-6)


def test_wasserstein_is_the_difference_of_means():
    assert value("wasserstein", np.array([2.0, -1.0])) == pytest.approx(
        Q @ [2.0, -1.0] - P @ [2.0, -1.0], abs=1e-6
    )
    assert value("wasserstein", np.array([2.0, -1.0]), "generator") == pytest.approx(-0.2, abs=1e-6)


def test_saturation():
    """Where D is sure of a fake, D = 0.01, the two generator losses pull 99 times differently."""
    fake = tf.constant([logit(0.01)], tf.float64)
    gradients = []
    for name in ("non_saturating", "minimax"):
        with tf.GradientTape() as tape:
            tape.watch(fake)
            loss = get(name).generator(None, fake)
        gradients.append(float(tape.gradient(loss, fake)[0]))
    assert gradients[0] / gradients[1] == pytest.approx(99, rel=1e-6)


def test_relativistic_reads_pairs_and_mirrors():
    real, fake = tf.constant([[2.0], [0.5]]), tf.constant([[-1.0], [1.0]])
    relativistic = get("relativistic")
    expected = np.mean(np.logaddexp(0, [-3.0, 0.5]))
    assert float(relativistic.discriminator(real, fake)) == pytest.approx(expected, abs=1e-6)
    swapped = float(relativistic.generator(fake, real))
    assert swapped == pytest.approx(expected, abs=1e-6)
    shifted = relativistic.discriminator(real + 5.0, fake + 5.0)
    assert float(shifted) == pytest.approx(expected, abs=1e-6)


def test_unknown_objective_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'hinge'"):
        get("hinje")
