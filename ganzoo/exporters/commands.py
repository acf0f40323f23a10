"""The command that serves an export, to be pasted into a shell."""

import shlex


def command(folder, certificate):
    """How to serve the version in `folder`: a server for TF Serving and the web; one sample in
    Python for ONNX Runtime and OpenVINO, which are libraries."""
    return _COMMANDS[certificate["format"]](folder, certificate)


def _tf_serving(folder, certificate):
    name = certificate["model"]
    volume = shlex.quote(f"{folder.parent}:/models/{name}:ro")
    return (
        f"docker run --rm -p 8500:8500 -p 8501:8501 -e MODEL_NAME={name} -v {volume} "
        "tensorflow/serving"
    )


def _onnx_runtime(folder, certificate):
    return _python(
        "import numpy as n, onnxruntime as o; "
        f"print(o.InferenceSession({str(folder / 'model.onnx')!r})"
        f".run(None, {_inputs(certificate)})[0].shape)"
    )


def _openvino(folder, certificate):
    return _python(
        "import numpy as n, openvino as o; "
        f"print(o.Core().compile_model({str(folder / 'model.xml')!r}, 'CPU')"
        f"({_inputs(certificate)})[0].shape)"
    )


def _web(folder, certificate):
    return f"python -m http.server 8000 --directory {shlex.quote(str(folder))}"


def _inputs(certificate):
    """One row of inputs as Python: a typical length for normal latents, and the class 1."""
    rows = []
    for name, entry in certificate["signatures"]["serving_default"]["inputs"].items():
        size = (1, *entry["shape"][1:])
        kind = "i" if entry["dtype"] == "int32" else "f"
        rows.append(f"'{name}': n.ones({size}, '{kind}')")
    return "{" + ", ".join(rows) + "}"


def _python(code):
    plain = not set(code) & set('"$`\\!')  # then double quotes, which read better, are safe
    return f'python -c "{code}"' if plain else shlex.join(["python", "-c", code])


_COMMANDS = {
    "tf_saved_model": _tf_serving,
    "onnx": _onnx_runtime,
    "openvino": _openvino,
    "web": _web,
}
