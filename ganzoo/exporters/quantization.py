"""ONNX models in reduced precision. Their inputs and outputs stay float32."""

from __future__ import annotations

import copy
import logging
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.onnx_model import ONNXModel

TANH = np.float32(3)  # tanh(3) = 0.995, which is within a grey level of 1


def int8(model: onnx.ModelProto, batches: Iterable[Mapping[str, np.ndarray]]) -> onnx.ModelProto:
    """Returns a copy of `model` whose convolutions, and the nodes between them, compute in 8 bits.

    This is static quantisation with QuantizeLinear/DequantizeLinear pairs, which runtimes fuse.
    Weights are int8 with one scale per output channel; activations are uint8 with one scale per
    tensor.

    Matrix products stay in float32 if there is a convolution: they take little time, and quantising
    them costs accuracy (46 dB instead of 54 on a 28×28 DCGAN). Without convolutions all matrix
    products are quantised. The input of a tanh is quantised over [-3, 3], because its output hardly
    changes outside (48 dB if the whole range is used on that DCGAN).

    Args:
        model: a float32 model.
        batches: inputs by name. The ranges of the activations are measured on them.
    """
    nodes = list(model.graph.node)
    convolutions = [i for i, node in enumerate(nodes) if node.op_type == "Conv"]
    float32: set[str] = set()
    overrides = {}
    if convolutions:
        float32 |= {node.name for node in nodes if node.op_type in ("MatMul", "Gemm")}
        float32 |= {node.name for node in nodes[convolutions[-1] + 1 :]}
    for node in nodes:
        if node.op_type == "Tanh":
            float32.add(node.name)
            overrides[node.input[0]] = [{"rmin": -TANH, "rmax": TANH}]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        root, level = logging.getLogger(), logging.getLogger().level
        root.setLevel(logging.ERROR)  # it recommends a preparation that was made already
        try:
            quantize_static(
                copy.deepcopy(model),  # the function moves the weights out of its argument
                file,
                _Batches(batches),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=sorted(float32),
                extra_options={"TensorQuantOverrides": overrides},
            )
        finally:
            root.setLevel(level)
        return onnx.load(file)


def float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns a copy of `model` that stores its weights and computes in float16.

    It has half the size. It is not faster on a CPU.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    graph = ONNXModel(convert_float_to_float16(copy.deepcopy(model), keep_io_types=True))
    graph.topological_sort()  # the converter appends the casts of the inputs at the end
    return graph.model


class _Batches(CalibrationDataReader):
    def __init__(self, batches: Iterable[Mapping[str, np.ndarray]]):
        self._batches = iter(batches)

    def get_next(self) -> Mapping[str, np.ndarray] | None:
        return next(self._batches, None)
