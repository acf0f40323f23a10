"""benchmarks/speed.py and limit.py: equal networks for all engines, and what a step computes."""

import functools
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.networks import layers

FOLDER = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(FOLDER))  # its files import one another, as a script's do
try:
    import kernels
    import limit
    import peer_networks
    import peer_sngan  # noqa: F401  peer_networks imports it by name
    import peer_stylegan2
    import peers
    import primitives
    import speed
finally:
    sys.path.remove(str(FOLDER))

SHAPES = {"ring": (2,), "dcgan64": (64, 64, 3), "sngan32": (32, 32, 3), "stylegan2_32": (32, 32, 3)}


@functools.cache
def built(work):
    shape = SHAPES.get(work, (28, 28, 1))
    gan = speed.made(work, shape, seed=0)
    gan.build_from(np.random.default_rng(0).uniform(-1, 1, [192, *shape]).astype("float32"))
    return gan, peer_networks.of_keras(work, shape)


@pytest.mark.parametrize("work", peer_networks.WORKS)
def test_engines_train_equally_many_weights(work):
    gan, networks = built(work)
    counts = [peers.trainable(network) for network in networks]
    assert counts == [peers.trainable(gan.generator), peers.trainable(gan.discriminator)]
    assert speed.algorithm_of(work, "ganzoo")


@pytest.mark.parametrize("work", ["sngan32", "stylegan2_32"])
def test_peers_by_hand_compute_what_ganzoo_does(work):
    """With the same weights, and without noise or style mixing, which are random."""
    gan, (generator, discriminator) = built(work)
    pairs = [(generator, gan.generator), (discriminator, gan.discriminator)]
    for peer, own in pairs:
        for mine, its in zip(own.trainable_variables, peer.trainable_variables, strict=True):
            its.assign(mine)
    rng = np.random.default_rng(1)
    z = rng.standard_normal([8, peer_networks.WORKS[work]["latents"]]).astype("float32")
    x = rng.uniform(-1, 1, [8, 32, 32, 3]).astype("float32")
    if work == "stylegan2_32":
        given = {"latent": z, "truncation": np.ones([8], "float32")}
        own = gan.generator(given, training=True)["image"]
        image = generator(z, training=False)
    else:
        own, image = gan.generator(z, training=True), generator(z, training=True)
    np.testing.assert_allclose(image, own, atol=2e-4)
    for u, mine in zip(
        discriminator.non_trainable_variables,
        gan.discriminator.non_trainable_variables,
        strict=True,
    ):
        u.assign(tf.reshape(mine, u.shape))
    own = gan.discriminator({"sample": x}, training=True)["logits"]
    np.testing.assert_allclose(discriminator(x, training=True), own, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("work", "regularised"), [("sngan32", []), ("stylegan2_32", [True]),
                                                   ("stylegan2_32", [False])])  # fmt: skip
def test_peers_by_hand_compute_as_much_as_ganzoo(monkeypatch, work, regularised):
    """Products of matrices and convolutions. StyleGAN2's filter of images is another one of as many
    values, on a few pixels more. SNGAN's resizes and the convolutions after them are one in ganzoo.
    """
    gan, networks = built(work)
    batch, latents = (peer_networks.WORKS[work][key] for key in ("batch", "latents"))
    game = peer_networks.game_of(work)
    optimizers = [peers.keras_adam(), peers.keras_adam()]
    for optimizer, network in zip(optimizers, networks, strict=True):
        optimizer.build(network.trainable_variables)
    traced = getattr(game, "traced_step", game.make_step)(*networks, optimizers, batch, latents)
    real = tf.TensorSpec([batch, 32, 32, 3])
    theirs = primitives.count(traced.get_concrete_function(real, *regularised))
    specs = {name: field.batch_spec(batch) for name, field in gan.fields.items()}

    def flops():
        step = tf.function(lambda rows: gan.train_step(rows, *regularised), autograph=False)
        return primitives.count(step.get_concrete_function(specs)).flops

    own = flops()
    monkeypatch.setattr(layers.Conv2D, "convolution_op", resized_first)
    assert flops() == pytest.approx(theirs.flops, rel=5e-4)
    assert own < 0.8 * theirs.flops if work == "sngan32" else own == flops()


def resized_first(layer, x, kernel):
    """What `Conv2D` computes, as Keras's two layers do."""
    if layer.resize:
        x = tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)
    return keras.layers.Conv2D.convolution_op(layer, x, kernel)


def test_stylegan2_has_the_same_regularisers_in_all_engines():
    gan = speed.made("stylegan2_32", (32, 32, 3), seed=0)
    every = peer_networks.WORKS["stylegan2_32"]["every"]
    assert gan.regularise_every == every == peer_stylegan2.EVERY
    assert gan.penalties == {"r1": peer_stylegan2.R1}
    assert gan.regularisers == {"path_length": peer_stylegan2.PATH_LENGTH}
    assert gan.style_mixing == peer_stylegan2.MIXING
    assert gan.ema == peer_networks.WORKS["stylegan2_32"]["average"]["ema_momentum"]


def test_engines_with_other_networks_are_refused():
    one = {"generator_weights": 3, "discriminator_weights": 4}
    assert speed.weights_of("ring", {"a": [one], "b": [one]}) == "G 3, D 4"
    with pytest.raises(SystemExit, match="different weights"):
        speed.weights_of("ring", {"a": [one], "b": [one | {"generator_weights": 2}]})


# ---- what a function computes


def test_a_dense_layer():
    rows, inputs, units = 8, 5, 3
    kernel, bias = tf.Variable(tf.ones([inputs, units])), tf.Variable(tf.ones([units]))

    @tf.function(autograph=False)
    def trained(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.matmul(x, kernel) + bias
            loss = 0.5 * tf.reduce_sum(tf.square(y))
        return loss, *tape.gradient(loss, [x, kernel, bias])

    found = primitives.count(trained.get_concrete_function(tf.TensorSpec([rows, inputs])))
    assert found.flops == 3 * 2 * rows * inputs * units
    assert sum(found.contractions.values()) == 3
    # Reads xW and b; writes the gradient by y, that by b, and the loss.
    assert found.passes == [4 * (rows * units + units + rows * units + units + 1)]
    assert sum(found.unfused) > sum(found.passes)


def test_adam_moves_a_weight_seven_times():
    weight, gradient = tf.Variable(tf.zeros([50, 20])), tf.TensorSpec([50, 20])
    optimizer = peers.keras_adam()
    optimizer.build([weight])

    @tf.function(autograph=False)
    def applied(gradient):
        optimizer.apply([gradient], [weight])

    found = primitives.count(applied.get_concrete_function(gradient))
    scalars = 200  # the rate and the number of updates
    assert 7 * 4 * 1000 <= sum(found.passes) <= 7 * 4 * 1000 + scalars
    assert not found.contractions


@pytest.mark.parametrize(("stride", "padding"), [(1, "SAME"), (2, "SAME"), (2, "VALID")])
def test_a_convolution(stride, padding):
    count, side, channels, size, filters = 2, 9, 3, 4, 5
    out = -(-side // stride) if padding == "SAME" else (side - size) // stride + 1
    kernel = tf.Variable(tf.ones([size, size, channels, filters]))

    @tf.function(autograph=False)
    def trained(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.nn.relu(tf.nn.conv2d(x, kernel, stride, padding))
        return tape.gradient(y, [x, kernel])

    maps = tf.TensorSpec([count, side, side, channels])
    found = primitives.count(trained.get_concrete_function(maps))
    one = 2 * count * out * out * size * size * channels * filters
    kinds = [primitives.decoded(text)["kind"] for text in found.contractions]
    assert sorted(kinds) == ["Conv2D", "Conv2DBackpropFilter", "Conv2DBackpropInput"]
    assert [primitives.flops(primitives.decoded(text)) for text in found.contractions] == [one] * 3
    moved = 4 * count * out * out * filters
    assert found.passes == [2 * moved]  # reads y, writes the gradient by it


def test_what_nothing_needs_is_not_counted():
    weight = tf.Variable(tf.ones([4, 4]))

    @tf.function(autograph=False)
    def f(x):
        tf.matmul(x, x)
        weight.assign(tf.matmul(x, weight))

    found = primitives.count(f.get_concrete_function(tf.TensorSpec([4, 4])))
    assert found.flops == 2 * 4**3
    assert found.passes == [2 * 4 * 16]  # reads the product, writes the variable


def test_unknown_shapes_are_refused():
    f = tf.function(lambda x: tf.matmul(x, x, transpose_b=True) + 1.0, autograph=False)
    with pytest.raises(ValueError, match="unknown shape"):
        primitives.count(f.get_concrete_function(tf.TensorSpec([None, 4])))


def test_a_limit_adds_up():
    x = tf.TensorSpec([64, 32])
    f = tf.function(lambda x: tf.nn.relu(tf.matmul(x, x, transpose_b=True)), autograph=False)
    step = primitives.count(f.get_concrete_function(x))
    (text,) = step.contractions
    bandwidth = kernels.Bandwidth.__new__(kernels.Bandwidth)
    bandwidth.rates = [1e9] * len(kernels.SIZES)
    times = {text: {"tensorflow": 0.002, "pytorch": 0.001}}
    row = limit.sums([step], times, bandwidth)
    assert row["gflop"] == pytest.approx(2 * 64 * 64 * 32 / 1e9)
    assert row["matmul_ms"] == pytest.approx(1)
    assert row["memory_ms"] == pytest.approx(1000 * 2 * 4 * 64 * 64 / 1e9)
    assert row["limit_ms"] == pytest.approx(row["matmul_ms"] + row["memory_ms"])
    assert row["tensorflow_limit_ms"] == pytest.approx(row["limit_ms"] + 1)
    assert row["fastest"] == "pytorch 1"


def test_a_slow_kernel_is_called_once(monkeypatch):
    calls = []
    kernels.least(lambda: calls.append(1), 0.0)
    assert len(calls) == 4
    monkeypatch.setattr(kernels, "GIVE_UP", 0.0)
    kernels.least(lambda: calls.append(1), 0.0)
    assert len(calls) == 5


def test_kernels_compute_each_kind():
    """Each contraction of a step with a transposed, a depthwise and a usual convolution."""

    @tf.function(autograph=False)
    def f(x, kernel, deep):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel, deep])
            y = tf.nn.conv2d_transpose(x, kernel, [2, 8, 8, 3], 2)
            y = tf.nn.depthwise_conv2d(tf.nn.conv2d(y, kernel, 2, "SAME"), deep, [1] * 4, "SAME")
        return tape.gradient(y, [x, kernel, deep])

    specs = [tf.TensorSpec(shape) for shape in ([2, 4, 4, 5], [4, 4, 3, 5], [3, 3, 5, 1])]
    found = primitives.count(f.get_concrete_function(*specs))
    assert {primitives.decoded(text)["kind"] for text in found.contractions} >= {
        "Conv2D",
        "Conv2DBackpropInput",
        "Conv2DBackpropFilter",
        "DepthwiseConv2dNativeBackpropInput",
        "DepthwiseConv2dNativeBackpropFilter",
    }
    for text in found.contractions:
        assert 0 < kernels.tensorflow(primitives.decoded(text), 0.0) < 60
