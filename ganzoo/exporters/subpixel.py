"""Transposed convolutions as sub-pixel convolutions, for which runtimes have faster kernels.

Output row y of a transposed convolution with stride s, kernel w of size k and padding p before is

    y = s·u + r − p:  Σ_j x[u − j] · w[s·j + r],   j = 0 … m − 1,   m = ⌈k/s⌉,

for each phase r = 0 … s − 1 an ordinary convolution of m taps. So one convolution of m×m taps that
computes all s×s phases as channels (Shi et al. 2016, arXiv:1609.05158), at the positions u that
reach into the output, and then an interleaving of the phases and a crop, give the same numbers.
k = 4, s = 2 takes 2×2 taps on a border of one: 1.3 times the work on 7×7, 1.06 times on 32×32. A
kernel wide enough to need no crop would take 2.25 times.
"""

import copy
import time

import numpy as np
import onnx
from onnx import helper
from onnxruntime.quantization.onnx_model import ONNXModel

from .folding import constant, new_constant
from .runtime import session

_ELEMENTWISE = ("Relu", "LeakyRelu", "Tanh", "Sigmoid", "Elu", "Softplus")


def transposed(model):
    """The names of the transposed convolutions that can be rewritten."""
    graph, shapes = ONNXModel(model), _shapes(model)
    return [
        node.name
        for node in graph.nodes()
        if node.op_type == "ConvTranspose"
        and constant(graph, node.input[1]) is not None
        and (len(node.input) < 3 or constant(graph, node.input[2]) is not None)
        and not any(_attributes(node).get("output_padding", []))
        and "output_shape" not in _attributes(node)
        and _attributes(node).get("auto_pad", b"NOTSET") == b"NOTSET"
        and _attributes(node).get("group", 1) == 1
        and set(_attributes(node).get("dilations", [1])) == {1}
        and None not in shapes.get(node.input[0], [None] * 4)[2:]
        and None not in shapes.get(node.output[0], [None] * 4)[2:]
    ]


def rewritten(model, names=None):
    """A copy of `model` with the transposed convolutions `names`, by default all, as convolutions.

    The phases are interleaved in channels-last order, where rows of channels move as one piece, and
    where int8 kernels work; runtimes cancel the transpositions around. A function of single numbers
    that follows is applied before, where it can be fused into the convolution.
    """
    names = transposed(model) if names is None else names
    model = copy.deepcopy(model)
    graph, shapes = ONNXModel(model), _shapes(model)
    for name in names:
        _rewrite(graph, shapes, graph.find_node_by_name(name, [], model.graph))
    _cancel_transpositions(graph)
    graph.clean_initializers()
    graph.topological_sort()
    onnx.checker.check_model(model, full_check=True)
    return model


def fastest(model, inputs):
    """`model` with those transposed convolutions rewritten that run faster here.

    The whole model is timed with each layer one way and the other, since layouts of neighbours
    matter; a layer is rewritten if no batch gets slower and together they gain 5%. A second timing
    must confirm the whole, since a busy machine misleads: else `model` comes back as it is.

    Args:
        inputs: one dict of arrays by input name for each batch size to time.
    """
    chosen = model
    for name in transposed(model):
        other = rewritten(chosen, [name])
        gains = _gains(chosen, other, inputs)
        if gains.min() >= 1 and np.sqrt(gains.prod()) >= 1.05:
            chosen = other
    return chosen if chosen is model or _gains(model, chosen, inputs).min() >= 1 else model


def _gains(model, other, inputs):
    before, after = seconds([model, other], inputs)
    return before / after


def seconds(models, inputs, turns=3, budget=0.02):
    """The shortest times of each model (rows) on each of the inputs (columns), of `turns` turns in
    which each model runs at least once and for `budget` seconds.

    The shortest, since whatever else runs here only adds. Before each turn the other model's
    threads get time to stop waiting for more work: they wait busily, which made the next model
    take 1.6 times as long on two cores.
    """
    sessions = [session(model.SerializeToString()) for model in models]
    taken = np.full([len(models), len(inputs)], np.inf)
    for column, feeds in enumerate(inputs):
        for row, running in turns * list(enumerate(sessions)):
            time.sleep(0.03)
            running.run(None, feeds)
            end = time.perf_counter() + budget
            while True:
                start = time.perf_counter()
                running.run(None, feeds)
                now = time.perf_counter()
                taken[row, column] = min(taken[row, column], now - start)
                if now > end:
                    break
    return taken


def convolution(kernel, strides, pads):
    """The convolution of a transposed convolution.

    Args:
        kernel: [inputs, outputs, kh, kw] as ONNX's ConvTranspose has it.
        strides: (sh, sw).
        pads: (top, left, bottom, right), which the transposed convolution crops.

    Returns:
        its kernel [sh·sw·outputs, inputs, mh, mw], its phases in the order (row, column, output);
        its own pads; and how many rows and columns of the interleaved result come too early.
    """
    inputs, outputs = kernel.shape[:2]
    taps = [-(-k // s) for k, s in zip(kernel.shape[2:], strides, strict=True)]
    whole = np.zeros((inputs, outputs, taps[0] * strides[0], taps[1] * strides[1]), kernel.dtype)
    whole[:, :, : kernel.shape[2], : kernel.shape[3]] = kernel
    phases = whole.reshape(inputs, outputs, taps[0], strides[0], taps[1], strides[1])
    phases = phases[:, :, ::-1, :, ::-1, :].transpose(3, 5, 1, 0, 2, 4)
    begin, end, early = [], [], []
    for m, s, k, before, after in zip(
        taps, strides, kernel.shape[2:], pads[:2], pads[2:], strict=True
    ):
        begin.append(m - 1 - before // s)
        end.append(m - 1 - (s * m - k + after) // s)
        early.append(before % s)
    return phases.reshape(-1, inputs, *taps), (*begin, *end), tuple(early)


def _rewrite(graph, shapes, node):
    attributes = _attributes(node)
    kernel = constant(graph, node.input[1])
    strides = attributes.get("strides", [1, 1])
    weights, pads, early = convolution(kernel, strides, attributes.get("pads", [0, 0, 0, 0]))
    name, result = node.name, node.output[0]
    outputs = kernel.shape[1]
    grid = [  # positions of the convolution: rows, columns
        size + pads[i] + pads[i + 2] - weights.shape[2 + i] + 1
        for i, size in enumerate(shapes[node.input[0]][2:])
    ]
    inputs = [node.input[0], new_constant(graph, f"{name}/kernel", weights)]
    if len(node.input) > 2:
        bias = np.tile(constant(graph, node.input[2]), strides[0] * strides[1])
        inputs.append(new_constant(graph, f"{name}/bias", bias))
    nodes = [
        helper.make_node(
            "Conv", inputs, [f"{name}/phases"], f"{name}/conv",
            kernel_shape=weights.shape[2:], pads=pads, strides=[1, 1],
        )
    ]  # fmt: skip

    def then(operation, step, *constants, **options):
        constants = [
            new_constant(graph, f"{name}/{step}_{i}", np.array(value, np.int64))
            for i, value in enumerate(constants)
        ]
        nodes.append(
            helper.make_node(
                operation, [nodes[-1].output[0], *constants], [f"{name}/{step}"],
                f"{name}/{step}_{operation}", **options,
            )
        )  # fmt: skip

    while len(followers := graph.input_name_to_nodes().get(result, [])) == 1:
        (follower,) = followers
        if follower.op_type in _ELEMENTWISE:
            then(follower.op_type, "activation")
            nodes[-1].attribute.extend(follower.attribute)
        elif not _crops_the_end(graph, shapes, follower):
            break
        result = follower.output[0]
        graph.remove_node(follower)
        if follower.op_type in _ELEMENTWISE:
            break
    height, width = shapes[result][2:]
    then("Transpose", "channels_last", perm=[0, 2, 3, 1])
    then("Reshape", "columns", [-1, *grid, strides[0], strides[1] * outputs])
    then("Transpose", "rows", perm=[0, 1, 3, 2, 4])
    full = [grid[0] * strides[0], grid[1] * strides[1]]
    then("Reshape", "interleaved", [-1, *full, outputs])
    if full != [height, width]:
        late = [early[0] + height, early[1] + width]
        then("Slice", "crop", early, late, [1, 2])
    then("Transpose", "channels_first", perm=[0, 3, 1, 2])
    nodes[-1].output[0] = result
    graph.remove_node(node)
    graph.add_nodes(nodes)


def _crops_the_end(graph, shapes, node):
    """Whether `node` only leaves out the last rows and columns, as for images of odd size."""
    if node.op_type != "Slice":
        return False
    starts, *_ = constants = [constant(graph, name) for name in node.input[1:]]
    if any(value is None for value in constants) or starts.any():
        return False
    one_by_one = len(constants) < 4 or (constants[3] == 1).all()
    before, after = shapes[node.input[0]], shapes[node.output[0]]
    return one_by_one and before[:2] == after[:2] and None not in after[2:]


def _cancel_transpositions(graph):
    """Removes what turns channels-last into channels-first and straight back again, which tf2onnx
    writes as a Reshape where there is one channel."""
    producers, users = graph.output_name_to_node(), graph.input_name_to_nodes()
    shapes = _shapes(graph.model)
    for first in [node for node in graph.nodes() if node.name.endswith("channels_first_Transpose")]:
        followers = users.get(first.output[0], [])
        same = shapes.get(first.input[0])
        if len(followers) != 1 or same is None:
            continue
        (second,) = followers
        back = second.op_type == "Transpose" and _attributes(second)["perm"] == [0, 2, 3, 1]
        flat = (
            second.op_type == "Reshape"
            and same[3] == 1
            and shapes[second.output[0]][1:] == same[1:]
        )
        if back or flat:
            before = producers[first.input[0]]
            before.output[0] = second.output[0]
            graph.remove_nodes([first, second])


def _attributes(node):
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _shapes(model):
    """Name of a tensor -> its sizes, None where they are free."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: [size.dim_value or None for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
