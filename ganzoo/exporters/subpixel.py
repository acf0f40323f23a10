"""Rewrites transposed convolutions as sub-pixel convolutions, which some runtimes compute faster.

A transposed convolution has stride s, a kernel w of size k and padding p at the beginning. Its
output in row y = s·u + r − p is

    Σ_j x[u − j] · w[s·j + r],   j = 0 … m − 1,   m = ⌈k/s⌉.

For each phase r = 0 … s − 1 this is an ordinary convolution of m taps. One convolution of m×m taps
can compute all s×s phases as channels (Shi et al. 2016, arXiv:1609.05158). Interleaving the phases
and cropping the result then gives the output of the transposed convolution.

For k = 4 and s = 2 the convolution has 2×2 taps and a border of one. This is 1.3 times the work of
the transposed convolution on 7×7 and 1.06 times on 32×32.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper
from onnxruntime.quantization.onnx_model import ONNXModel

from .folding import constant, new_constant
from .runtime import session

_ELEMENTWISE = ("Relu", "LeakyRelu", "Tanh", "Sigmoid", "Elu", "Softplus")


Known = TypeVar("Known")
Shapes = dict[str, list[int | None]]


def transposed(model: ModelProto) -> list[str]:
    """Returns the names of the transposed convolutions that can be rewritten."""
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


def rewritten(model: ModelProto, names: Iterable[str] | None = None) -> ModelProto:
    """Returns a copy of `model` in which transposed convolutions are ordinary ones.

    The phases are interleaved in channels-last order, in which the channels of a position are
    copied as one block and int8 kernels work. Runtimes remove pairs of transpositions. An
    elementwise activation after the transposed convolution is moved before the interleaving, so
    that it can be fused into the convolution.

    Args:
        model: the model, which is not changed.
        names: the transposed convolutions to rewrite; by default all that `transposed` finds.
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


def fastest(model: ModelProto, inputs: Sequence[Mapping[str, np.ndarray]]) -> ModelProto:
    """Rewrites the transposed convolutions that run faster as convolutions on this machine.

    The whole model is timed with and without each rewriting, because the time of a layer depends on
    the layouts of its neighbours. A layer is rewritten if no batch gets slower and the geometric
    mean of the speed-ups is at least 1.05. If a second timing does not confirm that the result is
    faster, for example because the machine was busy, `model` is returned unchanged.

    Args:
        model: the model, which is not changed.
        inputs: arrays by input name, for each batch size to time.
    """
    chosen = model
    for name in transposed(model):
        other = rewritten(chosen, [name])
        gains = _gains(chosen, other, inputs)
        if gains.min() >= 1 and np.sqrt(gains.prod()) >= 1.05:
            chosen = other
    return chosen if chosen is model or _gains(model, chosen, inputs).min() >= 1 else model


def _gains(
    model: ModelProto, other: ModelProto, inputs: Sequence[Mapping[str, np.ndarray]]
) -> np.ndarray:
    """Returns how many times as fast as `model` the other one is, for each of the inputs."""
    before, after = seconds([model, other], inputs)
    return before / after


def seconds(
    models: Sequence[ModelProto],
    inputs: Sequence[Mapping[str, np.ndarray]],
    turns: int = 3,
    budget: float = 0.02,
) -> np.ndarray:
    """Returns the shortest run of each model (rows) on each of the inputs (columns), in seconds.

    The models are measured in turn, `turns` times. Each time a model runs at least once, and for
    `budget` seconds. The shortest run is the best estimate, because other programs only add time.
    There is a pause before each measurement: after a run ONNX Runtime's threads wait busily for
    more work, which made the next model take 1.6 times as long on two cores.
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


def convolution(
    kernel: np.ndarray, strides: Sequence[int], pads: Sequence[int]
) -> tuple[np.ndarray, tuple[int, ...], tuple[int, ...]]:
    """Turns the kernel of a transposed convolution into that of a sub-pixel convolution.

    Args:
        kernel: [inputs, outputs, kh, kw], the layout of ONNX's ConvTranspose.
        strides: (sh, sw).
        pads: (top, left, bottom, right) that the transposed convolution crops.

    Returns:
        The kernel [sh·sw·outputs, inputs, mh, mw], whose first axis is ordered (row of the phase,
        column of the phase, output); the pads of the convolution; and the numbers of rows and
        columns to crop at the beginning of the interleaved result.
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


def _rewrite(graph: ONNXModel, shapes: Shapes, node: NodeProto) -> None:
    """Replaces `node`, which `transposed` has found, and the crop and the activation after it."""
    attributes = _attributes(node)
    kernel = _known(constant(graph, node.input[1]))
    strides = attributes.get("strides", [1, 1])
    weights, pads, early = convolution(kernel, strides, attributes.get("pads", [0, 0, 0, 0]))
    name, result = node.name, node.output[0]
    outputs = kernel.shape[1]
    grid = [  # positions of the convolution: rows, columns
        _known(size) + pads[i] + pads[i + 2] - weights.shape[2 + i] + 1
        for i, size in enumerate(shapes[node.input[0]][2:])
    ]
    inputs = [node.input[0], new_constant(graph, f"{name}/kernel", weights)]
    if len(node.input) > 2:
        bias = np.tile(_known(constant(graph, node.input[2])), strides[0] * strides[1])
        inputs.append(new_constant(graph, f"{name}/bias", bias))
    nodes = [
        helper.make_node(
            "Conv", inputs, [f"{name}/phases"], f"{name}/conv",
            kernel_shape=weights.shape[2:], pads=pads, strides=[1, 1],
        )
    ]  # fmt: skip

    def then(
        operation: str, step: str, *constants: list[int], perm: list[int] | None = None
    ) -> None:
        """Appends a node that takes the result of the last one."""
        added = [
            new_constant(graph, f"{name}/{step}_{i}", np.array(value, np.int64))
            for i, value in enumerate(constants)
        ]
        nodes.append(
            helper.make_node(
                operation, [nodes[-1].output[0], *added], [f"{name}/{step}"],
                f"{name}/{step}_{operation}",
            )
        )  # fmt: skip
        if perm is not None:
            nodes[-1].attribute.append(helper.make_attribute("perm", perm))

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
    height, width = map(_known, shapes[result][2:])
    then("Transpose", "channels_last", perm=[0, 2, 3, 1])
    then("Reshape", "columns", [-1, *grid, strides[0], strides[1] * outputs])
    then("Transpose", "rows", perm=[0, 1, 3, 2, 4])
    full = [grid[0] * strides[0], grid[1] * strides[1]]
    then("Reshape", "interleaved", [-1, *full, outputs])
    if full != [height, width]:
        late = [early[0] + height, early[1] + width]
        then("Slice", "crop", list(early), late, [1, 2])
    then("Transpose", "channels_first", perm=[0, 3, 1, 2])
    nodes[-1].output[0] = result
    graph.remove_node(node)
    graph.add_nodes(nodes)


def _crops_the_end(graph: ONNXModel, shapes: Shapes, node: NodeProto) -> bool:
    """Whether `node` only leaves out the last rows and columns, as for images of odd size."""
    if node.op_type != "Slice":
        return False
    constants = [constant(graph, name) for name in node.input[1:]]
    known = [value for value in constants if value is not None]
    if len(known) < len(constants) or known[0].any():
        return False
    one_by_one = len(known) < 4 or bool((known[3] == 1).all())
    before, after = shapes[node.input[0]], shapes[node.output[0]]
    return one_by_one and before[:2] == after[:2] and None not in after[2:]


def _cancel_transpositions(graph: ONNXModel) -> None:
    """Removes pairs of nodes that turn channels-last into channels-first and back again. If there
    is one channel, tf2onnx writes the second node as a Reshape."""
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


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _known(value: Known | None) -> Known:
    """Returns a value that `transposed` has found to be there."""
    assert value is not None
    return value


def _shapes(model: ModelProto) -> Shapes:
    """Returns name of a tensor -> its sizes. None is a free size."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: [size.dim_value or None for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
