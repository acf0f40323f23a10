"""ONNX, as ONNX Runtime and Triton load it."""

import contextlib

import numpy as np
import onnx
import tensorflow as tf
from tf2onnx.convert import from_function

from . import folding, quantization, runtime, subpixel
from .certificate import ExportError, metadata
from .quiet import quiet

FILE = "model.onnx"
OPSET = 18  # the newest that tf2onnx writes
TIMED = (1, 64)  # rows of the batches for which a float32 model is made fast
LARGEST = 2**20  # numbers in a batch of samples that is timed or calibrated on


def write(gan, folder, precision="float32", least_psnr=None):
    """Writes `folder`/model.onnx; returns the format's facts.

    Batch normalisation is folded into the weights; transposed convolutions become ordinary ones
    where they run faster so on this machine, and all of them for int8 (see `subpixel`).

    Inputs are named and ordered as `gan.latent_spec`, the output is `gan.output_name`; the first
    dimension of each is `batch`; float32 and int32 only. Metadata: `name`, `ganzoo_version`,
    `value_range`, `shape` (JSON, without batch) and `latents` (JSON, input -> distribution).

    Raises:
        ValueError: the generator computes in half precision.
        ExportError: the generator uses an operation that ONNX lacks.
    """
    model = converted(gan)
    folding.fold(model)
    largest = max(2, min(TIMED[-1], LARGEST // int(np.prod(gan.spec.shape))))
    if precision == "int8":
        batches = [_latents(gan, largest, seed) for seed in range(4)]
        model = quantization.int8(subpixel.rewritten(model), batches)
    elif precision == "float16":
        model = quantization.float16(model)
    else:
        model = subpixel.fastest(model, [_latents(gan, rows, 0) for rows in (TIMED[0], largest)])
    onnx.helper.set_model_props(model, metadata(gan))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / FILE)
    bound = {} if precision == "float32" else {"least_psnr": least_psnr}
    return {
        "precision": precision,
        **bound,
        "opset": OPSET,
        "ir_version": model.ir_version,
        "packages": ("tf2onnx", "onnx", "onnxruntime"),
    }


def converted(gan):
    """The generator as tf2onnx writes it, with stable names and a free batch.

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
    try:
        # tf2onnx passes on what it can't translate; only the checker says so.
        onnx.checker.check_model(model, full_check=True)
    except onnx.checker.ValidationError as error:
        reason = str(error).splitlines()[0]
        raise ExportError(f"{gan.registry_name} can't be written as ONNX: {reason}") from error
    return model


def _latents(gan, rows, seed):
    drawn = gan.draw_latents(tf.constant(rows, tf.int32), tf.constant(seed, tf.int64))
    return {name: tensor.numpy() for name, tensor in drawn.items()}


@contextlib.contextmanager
def opened(folder):
    """Yields (signatures, run) from ONNX Runtime on the CPU; the one signature takes latents."""
    session = runtime.session(folder / FILE)

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
