"""What a traced function computes: its contractions with their shapes, and the bytes of the rest.

Nothing is listed by hand. `count` walks the operations of a function's graph that its results and
its effects need, with their static shapes.

- Contractions are products of matrices and convolutions, also those of backward passes: a
  transposed convolution is TensorFlow's Conv2DBackpropInput, and backward passes of convolutions
  are Conv2DBackpropInput and Conv2DBackpropFilter.
- What only renames a tensor (Reshape, Identity, ReadVariableOp) or reads its shape costs nothing,
  and so does what depends on constants only.
- All the rest, such as activations, normalisations, sums, random numbers and Adam, moves bytes. It
  is counted as if it were fused as well as it can be: operations after the same number of
  contractions are one pass over memory. A pass reads each tensor that it doesn't make once,
  and writes each tensor that something outside of it needs once. Variables that are assigned are
  written. `unfused` is the sum of the inputs and outputs of each operation by itself.

So Adam moves seven times the bytes of a weight: it reads the weight, its gradient and two moments,
and writes the weight and the moments.
"""

from __future__ import annotations

import collections
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

CONTRACTION = re.compile(r"(Batch)?MatMul|Conv[23]D|DepthwiseConv2d|Einsum")
SAME_TENSOR = {
    "Identity", "IdentityN", "Reshape", "Squeeze", "ExpandDims", "StopGradient", "PreventGradient",
    "ReadVariableOp", "Snapshot", "EnsureShape",
}  # fmt: skip
ONLY_THE_SHAPE = {"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike", "NoOp"}
SOURCES = {"Placeholder", "Const", "VarHandleOp"}


@dataclass
class Counted:
    """Contractions, as JSON texts that `decoded` reads, and how often each is computed; the bytes
    of each fused pass over memory, and those of each other operation by itself."""

    contractions: collections.Counter[str] = field(default_factory=collections.Counter)
    passes: list[int] = field(default_factory=list)
    unfused: list[int] = field(default_factory=list)

    @property
    def flops(self) -> int:
        return sum(n * flops(decoded(text)) for text, n in self.contractions.items())


def decoded(text: str) -> dict[str, Any]:
    """A contraction: its `kind`, `inputs` by name (shape and dtype, or the value of a small
    constant), `attributes` and the shape of its `output`."""
    return json.loads(text)


def flops(one: dict[str, Any]) -> int:
    """Multiplications and additions, two for each term, with those on the border's zeros."""
    inputs, output = one["inputs"], one["output"]
    if "MatMul" in one["kind"]:
        first = "a" if "a" in inputs else "x"
        turned = one["attributes"].get("transpose_a" if first == "a" else "adj_x")
        return 2 * math.prod(output) * inputs[first]["shape"][-2 if turned else -1]
    if "Backprop" not in one["kind"]:
        maps, kernel = output, inputs["filter"]["shape"]
    else:
        maps = inputs["out_backprop"]["shape"]
        kernel = inputs["filter"]["shape"] if "filter" in inputs else output
    # Each value of a kernel meets each position of the maps of each sample, also depthwise.
    return 2 * math.prod(maps[:-1]) * math.prod(kernel)


def _bytes(tensor: Any) -> int:
    shape = tensor.shape
    if tensor.dtype.name in ("resource", "variant") or shape.rank is None:
        return 0  # nothing but the scratch space of fused kernels has no known rank
    if tensor.dtype.name == "int32" and shape.rank == 1:
        return 0  # a shape
    if not shape.is_fully_defined():
        raise ValueError(
            f"{tensor.op.type} {tensor.name} has the unknown shape {shape}: trace the function "
            "with rows of a known number."
        )
    return shape.num_elements() * tensor.dtype.size


def _needed(graph: Any) -> list[Any]:
    """The operations that the results and the effects of a function need, in order."""
    waiting = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    found: set[str] = set()
    while waiting:
        operation = waiting.pop()
        if operation.name not in found:
            found.add(operation.name)
            waiting += [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
    return [operation for operation in graph.get_operations() if operation.name in found]


def _described(operation: Any) -> str:
    import tensorflow as tf

    (output,) = operation.outputs
    _bytes(output)  # raises where it is unknown
    inputs: dict[str, Any] = {}
    for argument, tensor in zip(operation.op_def.input_arg, operation.inputs, strict=True):
        if tensor.dtype in (tf.int32, tf.int64):
            value = tf.get_static_value(tensor)  # the sizes of the output, wherever there is one
            value = output.shape.as_list() if value is None else value.tolist()
            inputs[argument.name] = {"value": value}
        else:
            shape = tensor.shape.as_list()
            inputs[argument.name] = {"shape": shape, "dtype": tensor.dtype.name}
    attributes = {}
    for attribute in operation.op_def.attr:
        if attribute.type != "type":
            value = operation.get_attr(attribute.name)
            attributes[attribute.name] = value.decode() if isinstance(value, bytes) else value
    return json.dumps(
        {
            "kind": operation.type,
            "inputs": inputs,
            "attributes": attributes,
            "output": output.shape.as_list(),
        },
        sort_keys=True,
    )


def count(function: Any) -> Counted:
    """Counts what a concrete function computes.

    Raises:
        ValueError: a tensor has an unknown shape, or the function calls others.
    """
    found = Counted()
    root: dict[str, str] = {}  # of a tensor: the one whose bytes it shares
    size: dict[str, int] = {}  # of a root
    level: dict[str, int] = {}  # of a root: the contractions before it
    kind: dict[str, str] = {}  # of a root: what makes it
    read: dict[tuple[int, str], int] = {}
    written: dict[tuple[int, str], int] = {}

    def before(names: Iterable[str]) -> int:
        return max((level[name] + (kind[name] == "contraction") for name in names), default=0)

    def leaves(name: str) -> None:
        """A tensor that a pass makes is needed outside of it."""
        if kind[name] == "pass":
            written[level[name], name] = size[name]

    for operation in _needed(function.graph):
        names = [root[tensor.name] for tensor in operation.inputs]
        if any(attribute.type in ("func", "list(func)") for attribute in operation.op_def.attr):
            raise ValueError(f"{operation.type} {operation.name} calls a function: not counted.")
        stateful = operation.op_def.is_stateful
        if operation.type in SAME_TENSOR:
            for place, tensor in enumerate(operation.outputs):
                root[tensor.name] = names[place if operation.type == "IdentityN" else 0]
                if operation.type == "ReadVariableOp":
                    size[names[0]] = _bytes(tensor)
            continue
        if operation.type in SOURCES:
            made = "constant" if operation.type == "Const" else "source"
        elif operation.type in ONLY_THE_SHAPE or (
            not stateful and names and all(kind[name] == "constant" for name in names)
        ):
            made = "constant"
        else:
            made = "contraction" if CONTRACTION.match(operation.type) else "pass"
        here = before(names)
        for tensor in operation.outputs:
            root[tensor.name] = tensor.name
            kind[tensor.name], level[tensor.name] = made, here
            size[tensor.name] = _bytes(tensor)
        if made == "contraction":
            found.contractions[_described(operation)] += 1
            for name in names:
                leaves(name)
        elif made == "pass":
            assigned = 0
            if operation.type.startswith("Assign"):
                assigned = _bytes(operation.inputs[1])
                written[here, operation.name] = assigned
                if operation.type != "AssignVariableOp":  # it adds to the variable
                    read[here, names[0]] = assigned
                names = names[1:]
            for name in names:
                if kind[name] != "constant" and (kind[name], level[name]) != ("pass", here):
                    read[here, name] = size[name]
                    leaves(name)
            of_outputs = sum(_bytes(tensor) for tensor in operation.outputs)
            found.unfused.append(assigned + of_outputs + sum(size[name] for name in names))
    for tensor in function.graph.outputs:
        leaves(root[tensor.name])
    passes: collections.Counter[int] = collections.Counter()
    for (place, _), moved in [*read.items(), *written.items()]:
        passes[place] += moved
    found.passes = [passes[place] for place in sorted(passes) if passes[place]]
    return found
