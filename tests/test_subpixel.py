"""The faster ONNX graphs are exact: folded and rewritten, they give what they gave before."""

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from onnx import helper, numpy_helper
from tf2onnx.convert import from_function

from ganzoo.exporters import folding, runtime, subpixel
from ganzoo.exporters.quiet import quiet

rng = np.random.default_rng(0)


def onnx_of(model, shape):
    """A Keras model as tf2onnx writes it, its input named x."""
    spec = tf.TensorSpec([None, *shape], tf.float32, "x")
    function = tf.function(lambda x: {"y": model(x, training=False)}, autograph=False)
    with quiet():
        return from_function(function, input_signature=[spec], opset=18)[0]


def answer(model, x):
    return runtime.session(model.SerializeToString()).run(None, {"x": x})[0]


def operations(model):
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [2, 3, (2, 1), 1])
@pytest.mark.parametrize("kernel", [2, 3, 4, 5, (4, 3), 7])
def test_a_transposed_convolution_is_a_convolution_of_its_phases(kernel, strides, padding):
    layer = keras.layers.Conv2DTranspose(
        3, kernel, strides, padding, activation="relu", bias_initializer="normal"
    )
    model = keras.Sequential([keras.Input([5, 6, 4]), layer])
    plain = onnx_of(model, [5, 6, 4])
    assert "ConvTranspose" in operations(plain)
    x = rng.standard_normal([3, 5, 6, 4]).astype("float32")
    expected = model(x).numpy()
    if not subpixel.transposed(plain):  # kernels narrower than their stride leave gaps
        assert np.min(kernel) < np.max(strides)
        return
    other = subpixel.rewritten(plain)
    assert "ConvTranspose" not in operations(other)
    np.testing.assert_allclose(answer(other, x), expected, rtol=1e-5, atol=1e-5)


def test_the_convolution_of_the_docstring_by_hand():
    """k = 4, s = 2, p = 1 on a row of one channel: two phases of two taps each."""
    w = np.array([1.0, 10.0, 100.0, 1000.0]).reshape(1, 1, 1, 4)
    weights, pads, early = subpixel.convolution(w, (1, 2), (0, 1, 0, 1))
    assert weights.tolist() == [[[[100.0, 1.0]]], [[[1000.0, 10.0]]]]
    assert (pads, early) == ((0, 1, 0, 1), (0, 1))


@pytest.mark.parametrize("shape", [(28, 28, 1), (20, 33, 3), (9, 8, 2)])
def test_generators_keep_their_answers_and_lose_their_batch_normalisation(shape):
    from ganzoo.networks import dcgan

    generator = dcgan.generator(6, shape, width=4)
    for layer in generator.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2, w.shape) for w in layer.get_weights()])
        elif layer.weights:
            kernels = [rng.standard_normal(w.shape) / 6 for w in layer.get_weights()]
            layer.set_weights(kernels)
    plain = onnx_of(generator, [6])
    assert {"Mul", "Add"} & set(operations(plain))
    folded = onnx.ModelProto.FromString(plain.SerializeToString())
    folding.fold(folded)
    assert not {"Mul", "Add"} & set(operations(folded))
    other = subpixel.rewritten(folded)
    assert operations(other).count("Conv") == operations(plain).count("ConvTranspose")
    if shape[:2] != (9, 8):  # whose crop of one row of the two before is not a whole position
        assert operations(other)[-1] in ("Slice", "Reshape")  # channels last already
    x = rng.standard_normal([5, 6]).astype("float32")
    expected = generator(x, training=False).numpy()
    assert expected.std() > 0.1
    for model in (plain, folded, other):
        np.testing.assert_allclose(answer(model, x), expected, atol=5e-6)


def graph_of(nodes, constants, shape=("n", 2, 3, 3)):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", onnx.TensorProto.FLOAT, shape)],
        [value("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(a, np.float32), k) for k, a in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


@pytest.mark.parametrize("grouped", [False, True])
def test_only_factors_per_output_are_folded(grouped):
    """A factor per column isn't one per output; nor is any where others use the product."""
    weights = rng.standard_normal([2, 1 if grouped else 2, 1, 1])
    conv = helper.make_node("Conv", ["x", "w"], ["c"], "conv", group=2 if grouped else 1)
    for factor, fits in ((rng.standard_normal([1, 2, 1, 1]), not grouped), (np.ones(3) * 2, False)):
        nodes = [conv, helper.make_node("Mul", ["c", "f"], ["y"], "mul")]
        model = graph_of(nodes, {"w": weights, "f": factor})
        x = rng.standard_normal([2, 2, 3, 3]).astype("float32")
        expected = answer(model, x)
        folding.fold(model)
        assert ("Mul" not in operations(model)) == fits
        np.testing.assert_allclose(answer(model, x), expected, rtol=1e-5, atol=1e-6)
    nodes = [
        conv,
        helper.make_node("Mul", ["c", "f"], ["m"], "mul"),
        helper.make_node("Add", ["c", "m"], ["y"], "add"),
    ]
    model = graph_of(nodes, {"w": weights, "f": np.full([1, 2, 1, 1], 2.0)})
    folding.fold(model)
    assert operations(model) == ["Conv", "Mul", "Add"]


@pytest.mark.parametrize("confirmed", [True, False])
def test_the_fastest_is_chosen_by_the_clock(monkeypatch, confirmed):
    """A layer is rewritten if it gains and no batch gets slower, once a second timing agrees."""
    layers = [keras.layers.Conv2DTranspose(2, 4, 2, "same") for _ in range(3)]
    plain = onnx_of(keras.Sequential([keras.Input([4, 4, 2]), *layers]), [4, 4, 2])
    times = [[0.5, 0.9], [0.1, 1.01], [0.99, 0.98], [0.5, 0.9 if confirmed else 1.1]]
    clock = iter(times)
    monkeypatch.setattr(subpixel, "seconds", lambda *_: np.array([[1.0, 1.0], next(clock)]))
    chosen = subpixel.fastest(plain, [{}, {}])
    first, *others = subpixel.transposed(plain)
    assert subpixel.transposed(chosen) == (others if confirmed else [first, *others])
    assert operations(chosen).count("Conv") == confirmed
    assert next(clock, None) is None


def test_what_can_not_be_rewritten_is_not_listed():
    weights = rng.standard_normal([2, 3, 2, 2])
    for options in ({"group": 2}, {"dilations": [2, 2]}, {"output_padding": [1, 1]}):
        node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], "t", strides=[2, 2], **options)
        assert subpixel.transposed(graph_of([node], {"w": weights})) == []
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], "t", strides=[2, 2])
    assert subpixel.transposed(graph_of([node], {"w": weights})) == ["t"]
