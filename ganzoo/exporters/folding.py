"""Scales and shifts folded into the weights before them: what batch normalisation leaves behind."""

import numpy as np
from onnx import numpy_helper
from onnxruntime.quantization.onnx_model import ONNXModel


def fold(model):
    """Multiplies per-channel factors into the convolution or matrix product that they follow, and
    adds per-channel terms to its bias; `model` is changed, its results but for rounding are not.

    Reaches through a cropping after a convolution (Slice) and a Reshape after a matrix product,
    which becomes a Gemm where it gets a bias. What other nodes use too is left alone.
    """
    graph = ONNXModel(model)
    while any(_folded(graph, node) for node in graph.nodes() if node.op_type in ("Mul", "Add")):
        graph.clean_initializers()


def constant(graph, name):
    """The array of an initializer, or None."""
    tensor = graph.get_initializer(name)
    return None if tensor is None else numpy_helper.to_array(tensor)


def new_constant(graph, name, array):
    """Adds an initializer and returns its name."""
    graph.add_initializer(numpy_helper.from_array(np.ascontiguousarray(array), name))
    return name


def _folded(graph, node):
    """Whether `node` could be folded, and was."""
    values = [constant(graph, name) for name in node.input]
    if (values[0] is None) == (values[1] is None):
        return False
    value = values[0] if values[1] is None else values[1]
    source = node.input[0] if values[0] is None else node.input[1]
    producers, users = graph.output_name_to_node(), graph.input_name_to_nodes()
    results = {value.name for value in graph.graph().output}
    between, at = [], source  # the nodes between `node` and the product
    while (product := producers.get(at)) and len(users[at]) == 1 and at not in results:
        if product.op_type in _PRODUCTS:
            break
        if product.op_type not in ("Slice", "Reshape"):
            return False
        between, at = [product, *between], product.input[0]
    else:
        return False
    weights = constant(graph, product.input[1])
    per_output = _per_output(graph, product, between, value, weights)
    if weights is None or per_output is None:
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
    producers[source].output[0] = node.output[0]  # nobody else used `source`
    graph.remove_node(node)
    return True


# operation -> the shape in which one number per output channel multiplies its weights
_PRODUCTS = {
    "MatMul": lambda weights: (1, -1),
    "Gemm": lambda weights: (1, -1),
    "Conv": lambda weights: (-1, 1, 1, 1),
    "ConvTranspose": lambda weights: (1, -1, 1, 1),
}


def _per_output(graph, product, between, value, weights):
    """`value` as one number for each output of `product`, or None where it isn't that."""
    if weights is None or value.dtype != np.float32:
        return None
    if product.op_type in ("Conv", "ConvTranspose"):
        grouped = any(a.name == "group" and a.i != 1 for a in product.attribute)
        channels = weights.shape[0 if product.op_type == "Conv" else 1]
        shape = (1,) * (4 - value.ndim) + value.shape
        fits = shape in ((1, channels, 1, 1), (1, 1, 1, 1)) and weights.ndim == 4
        if grouped or not fits or any(n.op_type != "Slice" for n in between):
            return None
        return np.broadcast_to(value.reshape(-1), channels)
    if product.op_type == "Gemm" and product.attribute:  # alpha, beta or transposed: not ours
        return None
    if [n.op_type for n in between] not in ([], ["Reshape"]) or weights.ndim != 2:
        return None
    shape = constant(graph, between[0].input[1])[1:] if between else weights.shape[1:]
    if np.prod(shape) != weights.shape[1] or (np.ndim(value) and value.ndim > len(shape) + 1):
        return None
    try:
        return np.broadcast_to(value, (1, *shape)).reshape(-1)
    except ValueError:
        return None
