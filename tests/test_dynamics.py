"""The Dirac-GAN through the real `fit`: which games turn, which penalties make them converge.

Mescheder et al. 2018, arXiv:1801.04406, section 2: the data are 0, G(z) = θ, D(x) = ψx. Near the
equilibrium θ = ψ = 0 an objective is two slopes: a, of D's loss in a fake's logit, and b, of minus
G's loss; h is the rate of SGD and γ the weight of R1. The paper's players move at the same time,

    ψ ← (1 − hγ)ψ − haθ          θ ← θ + hbψ

and so r² = θ² + ψ² grows by 1 + h² f′(ψθ)² per step without R1 where a = b = f′. Ours take turns,
G answering the ψ that D has just moved to: the determinant is then 1 − hγ, so that without R1
no objective converges at a linear rate, and none diverges before h√(ab) = 2.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from judged import judged
from keras import ops
from scipy.special import expit

import ganzoo
from ganzoo.losses import objectives, penalties

SLOPES = {  # (a, b) at a logit of 0
    "non_saturating": (0.5, 0.5),
    "minimax": (0.5, 0.5),
    "least_squares": (0.0, 1.0),  # D's least at a fake is 0, which is what it says already
    "wasserstein": (1.0, 1.0),
    "hinge": (1.0, 1.0),
    "relativistic": (0.5, 0.5),
    "relativistic_average": (1.0, 1.0),
    "kl": (np.exp(-1), np.exp(-1)),
    "reverse_kl": (1.0, 1.0),
    "pearson": (1.0, 1.0),
    "squared_hellinger": (1.0, 1.0),
    "jensen_shannon": (0.5, 0.5),
    "total_variation": (0.5, 0.5),
}
CONVERGES = {"r1": True, "r2": True, "gradient_penalty": False, "dragan": False}
each = pytest.mark.parametrize("objective", SLOPES)


def alternating(objective, h, gamma=0.0):
    """(θ, ψ) -> (θ, ψ) after one step of each, linearised at the equilibrium."""
    a, b = SLOPES[objective]
    discriminator = np.array([[1, 0], [-h * a, 1 - h * gamma]])
    generator = np.array([[1, h * b], [0, 1]])
    return generator @ discriminator


def rate(step):
    """The factor per step of the slowest direction, and what measures it: |w·x| for the left
    eigenvector w of that eigenvalue."""
    values, vectors = np.linalg.eig(step.T)
    slowest = np.argmax(np.abs(values))
    return np.abs(values[slowest]), vectors[:, slowest]


class Point(keras.layers.Layer):
    """G(z) = θ."""

    def build(self, input_shape):
        self.theta = self.add_weight(shape=(1,), initializer="zeros")

    def call(self, z):
        return ops.zeros_like(z) + self.theta


def play(objective, steps, h, start, penalties=None, *, name="dcgan", generator_rate=None):
    """θ and ψ after each step of `fit`, [1 + steps, 2], played on data that are all 0."""
    generator = keras.Sequential([keras.Input([1]), Point()])
    critic = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    generator.set_weights([np.array(start[:1])])
    critic.set_weights([np.array([start[1:]])])
    chosen = {"objective": objective} if objective else {}
    gan = ganzoo.get(
        name, architecture=(generator, critic), latent_dim=1, penalties=penalties or {}, **chosen
    )
    gan.compile(
        generator_optimizer=keras.optimizers.SGD(h if generator_rate is None else generator_rate),
        discriminator_optimizer=keras.optimizers.SGD(h),
    )
    path = [start]

    class Record(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            path.append((float(generator.weights[0][0]), float(critic.weights[0][0, 0])))

    data = np.zeros([4 * gan.critic_steps, 1], "float32")
    gan.fit(data, batch_size=4, steps_per_epoch=steps, verbose=0, callbacks=[Record()])
    assert gan.spec.offset == (0.0,) and gan.spec.scale == (1.0,)
    return np.array(path)


def test_every_objective_and_penalty_has_its_dynamics():
    assert SLOPES.keys() == objectives.NAMED.keys()
    assert CONVERGES.keys() == penalties.NAMED.keys()


@each
def test_no_objective_converges_at_a_linear_rate_by_itself(objective):
    """In the real loop each follows the map above, whose eigenvalues lie on the unit circle."""
    h, start = 0.2, np.array([0.8e-3, 0.6e-3])
    step = alternating(objective, h)
    assert np.linalg.det(step) == pytest.approx(1)
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(step)), 1)
    path = play(objective, 60, h, start)
    predicted = [start]
    for _ in range(60):
        predicted.append(step @ predicted[-1])
    np.testing.assert_allclose(path, predicted, atol=1e-3 * np.abs(predicted).max())
    assert np.linalg.norm(path[-20:], axis=1).min() > 0.5 * np.linalg.norm(start)


def test_the_wasserstein_objective_turns_for_ever():
    """Its map is linear everywhere, and θ² + ψ² − hθψ stays what it was, until h = 2."""
    h = 0.3
    theta, psi = play("wasserstein", 300, h, (1.0, 1.0)).T
    np.testing.assert_allclose(theta**2 + psi**2 - h * theta * psi, 2 - h, rtol=1e-3)
    assert np.abs(theta[-50:]).max() > 1 and np.abs(psi[-50:]).max() > 1
    beyond = play("wasserstein", 60, 2.1, (1.0, 1.0))
    factor, w = rate(alternating("wasserstein", 2.1))
    assert factor > 1.3
    grown = np.abs(beyond @ w)
    assert (grown[-1] / grown[0]) ** (1 / 60) == pytest.approx(factor, rel=1e-3)


def test_the_non_saturating_objective_converges_sublinearly():
    """Its slopes σ(ψθ) and σ(−ψθ) differ off the axes: r² loses h·2θψ·tanh(θψ/2) per step, on
    average over a turn hr⁴/8, so 1/r² grows by h/8. The minimax game's are equal: it turns."""
    h, steps = 0.2, 300
    for objective, growth in (("non_saturating", h / 8), ("minimax", 0.0)):
        square = np.sum(play(objective, steps, h, (0.5, 0.5)) ** 2, axis=1)
        turn = round(2 * np.pi / (h / 2))  # steps
        first, last = np.mean(square[:turn]), np.mean(square[-turn:])
        found = (1 / last - 1 / first) / (len(square) - turn)
        assert found == pytest.approx(growth, rel=0.1, abs=h / 800)


@pytest.mark.parametrize(
    ("objective", "weights", "h"),
    [
        ("non_saturating", {"r1": 0.5}, 0.1),
        ("non_saturating", {"r2": 0.5}, 0.1),  # D is linear: its gradient is ψ at fakes too
        ("non_saturating", {"r1": 3.0}, 0.1),  # overdamped: real eigenvalues
        ("relativistic", {"r1": 0.2, "r2": 0.3}, 0.2),
        ("wasserstein", {"r1": 0.7}, 0.1),
        ("hinge", {"r1": 0.7}, 0.1),
        ("kl", {"r1": 0.4}, 0.3),
    ],
)
def test_r1_and_r2_penalties_converge_at_the_predicted_rate(objective, weights, h):
    step = alternating(objective, h, sum(weights.values()))
    factor, w = rate(step)
    if np.iscomplex(w).any():
        assert factor == pytest.approx(np.sqrt(1 - h * sum(weights.values())))
    path = play(objective, 150, h, (0.8e-2, 0.6e-2), weights)
    size = np.abs(path @ w)
    assert (size[-1] / size[0]) ** (1 / 150) == pytest.approx(factor, rel=1e-4)
    assert factor < 1 and all(CONVERGES[name] for name in weights)


def test_an_r1_penalty_converges_up_to_its_bound():
    """Taking turns, the largest rate is 4(√(1 + γ²) − γ) for the non-saturating game, where an
    eigenvalue leaves the unit circle at −1."""
    gamma = 0.5
    bound = 4 * (np.sqrt(1 + gamma**2) - gamma)
    assert rate(alternating("non_saturating", bound, gamma))[0] == pytest.approx(1)
    for h in (0.97 * bound, 1.03 * bound):
        factor, w = rate(alternating("non_saturating", h, gamma))
        size = np.abs(play("non_saturating", 40, h, (1e-4, 1e-4), {"r1": gamma}) @ w)
        assert (size[-1] / size[0]) ** (1 / 40) == pytest.approx(factor, rel=1e-3)
        assert (factor < 1) == (h < bound)


@pytest.mark.parametrize("penalty", [name for name, does in CONVERGES.items() if not does])
@pytest.mark.parametrize("objective", ["wasserstein", "non_saturating"])
def test_a_penalty_that_wants_slope_1_does_not_converge(objective, penalty):
    """ψ is held at ±1 and changes its sign only where D's pull, at most |θ|, exceeds 2λ: so G
    must go beyond 2λ again and again."""
    weight = 0.2
    theta, psi = play(objective, 300, 0.2, (0.01, 0.01), {penalty: weight}).T
    assert np.abs(theta[150:]).max() > 2 * weight
    turns = np.flatnonzero(np.diff(np.sign(psi)))
    assert len(turns) > 5 and (np.abs(theta[turns]) > 2 * weight).all()
    assert np.abs(psi[-100:]).max() > 0.9


@pytest.mark.parametrize(("start", "end"), [(-0.1, -1.375), (0.1, 0.625)])
def test_the_critic_under_a_gradient_penalty_has_slope_1_and_more(start, end):
    """WGAN-GP with G held at θ and the data at 0: W1 wants −1 and the penalised critic has
    −(1 + θ/2λ). On the wrong side of 0 it is held at 1 − θ/2λ, as long as θ < 2λ."""
    path = play(
        None, 20, 0.05, (1.5, start), {"gradient_penalty": 2.0}, name="wgan_gp", generator_rate=0.0
    )
    np.testing.assert_allclose(path[-1], [1.5, end], rtol=1e-5)


def test_the_loop_gives_each_penalty_its_samples():
    """A critic ψx² has slope 2ψx: none at the data, which are 0, and 2ψθ at the fakes."""
    generator = keras.Sequential([keras.Input([1]), Point()])
    generator.set_weights([np.array([1.5])])
    x = keras.Input([1])
    critic = keras.Model(x, keras.layers.Dense(1, use_bias=False)(x * x))
    critic.set_weights([np.array([[0.5]])])
    weights = {"r1": 2.0, "r2": 3.0}
    gan = ganzoo.get("dcgan", architecture=(generator, critic), latent_dim=1, penalties=weights)
    logs = gan.fit(np.zeros([4, 1], "float32"), batch_size=4, steps_per_epoch=1, verbose=0).history
    assert logs["r1"] == [0.0]
    assert logs["r2"] == pytest.approx([3.0 * 1.5**2 / 2])


def simultaneous(objective, steps, h, start, gamma=0.0):
    """The paper's updates, from our objective and penalty; our loop takes turns instead."""
    game = objectives.get(objective)
    theta, psi = (tf.Variable([[x]], dtype=tf.float64) for x in start)
    real, path = tf.zeros([1, 1], tf.float64), [start]

    @tf.function(autograph=False)
    def step():
        critic = lambda x: psi * x  # noqa: E731
        with tf.GradientTape() as tape_d, tf.GradientTape() as tape_g:
            logits = critic(real), critic(theta)
            loss = game.discriminator(*logits) + gamma * penalties.r1(judged(critic, real))
            moving = game.generator(*logits)
        down = tape_d.gradient(loss, psi), tape_g.gradient(moving, theta)
        psi.assign_sub(h * down[0])
        theta.assign_sub(h * down[1])

    for _ in range(steps):
        step()
        path.append((float(theta[0, 0]), float(psi[0, 0])))
    return np.array(path)


@pytest.mark.parametrize(
    ("objective", "slope"),
    [
        ("wasserstein", lambda v: 1.0),
        ("minimax", expit),
        ("kl", lambda v: np.exp(v - 1)),
        ("reverse_kl", lambda v: 1.0),
        ("pearson", lambda v: v / 2 + 1),
        ("squared_hellinger", np.exp),
        ("jensen_shannon", expit),
        ("total_variation", lambda v: 0.5 / np.cosh(v) ** 2),
    ],
)
def test_simultaneous_steps_of_a_zero_sum_objective_diverge(objective, slope):
    h, path = 0.1, simultaneous(objective, 100, 0.1, (0.3, 0.4))
    square = np.sum(path**2, axis=1)
    expected = [1 + h**2 * slope(theta * psi) ** 2 for theta, psi in path[:-1]]
    np.testing.assert_allclose(square[1:] / square[:-1], expected, rtol=1e-12)


@pytest.mark.parametrize("gamma", [0.1, 0.5])
def test_simultaneous_steps_under_an_r1_penalty_converge_below_4_gamma(gamma):
    for h in (3.8 * gamma, 4.2 * gamma):
        step = np.array([[1, h / 2], [-h / 2, 1 - h * gamma]])
        factor, w = rate(step)
        assert factor == pytest.approx(np.sqrt(1 - h * gamma + h**2 / 4))
        size = np.abs(simultaneous("non_saturating", 200, h, (1e-4, 1e-4), gamma) @ w)
        assert (size[-1] / size[0]) ** (1 / 200) == pytest.approx(factor, rel=1e-4)
        assert (factor < 1) == (h < 4 * gamma)
