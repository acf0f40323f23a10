"""Penalties against closed forms and finite differences, through our own layers too."""

import contextlib
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from judged import judged
from keras import ops

from ganzoo import networks
from ganzoo.foundation.randomness import Noise
from ganzoo.losses import objectives, penalties
from ganzoo.networks import cyclegan, layers, srgan, waveform
from ganzoo.testing import checks

RNG = np.random.default_rng(0)


class Uniform(Noise):
    """Its uniform draws are known: one array for each shape."""

    def __init__(self):
        super().__init__(0)

    def uniform(self, shape, low=0.0, high=1.0):
        shape = [int(n) for n in shape]
        return tf.constant(np.random.default_rng(len(shape)).uniform(low, high, shape))


def mean_of(value, points):
    """The mean over samples of a function of their norms."""
    return np.mean(value(np.sqrt(np.sum(points**2, axis=tuple(range(1, points.ndim))))))


# Of the critic ½‖x‖², whose gradient is x: name -> value, from (real, fake, draws of a shape).
EXACT = {
    "gradient_penalty": lambda real, fake, draw: mean_of(
        lambda norm: (norm - 1) ** 2, fake + draw(3, 1, 1, 1) * (real - fake)
    ),
    "dragan": lambda real, fake, draw: mean_of(
        lambda norm: (norm - 1) ** 2,
        real + draw(3, 1, 1, 1) * 0.5 * real.std() * draw(*real.shape),
    ),
    "r1": lambda real, fake, draw: mean_of(lambda norm: norm**2 / 2, real),
    "r2": lambda real, fake, draw: mean_of(lambda norm: norm**2 / 2, fake),
}
each = pytest.mark.parametrize("name", penalties.NAMED)


def test_every_penalty_has_its_exact_check():
    assert EXACT.keys() == penalties.NAMED.keys()
    wanted = ["update"]
    made = [f for _, f in inspect.getmembers(penalties, inspect.isfunction)]
    made = [f for f in made if list(inspect.signature(f).parameters) == wanted]
    assert set(made) == set(penalties.NAMED.values()), "a penalty has no name"


def test_a_penalty_without_its_exact_check_is_seen(monkeypatch):
    monkeypatch.setitem(penalties.NAMED, "new", penalties.r1)
    with pytest.raises(AssertionError, match="new"):
        test_every_penalty_has_its_exact_check()
    monkeypatch.delitem(penalties.NAMED, "new")
    monkeypatch.setattr(penalties, "new", lambda update: 0.0, raising=False)
    with pytest.raises(AssertionError, match="has no name"):
        test_every_penalty_has_its_exact_check()


@pytest.mark.parametrize("jointly", [False, True])
@each
def test_a_penalty_of_a_quadratic_critic(name, jointly):
    """Real and fake are judged in one pass or in two. Images have axes that a norm could miss, and
    the draws are known, so that their place counts."""
    rng = np.random.default_rng(1)
    real, fake = rng.normal(1, 2, (3, 2, 4, 2)), rng.normal(-1, 1, (3, 2, 4, 2))

    def draw(*shape):
        shape = shape[:1] if set(shape[1:]) == {1} else shape
        drawn = Uniform().uniform(shape).numpy()
        return drawn.reshape(drawn.shape[:1] + (1,) * 3) if drawn.ndim == 1 else drawn

    critic = lambda x: tf.reduce_sum(x**2, [1, 2, 3]) / 2  # noqa: E731
    update = judged(critic, tf.constant(real), tf.constant(fake), Uniform(), jointly)
    found = penalties.get(name)(update)
    assert found.shape == ()
    assert float(found) == pytest.approx(EXACT[name](real, fake, draw), rel=1e-9)


def one_norm_of_the_whole_batch(gradient):
    return tf.reduce_sum(tf.square(gradient))


def one_norm_per_pixel(gradient):
    return tf.reduce_sum(tf.square(gradient), -1)


def the_mean_for_the_sum(gradient):
    return tf.reduce_mean(tf.square(gradient), range(1, gradient.shape.rank))


@each
@pytest.mark.parametrize(
    "wrong", [one_norm_of_the_whole_batch, one_norm_per_pixel, the_mean_for_the_sum]
)
def test_a_wrong_norm_in_a_penalty_is_caught(monkeypatch, name, wrong):
    """The norms that other libraries take, by mistake, fail the check above."""

    monkeypatch.setattr(penalties, "squared_norms", wrong)
    with pytest.raises(AssertionError):
        test_a_penalty_of_a_quadratic_critic(name, False)


def linear(weights):
    return lambda x: tf.linalg.matvec(tf.reshape(x, [len(x), -1]), weights)[:, None]


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2, 2)])
def test_a_linear_critic_has_its_weights_as_gradient(shape):
    w = tf.constant(RNG.normal(size=int(np.prod(shape[1:]))), tf.float32)
    real, fake = (tf.constant(RNG.normal(size=shape), tf.float32) for _ in range(2))
    square = float(tf.reduce_sum(w**2))
    norms = penalties.squared_norms(judged(linear(w), real).gradient("real"))
    np.testing.assert_allclose(norms, np.full(shape[0], square), rtol=1e-5)
    update = judged(linear(w), real, fake)
    for penalty in (penalties.gradient_penalty, penalties.dragan):
        assert float(penalty(update)) == pytest.approx((np.sqrt(square) - 1) ** 2, rel=1e-5)
    for penalty in (penalties.r1, penalties.r2):
        assert float(penalty(update)) == pytest.approx(square / 2, rel=1e-5)


def test_norms_are_one_per_sample():
    """A quadratic critic ½x² has gradient x: two samples of norms 3 and 4, not one of norm 5."""
    x = tf.constant([[3.0, 0.0], [0.0, 4.0]])
    update = judged(lambda s: tf.reduce_sum(s**2, 1) / 2, x, x)
    np.testing.assert_allclose(penalties.squared_norms(update.gradient("real")), [9.0, 16.0])
    assert float(penalties.gradient_penalty(update)) == pytest.approx((2.0**2 + 3.0**2) / 2)


def test_interpolates_lie_on_the_lines_between_real_and_fake():
    """Between 0 and 1 the critic ½x² has gradient ε: one ε per sample, E(ε − 1)² = ⅓."""
    zeros, ones = tf.zeros([20_000, 1]), tf.ones([20_000, 1])
    critic = lambda s: tf.reduce_sum(s**2, 1) / 2  # noqa: E731
    update = judged(critic, ones, zeros)
    assert float(penalties.gradient_penalty(update)) == pytest.approx(1 / 3, abs=0.01)


def test_a_nest_counts_as_one_sample():
    pair = (tf.constant([[3.0]]), tf.constant([[4.0]]))
    critic = lambda s: tf.reduce_sum(s[0] ** 2 + s[1] ** 2, 1) / 2  # noqa: E731
    other = (tf.constant([[5.0]]), tf.constant([[6.0]]))
    for jointly in (False, True):
        gradient = judged(critic, pair, other, jointly=jointly).gradient("real")
        np.testing.assert_allclose(penalties.squared_norms(gradient), [25.0])


def test_dragan_stays_near_the_data():
    """Data of ±1 have std 1: ‖x̂‖ − 1 = ±εu/2, whose mean square is 1/36."""
    x = tf.constant([[1.0], [-1.0]] * 20_000)
    critic = lambda s: tf.reduce_sum(s**2, 1) / 2  # noqa: E731
    penalty = penalties.dragan(judged(critic, x, x + 100.0))
    assert float(penalty) == pytest.approx(1 / 36, abs=1e-3)
    constant = penalties.dragan(judged(critic, tf.fill([4, 1], 3.0), x[:4]))
    assert float(constant) == pytest.approx(4.0), "data without spread are left where they are"


@each
def test_a_penalty_on_two_replicas_is_that_on_one(name):
    """The mean of what they find, DRAGAN's deviation of the data being that of all rows."""
    real, fake = (tf.constant(RNG.normal(size=(8, 3)), tf.float32) for _ in range(2))
    critic = lambda x: tf.reduce_sum(x**2 + tf.sin(x), 1)  # noqa: E731

    strategy = checks.two_replicas()

    def run():
        context = tf.distribute.get_replica_context()
        replica, replicas = context.replica_id_in_sync_group, context.num_replicas_in_sync
        mine = [tf.reshape(x, [replicas, -1, 3])[replica] for x in (real, fake)]
        return penalties.get(name)(judged(critic, *mine, Noise(0, 0, replica, replicas)))

    halves = strategy.run(tf.function(run))
    both = float(strategy.reduce(tf.distribute.ReduceOp.MEAN, halves, axis=None))
    assert both == pytest.approx(float(run()), rel=1e-5)


@contextlib.contextmanager
def float64():
    """Within it, Keras makes layers in float64, for finite differences."""
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy(policy)


def check_second_order(model, name, shape, directions=1):
    """The penalty's derivative along random directions of the critic's weights."""
    rng = np.random.default_rng(0)
    real, fake = (tf.constant(rng.normal(size=(3, *shape))) for _ in range(2))
    weights = [v.value for v in model.trainable_variables]

    def penalty():
        critic = lambda x: model(x, training=True)["logits"]  # noqa: E731
        return penalties.get(name)(judged(critic, real, fake, Uniform(), jointly=True))

    with tf.GradientTape() as tape:
        loss = penalty()
    gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
    for _ in range(directions):
        direction = [rng.normal(size=w.shape) for w in weights]
        slope = sum(float(tf.reduce_sum(g * d)) for g, d in zip(gradients, direction, strict=True))
        losses = []
        for h in (1e-6, -2e-6, 1e-6):
            for w, d in zip(weights, direction, strict=True):
                w.assign_add(h * d)
            losses.append(float(penalty()))
        assert slope == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-4)


@pytest.mark.parametrize("normalization", ["none", "layer"])
@pytest.mark.parametrize("architecture", ["mlp", "dcgan", "infogan"])
@each
def test_second_order_gradients_against_finite_differences(name, architecture, normalization):
    keras.utils.set_random_seed(0)
    with float64():
        build = networks.choose(architecture, (8, 8, 1))
        features = build.features((8, 8, 1), width=4, normalization=normalization)
        critic = networks.with_heads(features, {"logits": [keras.layers.Dense(1)]})
    check_second_order(critic, name, (8, 8, 1))


def around(make):
    """A critic of two Dense layers with one made by `make` between them, in float64."""
    keras.utils.set_random_seed(0)
    with float64():
        features = keras.Sequential([keras.Input([4]), keras.layers.Dense(6, "tanh"), make()])
        return networks.with_heads(features, {"logits": [keras.layers.Dense(1)]})


OURS = {
    "LeakyReLU": layers.LeakyReLU,
    "Maxout": lambda: layers.Maxout(3, 2),
    "LayerNormalization": layers.LayerNormalization,
    "InstanceNormalization": lambda: keras.Sequential(
        [keras.layers.Reshape((3, 2)), layers.InstanceNormalization(), keras.layers.Flatten()]
    ),
    "Conv2D": lambda: keras.Sequential(
        [
            keras.layers.Reshape((1, 3, 2)),
            layers.Conv2D(2, 3, resize=True),
            layers.Conv2D(2, 1, resize=True),
            keras.layers.Flatten(),
        ]
    ),
}


@pytest.mark.parametrize("layer", OURS)
@each
def test_second_order_gradients_of_a_penalty_through_a_layer(name, layer):
    check_second_order(around(OURS[layer]), name, (4,), directions=3)


def test_every_layer_is_checked_under_penalties():
    ours = {
        name
        for module in (layers, cyclegan, srgan, waveform)
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    }
    # The kernels of batch normalisation have no float64: tests/test_layers.py has its check.
    linear = {
        "ClippedInInference", "Dropout", "Modulation", "PhaseShuffle", "PixelShuffle",
        "ReflectionPadding", "Scale",
    }  # fmt: skip
    assert ours == OURS.keys() | {"BatchNormalization"} | linear


@each
def test_a_penalty_through_a_layer_with_a_wrong_second_derivative_is_caught(name):
    """A variance that stops the gradient at the mean, as TensorFlow's moments do."""

    class Moments(layers.LayerNormalization):
        def call(self, x):
            centred = x - ops.mean(x, -1, keepdims=True)
            square = ops.square(x - ops.stop_gradient(ops.mean(x, -1, keepdims=True)))
            variance = ops.mean(square, -1, keepdims=True)
            return centred * ops.rsqrt(variance + 1e-5) * self.gamma + self.beta

    with pytest.raises(AssertionError):
        check_second_order(around(Moments), name, (4,))


def test_gradient_penalty_is_not_the_wasserstein_distance():
    """Point masses θ apart: the best linear critic has slope 1 + θ/2λ, where W1 wants 1."""
    for distance, weight in ((3.0, 10.0), (0.5, 0.1)):
        real, fake = tf.zeros([2, 1]), tf.fill([2, 1], distance)
        slope = keras.Variable([-0.5])
        sgd = keras.optimizers.SGD(0.25 / weight)
        sgd.build([slope])
        for _ in range(60):
            with tf.GradientTape() as tape:
                critic = lambda x: x * slope.value  # noqa: B023, E731
                loss = objectives.wasserstein.discriminator(critic(real), critic(fake))
                loss += weight * penalties.gradient_penalty(judged(critic, real, fake))
            sgd.apply(tape.gradient(loss, [slope.value]), [slope])
        assert -float(slope[0]) == pytest.approx(1 + distance / (2 * weight), rel=1e-5)


def matrix(layer, shape):
    """The matrix of an affine layer, columns by input, from its answers to the unit vectors."""
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    answers = layer(units) - layer(np.zeros((1, *shape)))
    return np.reshape(answers, (len(units), -1)).T


def test_gradients_that_penalties_see_are_at_most_the_product_of_spectral_norms():
    """|Δf| / |Δx| and ‖∇f‖ of dense and convolutional layers, LeakyReLU and Maxout; a layer by
    itself attains its norm."""
    keras.utils.set_random_seed(0)
    with float64():
        convolution = keras.layers.Conv2D(5, 4, 2, padding="same")
        maxout, dense = layers.Maxout(7, 3), keras.layers.Dense(1)
        critic = keras.Sequential(
            [
                keras.Input((6, 6, 2)),
                convolution,
                layers.LeakyReLU(),
                keras.layers.Flatten(),
                maxout,
                dense,
            ]
        )
    linear = [(convolution, (6, 6, 2)), (maxout.dense, (45,)), (dense, (7,))]
    matrices = [matrix(*each) for each in linear]
    bound = np.prod([np.linalg.norm(m, 2) for m in matrices])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 200, 6, 6, 2))
    for z in (y, x + 1e-3 * y):
        slopes = np.abs(critic(x) - critic(z))[:, 0] / np.linalg.norm(
            (x - z).reshape(200, -1), axis=1
        )
        assert 0.01 * bound < slopes.max() <= bound
    norms = np.sqrt(penalties.squared_norms(judged(critic, tf.constant(x)).gradient("real")))
    assert slopes.max() <= norms.max() * 1.01 <= 1.01 * bound
    for (layer, shape), m in zip(linear, matrices, strict=True):
        best = np.linalg.svd(m)[2][0].reshape(1, *shape)
        moved = np.linalg.norm(layer(best) - layer(np.zeros_like(best)))
        assert moved == pytest.approx(np.linalg.norm(m, 2))


def test_unknown_penalty_names_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'gradient_penalty'"):
        penalties.get("gradient_penalti")
