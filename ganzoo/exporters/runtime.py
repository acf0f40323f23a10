"""ONNX Runtime on the CPU, as exports are measured and checked with it."""

import onnxruntime


def session(model):
    """A session of a file or of a serialised model, which complains of nothing but errors."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
