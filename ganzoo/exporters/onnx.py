"""Exports ONNX models, for ONNX Runtime and Triton."""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import google.protobuf.message
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from tf2onnx.convert import from_function

from . import folding, quantization, runtime, subpixel
from .certificate import FILE as CERTIFICATE
from .certificate import RECORD, Arrays, ExportError, Run, Signature, Tensor, metadata
from .quiet import quiet

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

FILE = "model.onnx"
OPSET = 18  # the newest that tf2onnx writes
TIMED = (1, 64)  # batch sizes for which a float32 model is timed
LARGEST = 2**20  # values in a batch of samples for timing or calibration
# In a single file the metadata has these two files in place of a folder, in Base64.
EMBEDDED = {"ganzoo_certificate": CERTIFICATE, "ganzoo_parity": RECORD}


def write(
    gan: GAN, folder: Path, precision: str = "float32", least_psnr: float | None = None
) -> dict[str, Any]:
    """Writes `folder`/model.onnx and returns the entries that the format adds to the certificate.

    Batch normalisation is folded into the weights. A transposed convolution becomes an ordinary one
    if that runs faster on this machine, and always for int8 (see `subpixel`).

    The inputs have the names and the order of `gan.latent_spec`; the output is `gan.output_name`.
    Their first dimension is `batch`, their dtypes are float32 and int32. The metadata is `name`,
    `ganzoo_version`, `value_range`, `shape` (JSON, without the batch) and `latents` (JSON, name of
    an input -> its distribution).

    Args:
        gan: a built GAN.
        folder: an existing folder.
        precision: "float32", "float16" or "int8".
        least_psnr: the bound in dB for a reduced precision, which `certificate.certify` checks.

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


def embed(folder: Path, file: Path) -> None:
    """Writes `folder`/model.onnx to `file`, with the certificate and the record in its metadata.

    Both are appended to the model's bytes as one more protobuf message. Protobuf merges messages
    that follow each other, and `extract` can restore the model whose hash is certified.
    """
    added = {
        key: base64.b64encode((folder / name).read_bytes()).decode()
        for key, name in EMBEDDED.items()
    }
    file.write_bytes((folder / FILE).read_bytes() + _only_metadata(added))


def extract(file: Path, folder: Path) -> None:
    """Writes the model, the certificate and the record of a single file into `folder`.

    Raises:
        ValueError: the file has no certificate.
        ExportError: the file is not an ONNX model, or was altered.
    """
    content = file.read_bytes()
    try:
        entries = onnx.ModelProto.FromString(content).metadata_props
        found = {entry.key: entry.value for entry in entries if entry.key in EMBEDDED}
        added = _only_metadata(found)
    except (google.protobuf.message.DecodeError, UnicodeDecodeError) as error:
        raise ExportError(f"{file} is not an ONNX model, or is damaged") from error
    if not found:
        raise ValueError(f"{file} has no certificate: verify a model that ganzoo has exported")
    if found.keys() != EMBEDDED.keys() or not content.endswith(added):
        raise ExportError(f"{file} was altered: its metadata is not as it was exported")
    (folder / FILE).write_bytes(content.removesuffix(added))
    for key, name in EMBEDDED.items():
        try:
            (folder / name).write_bytes(base64.b64decode(found[key], validate=True))
        except (binascii.Error, ValueError) as error:
            raise ExportError(f"{file} was altered: its {key} is damaged") from error


def _only_metadata(entries: Mapping[str, str]) -> bytes:
    model = onnx.ModelProto()
    onnx.helper.set_model_props(model, {key: entries[key] for key in EMBEDDED if key in entries})
    return model.SerializeToString()


def converted(gan: GAN) -> onnx.ModelProto:
    """Converts the generator with tf2onnx; names are stable and the batch is free.

    Raises:
        ValueError: the generator computes in half precision.
        ExportError: the generator uses an operation that ONNX lacks.
    """
    names = list(gan.latent_spec)
    specs = [tf.TensorSpec(s.shape, s.dtype, name) for name, s in gan.latent_spec.items()]

    @tf.function(autograph=False)
    def generate(*latents: tf.Tensor) -> dict[str, tf.Tensor]:
        return {gan.output_name: gan.serve(dict(zip(names, latents, strict=True)))}

    graph = generate.get_concrete_function(*specs).graph
    dtypes = {tensor.dtype for operation in graph.get_operations() for tensor in operation.outputs}
    if half := dtypes & {tf.float16, tf.bfloat16}:
        raise ValueError(
            f"{gan.registry_name} computes in {half.pop().name}, which ONNX Runtime can't compute "
            "on a CPU: rebuild its generator under the float32 policy to export it"
        )
    with quiet():
        model, _ = from_function(generate, input_signature=specs, opset=OPSET)
    inputs = {value.name: value for value in model.graph.input}
    del model.graph.input[:]
    model.graph.input.extend(inputs[name] for name in names)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    try:
        # tf2onnx copies operations that it can't translate, and only the checker reports them.
        onnx.checker.check_model(model, full_check=True)
    except onnx.checker.ValidationError as error:
        reason = str(error).splitlines()[0]
        raise ExportError(f"{gan.registry_name} can't be written as ONNX: {reason}") from error
    return model


def _latents(gan: GAN, rows: int, seed: int) -> dict[str, np.ndarray]:
    drawn = gan.draw_latents(tf.constant(rows, tf.int32), tf.constant(seed, tf.int64))
    return {name: tensor.numpy() for name, tensor in drawn.items()}


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[tuple[dict[str, Signature], Run]]:
    """Yields (signatures, run) for ONNX Runtime on the CPU. The only signature is
    "serving_default", which takes latents."""
    session = runtime.session(folder / FILE)

    def run(_: str, inputs: Arrays) -> np.ndarray:
        return session.run(None, inputs)[0]

    signature = {
        "inputs": _describe(session.get_inputs()),
        "outputs": _describe(session.get_outputs()),
    }
    yield {"serving_default": signature}, run


def _describe(arguments: Sequence[onnxruntime.NodeArg]) -> dict[str, Tensor]:
    dtypes = {"tensor(float)": "float32", "tensor(int32)": "int32"}
    return {
        argument.name: {
            "dtype": dtypes.get(argument.type, argument.type),
            "shape": [None if isinstance(size, str) else size for size in argument.shape],
        }
        for argument in arguments
    }
