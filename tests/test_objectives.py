"""Objectives against closed forms: optimal critics, least values, what the generator descends."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from exact_objectives import EXACT, jsd, kl, pearson, squared_hellinger, total_variation, w1
from scipy.optimize import linprog
from scipy.special import expit, logit
from scipy.stats import norm

from ganzoo.losses import objectives
from ganzoo.losses.objectives import get

# Distributions of data and of the generator, in tenths so that rows can stand for them.
TABLES = [
    (np.array([0.7, 0.3]), np.array([0.4, 0.6])),
    (np.array([0.2, 0.5, 0.3]), np.array([0.6, 0.1, 0.3])),
]
P, Q = TABLES[0]
each = pytest.mark.parametrize("name", objectives.NAMED)
on_tables = pytest.mark.parametrize(("p", "q"), TABLES, ids=["two", "three"])


def test_every_objective_has_its_exact_check():
    assert EXACT.keys() == objectives.NAMED.keys()
    made = [o for o in vars(objectives).values() if isinstance(o, objectives.Objective)]
    assert all(any(o is named for named in objectives.NAMED.values()) for o in made), (
        "an objective has no name"
    )


def test_an_objective_without_its_exact_check_is_seen(monkeypatch):
    monkeypatch.setitem(objectives.NAMED, "new", objectives.hinge)
    with pytest.raises(AssertionError, match="new"):
        test_every_objective_has_its_exact_check()
    monkeypatch.delitem(objectives.NAMED, "new")
    monkeypatch.setattr(objectives, "new", objectives.least_squares_coding(-1, 1, 0), raising=False)
    with pytest.raises(AssertionError, match="has no name"):
        test_every_objective_has_its_exact_check()


def rows(logits, p, q):
    """Real and fake logits as p and q weigh them, every real paired with every fake."""
    real, fake = (np.repeat(np.arange(len(d)), np.rint(10 * d).astype(int)) for d in (p, q))
    return tf.gather(logits, np.repeat(real, 10)), tf.gather(logits, np.tile(fake, 10))


def value(name, logits, p, q, player="discriminator"):
    """A player's loss in expectation under p and q."""
    return float(getattr(get(name), player)(*rows(tf.constant(logits, tf.float64), p, q)))


def test_the_divergences_of_the_table():
    """The closed forms that the others are held against, by their values in the literature."""
    assert jsd(P, Q) == pytest.approx(0.0462008, abs=1e-7)
    assert -EXACT["minimax"].least(P, Q) == pytest.approx(-1.293893, abs=1e-6)
    assert kl(P, Q) == pytest.approx(0.183787, abs=1e-6)
    assert kl(Q, P) == pytest.approx(0.192042, abs=1e-6)
    assert pearson(P, Q) == pytest.approx(0.375)
    assert squared_hellinger(P, Q) == pytest.approx(0.0931714, abs=1e-7)
    assert total_variation(P, Q) == w1(P, Q) == pytest.approx(0.3)
    assert EXACT["least_squares"].least(P, Q) == pytest.approx(0.227273, abs=1e-6)
    assert EXACT["hinge"].least(P, Q) == pytest.approx(1.4)


@on_tables
@each
def test_least_at_the_optimal_critic(name, p, q):
    """There the discriminator's loss is the closed form, and no other critic has less."""
    exact = EXACT[name]
    best = exact.critic(p, q)
    assert value(name, best, p, q) == pytest.approx(exact.least(p, q), abs=1e-12)
    rng = np.random.default_rng(0)
    for scale in (0.01, 0.3, 3.0):
        for offset in (best, np.zeros_like(best)):
            other = exact.admissible(offset + scale * rng.normal(size=len(p)))
            assert value(name, other, p, q) >= exact.least(p, q) - 1e-12


@each
def test_the_optimizer_finds_the_optimal_critic(name):
    """Adam's steps on a table's logits, brought back to the admissible ones after each."""
    exact, (p, q) = EXACT[name], TABLES[0]
    logits = keras.Variable([0.1, -0.1], dtype="float64")
    adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.3, 600))
    adam.build([logits])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = get(name).discriminator(*rows(logits.value, p, q))
        adam.apply(tape.gradient(loss, [logits.value]), [logits])

    for _ in range(600):
        step()
        logits.assign(exact.admissible(logits.numpy()))
    # the hinge is crossed at each step to the last
    assert value(name, logits.numpy(), p, q) == pytest.approx(exact.least(p, q), abs=1e-4)
    if name != "total_variation":  # whose best logits are infinite
        found, best = (np.diff(x) for x in (logits.numpy(), exact.critic(p, q)))
        np.testing.assert_allclose(found, best, atol=0.01)


@on_tables
@each
def test_what_the_generator_descends(name, p, q):
    """Against the optimal critic, its loss falls with q as the divergence does."""
    best = EXACT[name].critic(p, q)
    direction = np.zeros(len(p))
    direction[:2] = 0.1, -0.1
    moved = value(name, best, p, q + direction, "generator")
    change = moved - value(name, best, p, q, "generator")
    ends = (1e-4, -1e-4) if EXACT[name].linear else (1.0, 0.0)
    ahead, behind = (EXACT[name].descends(p, q + s * direction, q) for s in ends)
    assert change == pytest.approx((ahead - behind) / (ends[0] - ends[1]), rel=1e-6)


@each
def test_an_objective_reads_any_shape_and_only_what_it_says(name):
    rng = np.random.default_rng(0)
    real, fake = (tf.constant(rng.normal(size=(6, 2, 2, 1))) for _ in range(2))
    flat = [tf.reshape(x, [-1]) for x in (real, fake)]
    for player in ("discriminator", "generator"):
        loss = getattr(get(name), player)
        assert loss(real, fake).shape == ()
        assert float(loss(real, fake)) == pytest.approx(float(loss(*flat)))
    if not get(name).relativistic:
        assert float(get(name).generator(None, fake)) == float(get(name).generator(real, fake))


@each
def test_an_objective_is_stable(name):
    """Far from 0, in float32: loss and slopes are finite and those of float64."""
    for real, fake in ((50.0, -50.0), (-50.0, 50.0)):
        for player in ("discriminator", "generator"):
            found = {}
            for dtype in (tf.float32, tf.float64):
                logits = [tf.constant([x], dtype) for x in (real, fake)]
                with tf.GradientTape() as tape:
                    tape.watch(logits)
                    loss = getattr(get(name), player)(*logits)
                slopes = tape.gradient(loss, logits, unconnected_gradients="zero")
                found[dtype] = np.array([loss, slopes[0][0], slopes[1][0]], "float64")
            assert np.isfinite(found[tf.float32]).all()
            np.testing.assert_allclose(found[tf.float32], found[tf.float64], 1e-5, 1e-12)


def test_equal_distributions_give_log_4_and_one_half():
    assert value("minimax", np.zeros(2), P, P) == pytest.approx(np.log(4))
    assert value("minimax", np.array([0.3, -0.1]), P, P) > np.log(4)


def test_disjoint_supports():
    """V = −log 2 where half of each is shared; nothing at all is left where nothing is, however
    near the two are, while W1 is their distance."""
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.5, 0.5])
    assert value("minimax", np.array([40.0, 0.0, -40.0]), p, q) == pytest.approx(np.log(2))
    assert jsd(p, q) == pytest.approx(np.log(2) / 2)
    apart = np.eye(2)
    assert value("minimax", np.array([40.0, -40.0]), *apart) == pytest.approx(0, abs=1e-15)
    for shift in (0.01, 1.0, 5.0):
        loss = objectives.wasserstein.discriminator(tf.constant([0.0]), tf.constant([-shift]))
        assert float(loss) == pytest.approx(-shift) == -best_transport([0.0], [shift])[0]


def best_transport(real, fake):
    """The most that a 1-Lipschitz critic makes of the Wasserstein objective, by linear
    programming on the points: (value, logits on real, logits on fake)."""
    points, where = np.unique(np.concatenate([real, fake]), return_inverse=True)
    logits = tf.Variable(np.zeros(len(points)))
    with tf.GradientTape() as tape:
        both = tf.gather(logits, where)
        loss = objectives.wasserstein.discriminator(both[: len(real)], both[len(real) :])
    cost = tf.convert_to_tensor(tape.gradient(loss, logits)).numpy()  # it is linear in them
    slopes = np.diff(np.eye(len(points)), axis=0)
    gaps = np.diff(points)
    found = linprog(
        cost, np.vstack([slopes, -slopes]), np.concatenate([gaps, gaps]), bounds=(-100, 100)
    )
    both = found.x[where]
    return -found.fun, both[: len(real)], both[len(real) :]


def test_wasserstein_objective_in_one_dimension():
    """Its supremum over 1-Lipschitz critics is mean |sort x − sort y|."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=30), rng.normal(0.5, 2.0, size=30)
    distance = np.mean(np.abs(np.sort(real) - np.sort(fake)))
    supremum, on_real, on_fake = best_transport(real, fake)
    assert supremum == pytest.approx(distance)
    loss = objectives.wasserstein.discriminator(tf.constant(on_real), tf.constant(on_fake))
    assert float(loss) == pytest.approx(-distance)
    for critic in (np.sin, np.abs, lambda x: -x, np.tanh):
        loss = objectives.wasserstein.discriminator(*map(tf.constant, map(critic, (real, fake))))
        assert float(loss) >= -distance


# Normals as equally likely points: the losses are then integrals by the midpoint rule.
STANDARD = norm.ppf((np.arange(200_000) + 0.5) / 200_000)


@pytest.mark.parametrize(("mean", "value"), [(3.0, -0.33274), (1.0, -1.16345), (0.3, -1.36404)])
def test_gaussians_have_a_linear_optimal_logit(mean, value):
    """N(0, 1) against N(μ, 1): the best logit is −μx + μ²/2, and C(G) is known."""
    points = tf.constant(STANDARD), tf.constant(STANDARD + mean)
    line = tf.Variable([-mean, mean**2 / 2], dtype=tf.float64)
    with tf.GradientTape() as tape:
        loss = objectives.minimax.discriminator(*(line[0] * x + line[1] for x in points))
    assert -float(loss) == pytest.approx(value, abs=1e-5)
    slopes = tf.convert_to_tensor(tape.gradient(loss, line)).numpy()
    np.testing.assert_allclose(slopes, 0, atol=1e-5)


GAUSSIANS = {  # f-divergence of N(0, 1) from N(μ, 1)
    "kl": lambda mean: mean**2 / 2,
    "reverse_kl": lambda mean: mean**2 / 2,
    "pearson": lambda mean: np.expm1(mean**2),
    "squared_hellinger": lambda mean: -2 * np.expm1(-(mean**2) / 8),
    "total_variation": lambda mean: 2 * norm.cdf(mean / 2) - 1,
}


@pytest.mark.parametrize("name", GAUSSIANS)
def test_f_divergence_objectives_of_gaussians(name):
    mean = 0.4
    logits = []
    for x in (STANDARD, STANDARD + mean):
        logits.append(EXACT[name].critic(norm.pdf(x), norm.pdf(x, mean)))
    loss = float(get(name).discriminator(*map(tf.constant, logits)))
    assert loss == pytest.approx(-GAUSSIANS[name](mean), rel=1e-3)


def test_a_keras_critic_finds_the_optimal_line():
    """Dense(1) under Adam on N(0, 1) against N(1, 1) ends at −x + ½."""
    points = STANDARD[50::100].astype("float32")[:, None]
    points = tf.constant(points), tf.constant(points + 1)
    dense = keras.layers.Dense(1, kernel_initializer="zeros")
    dense.build((None, 1))
    adam = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.05, 300))
    adam.build(dense.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = objectives.non_saturating.discriminator(*(dense(x) for x in points))
        weights = dense.trainable_variables
        adam.apply(tape.gradient(loss, [w.value for w in weights]), weights)

    for _ in range(300):
        step()
    np.testing.assert_allclose(np.ravel(dense.kernel), [-1], atol=2e-3)
    np.testing.assert_allclose(dense.bias, [0.5], atol=2e-3)


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("kl", lambda u: u * np.log(u)),
        ("reverse_kl", lambda u: -np.log(u)),
        ("pearson", lambda u: (u - 1) ** 2),
        ("squared_hellinger", lambda u: (np.sqrt(u) - 1) ** 2),
        ("jensen_shannon", lambda u: u * np.log(u) - (u + 1) * np.log((u + 1) / 2)),
        ("total_variation", lambda u: np.abs(u - 1) / 2),
    ],
)
def test_conjugates_of_f_gan_objectives(name, f):
    """f*(t) = sup over u of ut − f(u) at t = g(V), both read off the two losses."""
    u = np.append(np.geomspace(1e-8, 1e4, 400_001), 1.0)
    for v in np.linspace(-2, 2, 9):  # 2 at Pearson's: below −2 its sup is at u = 0
        v = tf.constant([v], tf.float64)
        conjugate = -float(get(name).generator(None, v))
        t = conjugate - float(get(name).discriminator(v, v))
        assert conjugate == pytest.approx(np.max(u * t - f(u)), abs=1e-6)


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
    losses = objectives.least_squares_coding(-1, 1, 0)
    real, fake = rows(tf.constant((P - Q) / (P + Q)), P, Q)
    both = 2 * float(losses.generator(None, fake)) + float(tf.reduce_mean(tf.square(real)))
    assert both == pytest.approx(np.sum((2 * Q - (P + Q)) ** 2 / (P + Q)))


def test_saturation():
    """Where D is sure of a fake, D = 0.01, the two generator losses pull 99 times differently:
    by 1 − D and by D."""
    fake = tf.constant([logit(0.01)], tf.float64)
    slopes = []
    for name in ("non_saturating", "minimax"):
        with tf.GradientTape() as tape:
            tape.watch(fake)
            loss = get(name).generator(None, fake)
        slopes.append(float(tape.gradient(loss, fake)[0]))
    assert slopes == pytest.approx([-0.99, -0.01])
    assert slopes[0] / slopes[1] == pytest.approx(99)
    assert expit(float(fake[0])) == pytest.approx(0.01)


def test_relativistic_reads_pairs_and_mirrors():
    real, fake = tf.constant([[2.0], [0.5]]), tf.constant([[-1.0], [1.0]])
    relativistic = get("relativistic")
    expected = np.mean(np.logaddexp(0, [-3.0, 0.5]))
    assert float(relativistic.discriminator(real, fake)) == pytest.approx(expected, abs=1e-6)
    swapped = float(relativistic.generator(fake, real))
    assert swapped == pytest.approx(expected, abs=1e-6)
    shifted = relativistic.discriminator(real + 5.0, fake + 5.0)
    assert float(shifted) == pytest.approx(expected, abs=1e-6)


def test_the_relativistic_average_is_least_where_the_distributions_differ():
    """2·log 2 minus its least value is a divergence: 0 for equal distributions, else above."""
    least = EXACT["relativistic_average"].least
    assert least(P, P) == pytest.approx(2 * np.log(2))
    values = [least(P, P + step * (Q - P)) for step in (0.0, 0.3, 0.6, 1.0)]
    assert np.all(np.diff(values) < 0)
    constant = value("relativistic_average", np.full(2, 0.7), P, Q)
    assert constant == pytest.approx(2 * np.log(2))


def test_relativistic_average_by_hand():
    """Each logit is compared with the mean of the other kind; a constant on all changes nothing,
    and the generator's loss has real and fake exchanged."""
    real, fake = tf.constant([[2.0], [0.5]]), tf.constant([[-1.0], [1.5]])
    average = get("relativistic_average")  # means 1.25 and 0.25
    expected = np.mean(np.logaddexp(0, [-1.75, -0.25])) + np.mean(np.logaddexp(0, [-2.25, 0.25]))
    assert float(average.discriminator(real, fake)) == pytest.approx(expected, abs=1e-6)
    assert float(average.generator(fake, real)) == pytest.approx(expected, abs=1e-6)
    shifted = average.discriminator(real + 5.0, fake + 5.0)
    assert float(shifted) == pytest.approx(expected, abs=1e-6)


def test_unknown_objective_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'hinge'"):
        get("hinje")
