"""Exports OpenVINO models, for its runtime and its model server."""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from .certificate import Arrays, ExportError, Run, Signature, Tensor, metadata
from .quiet import quiet

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

FILE = "model.xml"
_HALF = {"f16": "float16", "bf16": "bfloat16"}


def write(gan: GAN, folder: Path) -> dict[str, Any]:
    """Writes `folder`/model.xml and its weights, model.bin.

    The inputs have the names and the order of `gan.latent_spec`; the output is `gan.output_name`.
    Their first dimension is free, their dtypes are float32 and int32. The runtime information has a
    section `ganzoo` with `name`, `ganzoo_version`, `value_range`, `shape` (JSON, without the batch)
    and `latents` (JSON, name of an input -> its distribution).

    Keras's ExportArchive traces the generator and OpenVINO's reader translates it. Keras's own
    `model.export(format="openvino")` can't be used: it exports a model, but `gan.serve` is a
    function, and its converter reports each call to the authors of OpenVINO.

    Args:
        gan: a built GAN.
        folder: an existing folder.

    Returns:
        The entries that the format adds to the certificate.

    Raises:
        ValueError: openvino is not installed, or the generator computes in half precision.
        ExportError: the generator uses an operation that OpenVINO lacks.
    """
    openvino = _openvino()
    specs = [tf.TensorSpec(s.shape, s.dtype, name) for name, s in gan.latent_spec.items()]

    def generate(*latents: tf.Tensor) -> dict[str, tf.Tensor]:
        return {gan.output_name: gan.serve(dict(zip(gan.latent_spec, latents, strict=True)))}

    archive = keras.export.ExportArchive()
    archive.add_endpoint("serving_default", generate, specs)
    # The reader maps the weights into memory, so this folder must exist until the model is written.
    with tempfile.TemporaryDirectory(prefix=".saved_model-", dir=folder) as traced:
        with quiet():
            archive.write_out(traced, verbose=False)
        try:
            model = openvino.Core().read_model(traced)
        except RuntimeError as error:
            lacking = re.search(r"operations: (.+)", str(error))
            reason = f"it has no {lacking[1]}" if lacking else str(error).strip().splitlines()[-1]
            raise ExportError(
                f"{gan.registry_name} can't be written as OpenVINO: {reason}"
            ) from error
        types = {o.element_type.get_type_name() for op in model.get_ops() for o in op.outputs()}
        if half := types & _HALF.keys():
            raise ValueError(
                f"{gan.registry_name} computes in {_HALF[half.pop()]}, which OpenVINO rounds "
                "differently from Keras: rebuild its generator under the float32 policy to "
                "export it"
            )
        inputs = {tensor.any_name: tensor.node for tensor in model.inputs}
        model = openvino.Model(
            model.get_results(), [inputs[name] for name in gan.latent_spec], gan.registry_name
        )
        for key, value in metadata(gan).items():
            model.set_rt_info(value, ["ganzoo", key])
        openvino.serialize(model, folder / FILE)  # save_model would round weights to float16
    return {"packages": ("openvino",)}


def _openvino() -> ModuleType:
    """Imports the package without its telemetry, which would write to the user's home and report to
    the authors of OpenVINO during the import."""
    # None makes Python treat the module as not installed, in which case openvino uses a stub.
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # typeshed
    before = {name: modules[name] for name in ["openvino_telemetry"] if name in modules}
    modules["openvino_telemetry"] = None
    try:
        import openvino
    except ModuleNotFoundError:
        raise ValueError(
            "openvino is not installed, and this format needs it: pip install openvino"
        ) from None
    finally:
        del modules["openvino_telemetry"]
        modules |= before
    return openvino


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[tuple[dict[str, Signature], Run]]:
    """Yields (signatures, run) for OpenVINO on the CPU. The only signature is "serving_default",
    which takes latents.

    It computes in float32. By default OpenVINO computes in bfloat16 on a CPU that supports it.
    """
    core = _openvino().Core()
    model = core.compile_model(folder / FILE, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(_: str, inputs: Arrays) -> np.ndarray:
        return model(inputs)[0]

    signature = {"inputs": _describe(model.inputs), "outputs": _describe(model.outputs)}
    yield {"serving_default": signature}, run


def _describe(tensors: Sequence[Any]) -> dict[str, Tensor]:
    return {
        tensor.any_name: {
            "dtype": tensor.element_type.to_dtype().name,
            "shape": [n.get_length() if n.is_static else None for n in tensor.partial_shape],
        }
        for tensor in tensors
    }
