"""Names that Keras and TensorFlow keep to themselves still do what ganzoo takes from them."""

import re
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context

import ganzoo
from ganzoo.foundation import keras_compat

HOUSE = Path(ganzoo.__file__).parent


def nested():
    inner = keras.Sequential([keras.Input([3]), keras.layers.Dense(2), keras.layers.Dropout(0.5)])
    x = keras.Input([3])
    return keras.Model(x, keras.layers.Dense(1, name="last")(inner(x)))


def test_leaves_are_the_layers_of_all_models():
    kinds = {type(layer).__name__ for layer in keras_compat.leaves(nested())}
    assert kinds == {"InputLayer", "Dense", "Dropout"}


def test_layer_before_is_the_one_that_gives_an_output():
    assert keras_compat.layer_before(nested().outputs[0]).name == "last"


def test_averages_are_those_of_the_weights():
    weights = [keras.Variable([1.0]), keras.Variable([2.0])]
    optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    optimizer.build(weights)
    optimizer.apply([tf.constant([1.0]), tf.constant([0.0])], weights)
    kept = keras_compat.averages(optimizer, weights[::-1])
    assert [v.numpy().tolist() for v in kept] == [[2.0], [0.0]]


def test_a_layer_draws_its_seeds_from_another_kind_of_generator():
    class Fixed(keras.random.SeedGenerator):
        def next(self, ordered=True):
            return tf.constant([1, 2], self.state.dtype)

    layer = keras.layers.Dropout(0.5)
    x = tf.ones([1, 64])
    keras_compat.draw_seeds_from(layer, Fixed)
    one, other = (layer(x, training=True).numpy() for _ in range(2))
    np.testing.assert_array_equal(one, other)
    keras_compat.draw_seeds_from(keras.layers.Dense(1), Fixed)  # which draws nothing


def test_sizes_are_known_before_variables_are_made():
    def check(size):
        sizes.append(size)
        if size > 100:
            raise ValueError("too large")

    def refuse(shape, dtype=None):
        raise AssertionError("memory was taken")

    sizes, make = [], keras.Variable.__init__
    with keras_compat.before_variables(check):
        layer = keras.layers.Dense(2)
        layer.build([None, 3])
        keras.optimizers.SGD(momentum=0.9).build(layer.trainable_variables)
        thread = threading.Thread(target=lambda: keras.Variable("zeros", [11]))
        thread.start()
        thread.join()
        for shape in ([10**12], (10**12,)):
            with pytest.raises(ValueError, match="too large"):
                keras.Variable(refuse, shape)
            with pytest.raises(ValueError, match="too large"):
                keras.layers.Layer().add_weight(shape=shape, initializer=refuse)
    assert {6, 2, 10**12} <= set(sizes) and 11 not in sizes
    assert sizes.count(6) == sizes.count(2) == 2  # those of the layer and of the optimizer
    assert keras.Variable.__init__ is make


def test_safe_mode_is_on_within_it():
    layer = keras.saving.serialize_keras_object(keras.layers.Lambda(lambda x: x))
    with keras.src.saving.serialization_lib.SafeModeScope(None):
        keras.config.enable_unsafe_deserialization()
        with keras_compat.safe_mode(), pytest.raises(ValueError, match="unsafe"):
            keras.saving.deserialize_keras_object(layer)


def test_is_default_tells_an_overridden_method():
    class Own(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            pass

    assert keras_compat.is_default(keras.callbacks.Callback().on_epoch_end)
    assert not keras_compat.is_default(Own().on_epoch_end)
    assert keras_compat.is_default(Own().on_train_batch_end)
    single = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)
    assert not keras_compat.is_default(single.on_epoch_end)


def test_is_stateful_knows_tensorflows_operations():
    found = [keras_compat.is_stateful(name) for name in ("MatMul", "RandomUniform", "NoSuchOp")]
    assert found == [False, True, None]


@pytest.mark.parametrize(
    ("compute", "many"),
    [
        (lambda x: tf.add_n([x, x * 2]), False),
        (lambda x: tf.add_n([x, x * 2, x * 3]), True),
        (lambda x: tf.add_n([tf.add_n([x, x * 2]), x * 3]), True),  # TensorFlow joins these
        (lambda x: (x + x * 2) + x * 3, True),
        (lambda x: x + 1.0, False),
        (lambda x: (x + x[:, :1] * 2) + x[0], False),  # three shapes
        (lambda x: ((x + x * x) + x[0]) + x[0] * x[1], False),  # two terms of each of two shapes
        (lambda x: ((x + x * x) + x[0]) + tf.sin(x), True),
    ],
)
def test_sums_of_many_finds_sums_of_three_terms(compute, many):
    """TensorFlow itself says what it makes of them."""
    function = tf.function(compute)
    graph = function.get_concrete_function(tf.TensorSpec([4, 3])).graph
    assert keras_compat.sums_of_many(graph) == many
    here = context.context()
    here.enable_graph_collection()
    function(tf.random.normal([4, 3]))
    ran = here.export_run_metadata()
    here.disable_graph_collection()
    made = [node for graph in ran.function_graphs for node in graph.post_optimization_graph.node]
    functions = [
        node
        for graph in ran.function_graphs
        for body in graph.post_optimization_graph.library.function
        for node in body.node_def
    ]
    sums = [node.attr["N"].i for node in made + functions if node.op == "AddN"]
    assert (max(sums, default=0) > 2) == many, sums


def test_private_names_stand_in_one_file():
    private = re.compile(r"keras\.src|tensorflow\.python|\._flatten_layers|\._keras_history")
    found = {
        path.name
        for path in HOUSE.rglob("*.py")
        for line in path.read_text().split("\n")
        if private.search(line.split("#")[0])
    }
    assert found == {"keras_compat.py"}


def test_a_large_graph_runs_one_operation_after_another():
    """Its sum would be made in place, for it has more than the memory that TensorFlow expects."""
    total = tf.function(lambda x: tf.add_n([x * float(k) for k in range(1, 13)]))
    with keras_compat.one_after_another()():
        found = total(tf.ones([6_000_000]))
    np.testing.assert_array_equal(found, np.full(6_000_000, 78.0))
