"""Shell commands that serve an export."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Certificate = Mapping[str, Any]


def command(folder: Path, certificate: Certificate) -> str:
    """Returns a shell command that serves the version in `folder`.

    For "tf_saved_model" and "web" the command starts a server. ONNX Runtime and OpenVINO are
    libraries, so for these the command draws one sample in Python.
    """
    return _COMMANDS[certificate["format"]](folder, certificate)


def _tf_serving(folder: Path, certificate: Certificate) -> str:
    name = certificate["model"]
    volume = shlex.quote(f"{folder.parent}:/models/{name}:ro")
    return (
        f"docker run --rm -p 8500:8500 -p 8501:8501 -e MODEL_NAME={name} -v {volume} "
        "tensorflow/serving"
    )


def _onnx_runtime(folder: Path, certificate: Certificate) -> str:
    return _python(
        "import numpy as n, onnxruntime as o; "
        f"print(o.InferenceSession({str(folder / 'model.onnx')!r})"
        f".run(None, {_inputs(certificate)})[0].shape)"
    )


def _openvino(folder: Path, certificate: Certificate) -> str:
    return _python(
        "import numpy as n, openvino as o; "
        f"print(o.Core().compile_model({str(folder / 'model.xml')!r}, 'CPU')"
        f"({_inputs(certificate)})[0].shape)"
    )


def _web(folder: Path, certificate: Certificate) -> str:
    return f"python -m http.server 8000 --directory {shlex.quote(str(folder))}"


def _inputs(certificate: Certificate) -> str:
    """Returns Python code for one row of inputs. All are ones, which is class 1 for labels and a
    typical length for normal latents."""
    rows = []
    for name, entry in certificate["signatures"]["serving_default"]["inputs"].items():
        size = (1, *entry["shape"][1:])
        kind = "i" if entry["dtype"] == "int32" else "f"
        rows.append(f"'{name}': n.ones({size}, '{kind}')")
    return "{" + ", ".join(rows) + "}"


def _python(code: str) -> str:
    # Double quotes are easier to read, but the shell interprets these characters within them.
    plain = not set(code) & set('"$`\\!')
    return f'python -c "{code}"' if plain else shlex.join(["python", "-c", code])


_COMMANDS = {
    "tf_saved_model": _tf_serving,
    "onnx": _onnx_runtime,
    "openvino": _openvino,
    "web": _web,
}
