"""ONNX, as ONNX Runtime and Triton load it."""

import contextlib
import json

import onnx
import onnxruntime
import tensorflow as tf
from tf2onnx.convert import from_function

import ganzoo

from .certificate import ExportError, value_range
from .quiet import quiet

FILE = "model.onnx"
OPSET = 18  # the newest that tf2onnx writes


def write(gan, folder):
    """Writes `folder`/model.onnx; returns the format's facts.

    Inputs are named and ordered as `gan.latent_spec`, the output is `gan.output_name`; the first
    dimension of each is `batch`; float32 and int32 only. Metadata: `name`, `ganzoo_version`,
    `value_range`, `shape` (JSON, without batch) and `latents` (JSON, input -> distribution).

    Raises:
        ValueError: the generator computes in half precision.
        ExportError: the generator uses an operation that ONNX lacks.
    """
    names = list(gan.latent_spec)
    specs = [tf.TensorSpec(s.shape, s.dtype, name) for name, s in gan.latent_spec.items()]

    @tf.function(autograph=False)
    def generate(*latents):
        return {gan.output_name: gan.serve(dict(zip(names, latents, strict=True)))}

    graph = generate.get_concrete_function(*specs).graph
    dtypes = {tensor.dtype for operation in graph.get_operations() for tensor in operation.outputs}
    if half := dtypes & {tf.float16, tf.bfloat16}:
        raise ValueError(
            f"{gan.registry_name} computes in {half.pop().name}, which ONNX Runtime refuses on a "
            f"CPU: rebuild its generator under the float32 policy to export it"
        )
    with quiet():
        model, _ = from_function(generate, input_signature=specs, opset=OPSET)
    inputs = {value.name: value for value in model.graph.input}
    del model.graph.input[:]
    model.graph.input.extend(inputs[name] for name in names)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.helper.set_model_props(
        model,
        {
            "name": gan.registry_name,
            "ganzoo_version": ganzoo.__version__,
            "value_range": value_range(gan),
            "shape": json.dumps(list(gan.spec.shape)),
            "latents": json.dumps(dict(gan.latent_ranges)),
        },
    )
    try:
        # tf2onnx passes on what it can't translate; only the checker says so.
        onnx.checker.check_model(model, full_check=True)
    except onnx.checker.ValidationError as error:
        reason = str(error).splitlines()[0]
        raise ExportError(f"{gan.registry_name} can't be written as ONNX: {reason}") from error
    onnx.save(model, folder / FILE)
    return {
        "opset": OPSET,
        "ir_version": model.ir_version,
        "packages": ("tf2onnx", "onnx", "onnxruntime"),
    }


@contextlib.contextmanager
def opened(folder):
    """Yields (signatures, run) from ONNX Runtime on the CPU; the one signature takes latents."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        folder / FILE, options, providers=["CPUExecutionProvider"]
    )

    def run(_, inputs):
        return session.run(None, inputs)[0]

    signature = {
        "inputs": _describe(session.get_inputs()),
        "outputs": _describe(session.get_outputs()),
    }
    yield {"serving_default": signature}, run


def _describe(arguments):
    dtypes = {"tensor(float)": "float32", "tensor(int32)": "int32"}
    return {
        argument.name: {
            "dtype": dtypes.get(argument.type, argument.type),
            "shape": [None if isinstance(size, str) else size for size in argument.shape],
        }
        for argument in arguments
    }
