"""ONNX Runtime on the CPU, which measures and checks exports."""

from __future__ import annotations

from pathlib import Path

import onnxruntime


def session(model: Path | bytes) -> onnxruntime.InferenceSession:
    """Returns a session of a file or of a serialised model. It prints errors but no warnings."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
