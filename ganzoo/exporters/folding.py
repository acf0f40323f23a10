"""Folds the scales and shifts that batch normalisation leaves into the weights before them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, NodeProto, numpy_helper
from onnxruntime.quantization.onnx_model import ONNXModel


def fold(model: ModelProto) -> None:
    """Folds per-channel factors and terms into the convolution or matrix product before them.

    `model` is changed in place. Its outputs stay the same, up to rounding. There may be a Slice
    after the convolution, or a Reshape after the matrix product, which becomes a Gemm if it gets a
    bias. A result that other nodes use as well is not folded.
    """
    graph = ONNXModel(model)
    while any(_folded(graph, node) for node in graph.nodes() if node.op_type in ("Mul", "Add")):
        graph.clean_initializers()


def constant(graph: ONNXModel, name: str) -> np.ndarray | None:
    """Returns the array of an initializer, or None if there is no initializer of that name."""
    tensor = graph.get_initializer(name)
    return None if tensor is None else numpy_helper.to_array(tensor)


def new_constant(graph: ONNXModel, name: str, array: np.ndarray) -> str:
    """Adds an initializer and returns its name."""
    graph.add_initializer(numpy_helper.from_array(np.ascontiguousarray(array), name))
    return name


def _folded(graph: ONNXModel, node: NodeProto) -> bool:
    """Folds `node` and returns True, or returns False if it can't be folded."""
    values = [constant(graph, name) for name in node.input]
    value = values[0] if values[1] is None else values[1]
    if value is None or all(other is not None for other in values):
        return False
    source = node.input[0] if values[0] is None else node.input[1]
    producers, users = graph.output_name_to_node(), graph.input_name_to_nodes()
    results = {value.name for value in graph.graph().output}
    between: list[NodeProto] = []  # the nodes between `node` and the product
    at = source
    while (product := producers.get(at)) and len(users[at]) == 1 and at not in results:
        if product.op_type in _PRODUCTS:
            break
        if product.op_type not in ("Slice", "Reshape"):
            return False
        between, at = [product, *between], product.input[0]
    else:
        return False
    weights = constant(graph, product.input[1])
    if weights is None:
        return False
    per_output = _per_output(graph, product, between, value, weights)
    if per_output is None:
        return False
    bias = constant(graph, product.input[2]) if len(product.input) > 2 else None
    if len(product.input) > 2 and bias is None:
        return False
    if node.op_type == "Mul":
        weights = weights * per_output.reshape(_PRODUCTS[product.op_type](weights))
        bias = None if bias is None else bias * per_output
    else:
        bias = per_output if bias is None else bias + per_output
    if bias is not None and product.op_type == "MatMul":
        product.op_type = "Gemm"
    # new names, since other nodes may use the old weights
    product.input[1] = new_constant(graph, f"{node.output[0]}/weights", weights)
    if bias is not None:
        del product.input[2:]
        product.input.append(new_constant(graph, f"{node.output[0]}/bias", bias))
    producers[source].output[0] = node.output[0]  # no other node uses `source`
    graph.remove_node(node)
    return True


# operation -> the shape of one factor per output channel that multiplies its weights
_PRODUCTS = {
    "MatMul": lambda weights: (1, -1),
    "Gemm": lambda weights: (1, -1),
    "Conv": lambda weights: (-1, 1, 1, 1),
    "ConvTranspose": lambda weights: (1, -1, 1, 1),
}


def _per_output(
    graph: ONNXModel,
    product: NodeProto,
    between: Sequence[NodeProto],
    value: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray | None:
    """Returns `value` as one number for each output of `product`, or None if that can't be done."""
    if value.dtype != np.float32:
        return None
    if product.op_type in ("Conv", "ConvTranspose"):
        grouped = any(a.name == "group" and a.i != 1 for a in product.attribute)
        channels = weights.shape[0 if product.op_type == "Conv" else 1]
        shape = (1,) * (4 - value.ndim) + value.shape
        fits = shape in ((1, channels, 1, 1), (1, 1, 1, 1)) and weights.ndim == 4
        if grouped or not fits or any(n.op_type != "Slice" for n in between):
            return None
        return np.broadcast_to(value.reshape(-1), channels)
    if product.op_type == "Gemm" and product.attribute:  # alpha, beta or a transposition
        return None
    if [n.op_type for n in between] not in ([], ["Reshape"]) or weights.ndim != 2:
        return None
    shape = weights.shape[1:]
    if between:
        reshaped = constant(graph, between[0].input[1])
        if reshaped is None:
            return None
        shape = tuple(reshaped[1:])
    if np.prod(shape) != weights.shape[1] or (np.ndim(value) and value.ndim > len(shape) + 1):
        return None
    try:
        return np.broadcast_to(value, (1, *shape)).reshape(-1)
    except ValueError:
        return None
