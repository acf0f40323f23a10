"""Our Adam against Keras's, whose arguments, values and state it has."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core.adam import SMALL, Adam
from ganzoo.testing import checks

RNG = np.random.default_rng(0)
SHAPES = ((3, 4), (5,), (), (SMALL,))
STEPS = 5


def trained(kind, strategy=None, dtype="float32", **options):
    """The weights and the optimizer after a few steps on fixed gradients."""
    gradients = [
        [np.cos(s + np.arange(np.prod(x)).reshape(x)) for x in SHAPES] for s in range(STEPS)
    ]
    with (strategy or tf.distribute.get_strategy()).scope():
        weights = [
            keras.Variable(np.ones(shape, "float32"), name=f"w{i}")
            for i, shape in enumerate(SHAPES)
        ]
        optimizer = kind(keras.optimizers.schedules.CosineDecay(0.1, STEPS), 0.5, 0.9, **options)
        optimizer.build(weights)

    def apply(gradients):
        optimizer.apply([tf.cast(tf.identity(g), dtype) for g in gradients], weights)

    step = tf.function(lambda row: strategy.run(apply, (row,)) if strategy else apply(row))
    for row in gradients:
        step([tf.constant(g, tf.float32) for g in row])
    return [w.numpy() for w in weights], optimizer


@pytest.mark.parametrize(
    "options",
    [{}, {"epsilon": 1e-3}, {"amsgrad": True}, {"clipnorm": 0.5}, {"weight_decay": 0.1},
     {"use_ema": True, "ema_momentum": 0.5}, {"dtype": "bfloat16"}],
)  # fmt: skip
def test_weights_and_state_are_those_of_keras(options):
    options = dict(options)
    dtype = options.pop("dtype", "float32")
    mine, own = trained(Adam, dtype=dtype, **options)
    theirs, usual = trained(keras.optimizers.Adam, dtype=dtype, **options)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, 1e-5, 1e-6)
    for a, b in zip(own.variables, usual.variables, strict=True):
        assert a.name == b.name
        np.testing.assert_allclose(a, b, 1e-5, 1e-6)


def test_replicas_add_their_gradients_up():
    mine, _ = trained(Adam, checks.two_replicas())
    theirs, _ = trained(keras.optimizers.Adam, checks.two_replicas())
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, 1e-5, 1e-6)


def test_a_step_has_one_operation_for_a_large_weight():
    weights = [keras.Variable(np.ones(shape, "float32")) for shape in SHAPES]
    optimizer = Adam()
    optimizer.build(weights)
    step = tf.function(lambda: optimizer.apply([w * 2 for w in weights], weights))
    kinds = [op.type for op in step.get_concrete_function().graph.get_operations()]
    assert kinds.count("ResourceApplyAdam") == 1  # of the large one


def test_a_file_keeps_it(tmp_path):
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile(Adam(0.5), "mse")
    x, y = np.ones([4, 2]), np.ones([4, 1])
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is Adam and int(again.optimizer.iterations) == 1
    model.fit(x, y, verbose=0)
    again.fit(x, y, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
