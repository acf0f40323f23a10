"""CycleGAN: its networks, its history of fakes and its losses against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.core.replay import Replay
from ganzoo.core.update import Update
from ganzoo.foundation.randomness import Noise
from ganzoo.networks import cyclegan, layers
from ganzoo.testing import checks

SMALL = {"width": 2, "blocks": 1}
X = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 1), "uint8")


@pytest.fixture(scope="module")
def gan():
    gan = ganzoo.get("cyclegan", replay=8, **SMALL)
    gan.build_from({"a": X, "b": 255 - X[:16]}, batch_size=4)
    return gan


# ---- layers


def test_instance_normalization():
    x = np.random.default_rng(1).normal(3, 2, (2, 4, 3, 5)).astype("float32")
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    layer = layers.InstanceNormalization()
    np.testing.assert_allclose(layer(x), (x - mean) / np.sqrt(variance + 1e-5), atol=1e-5)

    with tf.GradientTape() as outer:  # the second derivative, against finite differences
        outer.watch(point := tf.constant(x))
        with tf.GradientTape() as tape:
            tape.watch(point)
            cubes = tf.reduce_sum(layer(point) ** 3)
        size = tf.reduce_sum(tape.gradient(cubes, point) ** 2)
    found = outer.gradient(size, point).numpy()

    def size_at(moved):
        moved = tf.constant(moved.astype("float32"))
        with tf.GradientTape() as tape:
            tape.watch(moved)
            cubes = tf.reduce_sum(layer(moved) ** 3)
        return float(tf.reduce_sum(tape.gradient(cubes, moved) ** 2))

    step = np.random.default_rng(2).normal(0, 1, x.shape)
    slope = (size_at(x + 1e-2 * step) - size_at(x - 1e-2 * step)) / 2e-2
    assert (found * step).sum() == pytest.approx(slope, rel=0.01)


def test_reflection_padding():
    x = np.random.default_rng(1).normal(size=(2, 4, 5, 3)).astype("float32")
    expected = np.pad(x, [(0, 0), (3, 3), (3, 3), (0, 0)], "reflect")
    np.testing.assert_array_equal(cyclegan.ReflectionPadding(3)(x), expected)


# ---- the history of fakes


def test_replay():
    class Owner(keras.Model):
        pass

    replay, shown = Replay(Owner(), (2,), 10, "x"), []
    for step in range(300):
        before, kept = replay.history.numpy(), int(replay.kept.numpy())
        fakes = np.arange(6.0).reshape(3, 2).astype("float32") + 6 * step + 1
        out = replay.exchange(tf.constant(fakes), Noise(0, step)).numpy()
        after = replay.history.numpy()
        if kept < 10:  # all are shown and, as far as there is room, kept in their order
            room = min(3, 10 - kept)
            np.testing.assert_array_equal(out, fakes)
            np.testing.assert_array_equal(after[kept : kept + room], fakes[:room])
            assert replay.kept.numpy() == kept + room
            continue
        same = (out == fakes).all(1)
        for old, new in zip(out[~same], fakes[~same], strict=True):
            (slot,) = np.flatnonzero((before == old).all(1))  # an old one is shown in its place …
            np.testing.assert_array_equal(after[slot], new)  # … and the new one is kept
        assert (before != after).any(1).sum() == (~same).sum()
        shown.extend(~same)
    share = np.mean(shown)
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / len(shown))


def test_a_batch_larger_than_the_history():
    replay = Replay(keras.Model(), (1,), 2, "x")
    for step in range(20):
        fakes = np.arange(5.0).reshape(5, 1).astype("float32") + 5 * step + 1
        out = replay.exchange(tf.constant(fakes), Noise(0, step)).numpy()
        np.testing.assert_array_equal(out[2:], fakes[2:])


def test_replicas_share_one_history():
    fakes = [np.arange(12.0).reshape(4, 3).astype("float32") + 12 * step for step in range(6)]
    found = []
    for strategy in (tf.distribute.get_strategy(), checks.two_replicas()):
        with strategy.scope():
            replay, shown = Replay(keras.Model(), (3,), 6, "x"), []

        @tf.function(autograph=False)
        def step(rows, number, strategy=strategy, replay=replay):
            def replica():
                context = tf.distribute.get_replica_context()
                count, place = context.num_replicas_in_sync, context.replica_id_in_sync_group
                mine = tf.gather(tf.split(rows, count), place)
                return replay.exchange(mine, Noise(0, number, place, count))

            return tf.concat(strategy.experimental_local_results(strategy.run(replica)), axis=0)

        shown = [
            step(tf.constant(x), tf.constant(i, tf.int64)).numpy() for i, x in enumerate(fakes)
        ]
        found.append((*shown, replay.history.numpy(), replay.kept.numpy()))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)
    assert any((x != y).any() for x, y in zip(found[0], fakes, strict=False))


@pytest.mark.slow
def test_two_replicas_equal_one():
    """Two steps, in which rounding has no time to grow."""

    def weights(strategy):
        with strategy.scope():
            gan = ganzoo.get("cyclegan", replay=4, **SMALL)
            still = {f"{player}_optimizer": keras.optimizers.SGD(0.01) for player in gan.players}
            gan.compile(**still)
        # Of the second step the history is full, and some of its fakes are shown.
        gan.fit({"a": X, "b": 255 - X}, batch_size=8, steps_per_epoch=2, verbose=0)
        return [v.numpy() for v in gan.weights]

    one, two = weights(tf.distribute.get_strategy()), weights(checks.two_replicas())
    for first, second in zip(one, two, strict=True):
        np.testing.assert_allclose(first, second, atol=2e-5)


# ---- the game


def test_parameter_counts_are_the_authors():
    def count(model):
        return sum(int(np.prod(v.shape)) for v in model.trainable_variables)

    large, medium = (256, 256, 3), (128, 128, 3)
    assert count(cyclegan.generator(large, large)) == 11_378_179
    assert count(cyclegan.generator(medium, medium)) == 7_837_699
    assert count(cyclegan.discriminator([large, large])) == 2 * 2_764_737


def test_losses(gan):
    rows = {"a": gan.spec.encode(X[:4]), "b": gan.spec.encode(255 - X[4:8])}
    update = Update(gan, rows, Noise(0), training=False)
    a, b = rows["a"], rows["b"]
    g, f = gan.generator, gan.inverse
    fake_b, fake_a = g(a), f(b)
    real = gan.discriminator([a, b])["logits"].numpy()
    fake = gan.discriminator([fake_a, fake_b])["logits"].numpy()
    of_d, of_g = gan.discriminator_loss(update), gan.generator_loss(update)
    squares = [((real[..., i] - 1) ** 2).mean() + (fake[..., i] ** 2).mean() for i in (0, 1)]
    assert float(of_d["discriminator"]) == pytest.approx(0.5 * sum(squares), rel=1e-5)
    expected = sum(((fake[..., i] - 1) ** 2).mean() for i in (0, 1))
    assert float(of_g["generator"]) == pytest.approx(expected, rel=1e-5)
    for name, weight, mapped in (
        ("cycle", 10, (f(fake_b), g(fake_a))),
        ("identity", 5, (f(a), g(b))),
    ):
        distance = sum(
            np.abs(one - other).mean() for one, other in zip(mapped, (a, b), strict=True)
        )
        assert float(of_g[name]) == pytest.approx(weight * distance, rel=1e-5)


def test_the_true_maps_have_no_cycle_loss(gan, monkeypatch):
    negative = lambda x, training=False: -x  # noqa: E731
    monkeypatch.setattr(gan, "generate", lambda inputs, training: {"b": -inputs["a"]})
    for player in ("generator", "inverse"):
        monkeypatch.setitem(gan.__dict__, player, negative)
    rows = {"a": gan.spec.encode(X[:4]), "b": gan.spec.encode(255 - X[4:8])}
    found = gan.generator_loss(Update(gan, rows, Noise(0), training=False))
    assert float(found["cycle"]) == 0 and float(found["identity"]) > 1


def test_both_directions(gan):
    images = gan.sample(a=X[:3])
    assert images.shape == (3, 8, 8, 1) and images.dtype == np.uint8
    back = gan.encode(255 - X[:3])
    expected = gan.fields["a"].decode(gan.inverse(gan.spec.encode(255 - X[:3])))
    np.testing.assert_array_equal(back, expected)
    assert back.dtype == np.uint8


def test_bad_data():
    for b, options, words in (
        (np.zeros([8, 12, 8, 1], "uint8"), {}, r"a have the size \(8, 8\) and images b \(12, 8\)"),
        (np.zeros([8, 8, 8, 3], "uint8"), {}, "1 channels and images b 3.* identity_weight=0"),
    ):
        with pytest.raises(ValueError, match=words):
            ganzoo.get("cyclegan", **SMALL, **options).build_from({"a": X, "b": b}, batch_size=4)
    odd = np.zeros([8, 10, 8, 1], "uint8")
    with pytest.raises(ValueError, match="multiples of 4, but the data are 10×8×1"):
        ganzoo.get("cyclegan", **SMALL).build_from({"a": odd, "b": odd}, batch_size=4)
    coloured = ganzoo.get("cyclegan", identity_weight=0, **SMALL)
    coloured.build_from({"a": X, "b": X.repeat(3, axis=-1)}, batch_size=4)
    assert coloured.sample(a=X[:2]).shape == (2, 8, 8, 3)
