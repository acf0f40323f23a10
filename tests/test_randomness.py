import random
import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf

from ganzoo.foundation.randomness import (
    Noise,
    seed_layers_from_noise,
    seeded_initializers,
)


def test_draws_are_functions_of_seed_step_and_place():
    one, same = Noise(1, 2), Noise(1, 2)
    first = one.normal([4, 3])
    np.testing.assert_array_equal(first, same.normal([4, 3]))
    others = [one.normal([4, 3]), Noise(1, 3).normal([4, 3]), Noise(2, 2).normal([4, 3])]
    assert all((first.numpy() != other.numpy()).all() for other in others)


def test_replicas_share_out_what_one_device_draws():
    for draw in ("normal", "uniform"):
        whole = getattr(Noise(0, 5), draw)([6, 2])
        parts = [getattr(Noise(0, 5, r, 3), draw)([2, 2]) for r in range(3)]
        np.testing.assert_array_equal(whole, tf.concat(parts, 0))


def test_moments_and_ranges():
    normal, uniform = Noise(0).normal([100_000]), Noise(0).uniform([100_000], -1.0, 1.0)
    assert abs(float(tf.reduce_mean(normal))) < 0.02
    assert abs(float(tf.math.reduce_std(normal)) - 1) < 0.02
    assert -1 <= float(tf.reduce_min(uniform)) < -0.99 < 0.99 < float(tf.reduce_max(uniform)) < 1
    integers = Noise(0).integers([10_000], 7)
    assert set(integers.numpy()) == set(range(7)) and integers.dtype == tf.int32


def test_dropout_masks_follow_the_noise():
    layer = keras.layers.Dropout(0.5)
    model = keras.Sequential([keras.Input([200]), layer])
    seed_layers_from_noise(model)
    ones = tf.ones([1, 200])

    def mask(noise):
        with noise:
            return model(ones, training=True).numpy()

    np.testing.assert_array_equal(mask(Noise(0, 1)), mask(Noise(0, 1)))
    assert (mask(Noise(0, 1)) != mask(Noise(0, 2))).any()
    assert (mask(Noise(0, 1, 0, 2)) != mask(Noise(0, 1, 1, 2))).any(), "replicas share a mask"
    noise = Noise(0, 1)
    assert (mask(noise) != mask(noise)).any(), "two calls in a step share a mask"


def test_a_gan_without_a_seed_takes_that_of_keras():
    # in a process of its own: TensorFlow's global seed cannot be unset
    code = """
import keras
import ganzoo
found = [ganzoo.get("gan").seed]
for seed in (7, 0, 2**31 - 2):
    keras.utils.set_random_seed(seed)
    found += [ganzoo.get("gan").seed, ganzoo.get("lsgan", seed=3).seed]
print(found)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split("\n")[0] == f"[0, 7, 3, 0, 3, {2**31 - 2}, 3]", done.stderr


def test_initializers_follow_the_seed_and_leave_pythons_random_alone():
    random.seed(3)
    state = random.getstate()

    def kernel(seed):
        with seeded_initializers(seed):
            layer = keras.layers.Dense(3)
            layer.build((None, 2))
        return layer.kernel.numpy()

    np.testing.assert_array_equal(kernel(1), kernel(1))
    assert (kernel(1) != kernel(2)).any()
    assert random.getstate() == state
