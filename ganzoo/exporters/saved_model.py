"""Exports TensorFlow SavedModels, for TF Serving."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from ganzoo.foundation import keras_compat

from .certificate import Arrays, ExportError, Run, Signature, Tensor, requests
from .quiet import quiet

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

MODELS = """\
# For tensorflow_model_server --model_config_file. With --model_config_file_poll_wait_seconds=60 the
# server reads it again every 60 seconds. Add a block for each further model.
model_config_list {
  config {
    name: "NAME"
    base_path: "/models/NAME"  # this folder, as the server sees it
    model_platform: "tensorflow"
  }
}
"""

BATCHING = """\
# For tensorflow_model_server --enable_batching --batching_parameters_file: rows of requests that
# wait for the same signature are computed together. Measure with your own traffic.

# The largest number of rows of one request. The server refuses larger ones.
max_batch_size { value: 1024 }

# The largest number of rows that are computed together, which bounds the memory. A larger request
# is computed in parts. On a CPU generators gain little from more than 64; on a GPU they may.
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 64 }

# How long a batch waits for more requests. With 0 it collects the requests that arrive while the
# batches before it are computed, and a single client never waits. On a GPU try 1000 to 5000.
batch_timeout_micros { value: 0 }

# How many batches may wait; if there are more, the server answers UNAVAILABLE. 64 batches are four
# of the largest requests. Latents are small, so they take little memory.
max_enqueued_batches { value: 64 }

# num_batch_threads is not set, so it is the server's number of cores. allowed_batch_sizes is not
# set either: the server would fill up batches with rows that it computes and throws away.
"""


def beside(gan: GAN) -> dict[str, str]:
    """Returns configuration files of TF Serving for the folder of versions, as text by file name.

    Users edit these files, so existing ones must not be replaced.
    """
    return {
        "models.config": MODELS.replace("NAME", gan.registry_name),
        "batching.config": BATCHING,
    }


def write(gan: GAN, folder: Path) -> dict[str, Any]:
    """Writes the SavedModel and its warm-up requests into `folder`.

    The signatures are:

    - `serving_default`: the latents by name -> `image`, `vector` or `series`.
    - `sample`: `count`, an int32 scalar, and `seed`, an int64 scalar -> the same.
    - `png`, for images of 1, 3 or 4 channels: the latents by name -> `image_bytes`, string [batch].
    - `encode`, for GANs that infer latents: samples by their name -> `latent`.

    Args:
        gan: a built GAN.
        folder: an existing folder.

    Returns:
        The entries that the format adds to the certificate.
    """
    output = gan.output_name
    latents = [tf.TensorSpec(s.shape, s.dtype, name) for name, s in gan.latent_spec.items()]

    def generate(*tensors: tf.Tensor) -> tf.Tensor:
        return gan.serve(dict(zip(gan.latent_spec, tensors, strict=True)))

    endpoints: dict[str, tuple[Callable[..., dict[str, tf.Tensor]], list[tf.TensorSpec]]] = {
        "serving_default": (lambda *x: {output: generate(*x)}, latents),
        "sample": (
            lambda count, seed: {output: gan.serve(gan.draw_latents(count, seed))},
            [tf.TensorSpec([], tf.int32, "count"), tf.TensorSpec([], tf.int64, "seed")],
        ),
    }
    if gan.given_inputs:
        del endpoints["sample"]  # an input that the caller must give can't be drawn
    if gan.spec.is_image and gan.spec.shape[-1] in (1, 3, 4):
        endpoints["png"] = (lambda *x: {"image_bytes": _png(generate(*x))}, latents)
    if encode := getattr(gan, "encode_images", None):
        data = tf.TensorSpec([None, *gan.spec.shape], tf.float32, output)
        inferred = next(iter(gan.latent_spec))
        endpoints["encode"] = (lambda x: {inferred: encode(x)}, [data])
    # `archive.track` is not called, because it would store the variables a second time.
    archive = keras.export.ExportArchive()
    for name, (function, inputs) in endpoints.items():
        archive.add_endpoint(name, function, inputs)
    with quiet():
        archive.write_out(folder, verbose=False)
    # `sample` takes scalars, and a server with batching enabled would refuse the whole version.
    _write_warm_up(gan, folder, [name for name in endpoints if name != "sample"])
    return {"packages": ()}


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[tuple[dict[str, Signature], Run]]:
    """Yields (signatures, run) for the loader that TF Serving uses.

    `tf.saved_model.load` is not used, because it also accepts exports whose variables TF Serving
    can't find.

    Raises:
        ExportError: the model has an operation that does more than compute.
    """
    _check_operations(folder / "saved_model.pb")
    graph = tf.Graph()
    on_cpu = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
    session = tf.compat.v1.Session(graph=graph, config=on_cpu)
    with contextlib.closing(session):
        with quiet(), graph.as_default():
            loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(folder)).signature_def
        definitions = {name: d for name, d in loaded.items() if not name.startswith("__")}

        def run(signature: str, inputs: Arrays) -> np.ndarray:
            definition = definitions[signature]
            (result,) = definition.outputs.values()
            feeds = {definition.inputs[name].name: value for name, value in inputs.items()}
            return session.run(result.name, feeds)

        yield (
            {
                name: {"inputs": _describe(d.inputs), "outputs": _describe(d.outputs)}
                for name, d in definitions.items()
            },
            run,
        )


def _check_operations(file: Path) -> None:
    """Checks that loading and calling a SavedModel only computes and reads its own variables.

    A SavedModel is a program that could also read and write other files, so this check comes before
    any part of it is run.
    """
    (graph,) = saved_model_pb2.SavedModel.FromString(file.read_bytes()).meta_graphs
    nodes = {node.name: [node] for node in graph.graph_def.node}
    functions = {f.signature.name: f.node_def for f in graph.graph_def.library.function}
    outputs = [t.name for d in graph.signature_def.values() for t in d.outputs.values()]
    reached: set[str] = set()
    todo = [*outputs, graph.saver_def.restore_op_name]
    while todo:
        name = todo.pop().lstrip("^").split(":")[0]
        if name in reached or name not in nodes | functions:
            continue
        reached.add(name)
        for node in (*functions.get(name, ()), *nodes.get(name, ())):
            stateful = keras_compat.is_stateful(node.op)
            if node.op not in functions and (
                stateful is None or node.op in _READING or (stateful and node.op not in _STATEFUL)
            ):
                raise ExportError(
                    f"{file} uses the operation {node.op}, which no generator needs: it was not run"
                )
            called = [f.name for a in node.attr.values() for f in (a.func, *a.list.func)]
            todo += [node.op, *node.input, *called]


_STATEFUL = {  # the stateful operations that exports have
    "AssignVariableOp", "Assert", "DisableCopyOnRead", "PartitionedCall", "ReadVariableOp",
    "RestoreV2", "StatefulPartitionedCall", "VarHandleOp",
}  # fmt: skip
_READING = {  # operations on files and debuggers that TensorFlow counts as stateless
    "DebugIdentity", "GenerateVocabRemapping", "ImmutableConst", "MatchingFiles",
    "PyFuncStateless", "ReadFile",
}  # fmt: skip


def _png(images: tf.Tensor) -> tf.Tensor:
    levels = tf.round((tf.clip_by_value(images, -1.0, 1.0) + 1.0) * 127.5)
    return tf.io.encode_png(tf.cast(levels, tf.uint8))


def _describe(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    return {
        name: {
            "dtype": tf.dtypes.as_dtype(tensor.dtype).name,
            "shape": tf.TensorShape(tensor.tensor_shape).as_list(),
        }
        for name, tensor in tensors.items()
    }


def _write_warm_up(gan: GAN, folder: Path, signatures: Iterable[str]) -> None:
    """Writes one request for each signature. TF Serving runs them before the version is available.

    Each record is a tensorflow.serving.PredictionLog. It is written in protobuf's wire format,
    because its class is in the package tensorflow-serving-api, which is not needed otherwise.
    """
    file = folder / "assets.extra" / "tf_serving_warmup_requests"
    file.parent.mkdir()
    answers = requests(gan, 1)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for signature in signatures:
            inputs, _ = answers[signature]
            spec = _field(1, gan.registry_name.encode()) + _field(3, signature.encode())
            request = _field(1, spec)
            for name, value in inputs.items():
                tensor = tf.make_tensor_proto(value).SerializeToString()
                request += _field(2, _field(1, name.encode()) + _field(2, tensor))
            writer.write(_field(6, _field(1, request)))  # PredictionLog.predict_log.request


def _field(number: int, payload: bytes) -> bytes:
    """Returns a length-delimited protobuf field."""
    size, length = [], len(payload)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + payload
