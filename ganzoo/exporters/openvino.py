"""OpenVINO, as its runtime and model server load it."""

import contextlib
import re
import sys
import tempfile

import keras
import tensorflow as tf

from .certificate import ExportError, metadata
from .quiet import quiet

FILE = "model.xml"
_HALF = {"f16": "float16", "bf16": "bfloat16"}


def write(gan, folder):
    """Writes `folder`/model.xml and its weights, model.bin; returns the format's facts.

    Inputs are named and ordered as `gan.latent_spec`, the output is `gan.output_name`; the first
    dimension of each is free; float32 and int32 only. The runtime information has a section
    `ganzoo` with `name`, `ganzoo_version`, `value_range`, `shape` (JSON, without batch) and
    `latents` (JSON, input -> distribution).

    Keras's ExportArchive traces and OpenVINO's reader translates. `model.export` with the format
    "openvino" traces alike, but wants a model where `gan.serve` is a function, and its converter
    reports each call to OpenVINO's makers.

    Raises:
        ValueError: openvino is not installed, or the generator computes in half precision.
        ExportError: the generator uses an operation that OpenVINO lacks.
    """
    openvino = _openvino()
    specs = [tf.TensorSpec(s.shape, s.dtype, name) for name, s in gan.latent_spec.items()]

    def generate(*latents):
        return {gan.output_name: gan.serve(dict(zip(gan.latent_spec, latents, strict=True)))}

    archive = keras.export.ExportArchive()
    archive.add_endpoint("serving_default", generate, specs)
    # The reader maps the weights into memory: they must be there until the model is written.
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
                f"{gan.registry_name} computes in {_HALF[half.pop()]}, which OpenVINO would "
                "round otherwise than Keras: rebuild its generator under the float32 policy to "
                "export it"
            )
        inputs = {tensor.any_name: tensor.node for tensor in model.inputs}
        model = openvino.Model(
            model.get_results(), [inputs[name] for name in gan.latent_spec], gan.registry_name
        )
        for key, value in metadata(gan).items():
            model.set_rt_info(value, ["ganzoo", key])
        openvino.serialize(model, folder / FILE)  # save_model would halve the weights' precision
    return {"packages": ("openvino",)}


def _openvino():
    """The package, imported without its telemetry, which would write to the user's home and call
    its makers as soon as it is imported."""
    telemetry = sys.modules.get("openvino_telemetry", ...)
    sys.modules["openvino_telemetry"] = None  # openvino has a stub for where it isn't installed
    try:
        import openvino
    except ModuleNotFoundError:
        raise ValueError(
            "openvino is not installed, and this format needs it: pip install openvino"
        ) from None
    finally:
        if telemetry is ...:
            del sys.modules["openvino_telemetry"]
        else:
            sys.modules["openvino_telemetry"] = telemetry
    return openvino


@contextlib.contextmanager
def opened(folder):
    """Yields (signatures, run) from OpenVINO on the CPU; the one signature takes latents.

    It computes in float32: left to itself it takes bfloat16 where the CPU has it.
    """
    core = _openvino().Core()
    model = core.compile_model(folder / FILE, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(_, inputs):
        return model(inputs)[0]

    signature = {"inputs": _describe(model.inputs), "outputs": _describe(model.outputs)}
    yield {"serving_default": signature}, run


def _describe(tensors):
    return {
        tensor.any_name: {
            "dtype": tensor.element_type.to_dtype().name,
            "shape": [n.get_length() if n.is_static else None for n in tensor.partial_shape],
        }
        for tensor in tensors
    }
