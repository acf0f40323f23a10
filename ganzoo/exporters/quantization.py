"""ONNX models in reduced precision, whose inputs and outputs stay float32."""

import copy
import logging
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.onnx_model import ONNXModel

TANH = np.float32(3)  # tanh(3) = 0.995: what is cut off beyond is less than a grey level


def int8(model, batches):
    """A copy of `model` with convolutions, and what lies between them, in 8 bits.

    Static quantisation with a scale per output channel for weights (int8) and per tensor for
    activations (uint8), as QuantizeLinear/DequantizeLinear pairs, which runtimes fuse. Matrix
    products before a convolution stay in float32: they are a small part of the time, and cost half
    of the accuracy (46 dB instead of 54 on a 28×28 DCGAN). Without convolutions all of them are
    quantised. What enters a final tanh is quantised over [-3, 3] only, since beyond its output
    hardly changes (48 dB over the whole range there).

    Args:
        batches: dicts of inputs by name, from whose activations the ranges are taken.
    """
    nodes = list(model.graph.node)
    convolutions = [i for i, node in enumerate(nodes) if node.op_type == "Conv"]
    float32, overrides = set(), {}
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
        root.setLevel(logging.ERROR)  # it recommends steps that were taken
        try:
            quantize_static(
                copy.deepcopy(model),  # it moves the weights of what it is given
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


def float16(model):
    """A copy of `model` that stores and computes float16 within: half the size, and on processors
    no faster."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    graph = ONNXModel(convert_float_to_float16(copy.deepcopy(model), keep_io_types=True))
    graph.topological_sort()  # its casts of the inputs come last
    return graph.model


class _Batches(CalibrationDataReader):
    def __init__(self, batches):
        self._batches = iter(batches)

    def get_next(self):
        return next(self._batches, None)
