"""PacGAN: what D is shown, and what it can see by it that it couldn't see before."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.core.packing import pack, packed_shape
from ganzoo.foundation import registry, schedules
from ganzoo.testing import checks

rng = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(3,), (4, 5, 2)])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_groups_lie_side_by_side_in_the_last_axis(shape, size):
    x = rng.standard_normal([7, *shape]).astype("float32")
    packed = pack(tf.constant(x), size).numpy()
    assert packed.shape == (7 // size, *packed_shape(shape, size))
    for group, row in enumerate(packed):
        rows = x[group * size : (group + 1) * size]
        np.testing.assert_array_equal(row, np.concatenate(list(rows), axis=-1))


def test_a_nest_and_free_rows_are_packed_alike():
    x, z = rng.standard_normal([6, 4, 4, 1]), rng.standard_normal([6, 5])
    function = tf.function(
        lambda x, z: pack((x, z), 2),
        input_signature=[tf.TensorSpec([None, 4, 4, 1]), tf.TensorSpec([None, 5])],
    )
    images, latents = function(tf.cast(x, tf.float32), tf.cast(z, tf.float32))
    assert images.shape == (3, 4, 4, 2) and latents.shape == (3, 10)
    np.testing.assert_allclose(latents, z.reshape(3, 10), rtol=1e-6)


def test_a_packed_critic_sees_collapse_that_a_single_one_can_not():
    """Reals are ±1, fakes all +1: D of one sample finds half of the reals exactly like the fakes.
    D of two tells three quarters of the pairs; the optimal losses are known."""
    values = np.where(np.random.default_rng(0).random(4096) < 0.5, -1.0, 1.0).astype("float32")[
        :, None
    ]
    expected = {1: (0.5, 1.0), 2: (0.25, 1.0)}  # p(fake-looking | real), p(fake-looking | fake)
    for packing, (real, fake) in expected.items():
        z = keras.Input([4])
        constant = keras.layers.Dense(1, kernel_initializer="zeros", trainable=False)(z)
        collapsed = keras.Model(z, constant)
        critic = keras.Sequential(
            [keras.Input([packing]), keras.layers.Dense(32, "relu"), keras.layers.Dense(1)]
        )
        gan = ganzoo.get(
            "gan", latent_dim=4, architecture=(collapsed, critic), packing=packing
        )  # fmt: skip
        gan.compile(
            generator_optimizer=keras.optimizers.SGD(0.0),
            discriminator_optimizer=keras.optimizers.Adam(5e-3),
        )
        gan.build_from(values)
        one = gan.spec.encode(np.ones([1, 1], "float32")).numpy()[0]
        collapsed.layers[-1].set_weights([np.zeros([4, 1]), one])
        history = gan.fit(values, epochs=6, batch_size=64, verbose=0).history
        d = fake / (real + fake)  # of what looks fake: D = 1 − d there, 1 elsewhere
        optimum = -real * np.log(1 - d) - fake * np.log(d)
        assert history["discriminator"][-1] == pytest.approx(optimum, abs=0.03)


def test_games_in_which_d_judges_one_sample_refuse():
    for name, reason in (("infogan", "codes of each sample"), ("began", "reconstructs each")):
        with pytest.raises(ValueError, match=f"packing=2 is not defined for {name}.*{reason}"):
            ganzoo.get(name, packing=2)
        ganzoo.get(name, packing=1)


def test_batches_that_can_not_be_packed_are_refused():
    with pytest.raises(ValueError, match=r"batch of 9 can't be packed by 2 on 1 replicas"):
        ganzoo.get("gan", packing=2).fit(np.zeros([36, 2], "float32"), batch_size=9)


# The averages of G's weights


def test_averages_are_the_recursion_by_hand_and_what_samples_are_made_from(tmp_path):
    points = rng.standard_normal([64, 2]).astype("float32")
    gan = ganzoo.get("gan", width=8, ema=0.75)
    gan.build_from(points)
    plain = ganzoo.get("gan", width=8)
    plain.build_for(gan.fields)
    np.testing.assert_allclose(gan.sample(5), plain.sample(5), rtol=1e-6)  # starts at the weights
    gan.fit(points, steps_per_epoch=1, verbose=0)
    averages = [v.numpy() for v in gan.generator_variables]  # Keras begins at the first step's
    for _ in range(4):
        gan.fit(points, steps_per_epoch=1, verbose=0)
        averages = [
            0.75 * a + 0.25 * v.numpy()
            for a, v in zip(averages, gan.generator_variables, strict=True)
        ]
    live = [v.numpy() for v in gan.generator_variables]
    for weight, average in zip(plain.generator_variables, averages, strict=True):
        weight.assign(average)
    np.testing.assert_allclose(gan.sample(5), plain.sample(5), rtol=1e-4, atol=1e-5)
    for weight, value in zip(plain.generator_variables, live, strict=True):
        weight.assign(value)
    assert np.abs(gan.sample(5) - plain.sample(5)).max() > 1e-4
    gan.save(tmp_path / "gan.keras")
    np.testing.assert_array_equal(ganzoo.load(tmp_path / "gan.keras").sample(5), gan.sample(5))


COMPOSED = {"ema": 0.9, "packing": 2, "generator_learning_rate": schedules.linear(2e-3, 0, 9)}


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(checks.check_two_replicas_equal_one, marks=pytest.mark.slow),
        checks.check_resume,
        checks.check_saved_model,
        checks.check_onnx,
        checks.check_neither_loss_moves_the_other_player,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("r3gan", marks=pytest.mark.slow),
        "cgan",
        pytest.param("bigan", marks=pytest.mark.slow),
    ],
)
def test_the_contract_holds_with_packing_averages_and_schedules(name, check):
    checks.run(check, subject(name))


@functools.cache
def subject(name):
    return checks.Subject(registry.find(name), **COMPOSED)
