"""TensorFlow SavedModel, as TF Serving loads it."""

import contextlib

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from ganzoo.foundation import keras_compat

from .certificate import ExportError, requests
from .quiet import quiet

MODELS = """\
# For tensorflow_model_server --model_config_file, which reads it again where
# --model_config_file_poll_wait_seconds says how often. Add a block for each further model.
model_config_list {
  config {
    name: "NAME"
    base_path: "/models/NAME"  # this folder, as the server sees it
    model_platform: "tensorflow"
  }
}
"""

BATCHING = """\
# For tensorflow_model_server --enable_batching --batching_parameters_file: the rows of requests
# that wait for the same signature are computed together. Measure with your own traffic.

# Rows that one request may have; a larger one is refused.
max_batch_size { value: 1024 }

# Rows that are computed at a time, so that memory stays bounded: a larger request is computed in
# parts. Generators on a CPU gain little from more than 64, a GPU may.
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 64 }

# A batch is not held back for company: it forms while the ones before it are computed. A lone
# client would wait this long in vain each time. On a GPU try 1000 to 5000.
batch_timeout_micros { value: 0 }

# What may wait before the server answers UNAVAILABLE: four of the largest requests. Latents are
# small, so this costs patience and hardly any memory.
max_enqueued_batches { value: 64 }

# num_batch_threads is left at the server's number of cores, and allowed_batch_sizes at any: it
# fills batches up with rows that are computed and thrown away.
"""


def beside(gan):
    """What TF Serving can be told about this model: texts by file name, for the folder of versions.

    They are starting points that users edit, so they belong there only where no such file is yet.
    """
    return {
        "models.config": MODELS.replace("NAME", gan.registry_name),
        "batching.config": BATCHING,
    }


def write(gan, folder):
    """Writes the SavedModel and its warm-up requests into `folder`; returns the format's facts.

    Signatures: `serving_default` (the latents by name -> `image` or `vector`), `sample` (`count`
    int32 scalar, `seed` int64 scalar -> the same), `png` (as `serving_default` -> `image_bytes`
    string [batch]) for images of 1, 3 or 4 channels, and `encode` (`image` or `vector` -> `latent`)
    where the model infers latents.
    """
    output = gan.output_name
    latents = [tf.TensorSpec(s.shape, s.dtype, name) for name, s in gan.latent_spec.items()]

    def generate(*tensors):
        return gan.serve(dict(zip(gan.latent_spec, tensors, strict=True)))

    endpoints = {
        "serving_default": (lambda *x: {output: generate(*x)}, latents),
        "sample": (
            lambda count, seed: {output: gan.serve(gan.draw_latents(count, seed))},
            [tf.TensorSpec([], tf.int32, "count"), tf.TensorSpec([], tf.int64, "seed")],
        ),
    }
    if not all(x.drawn for x in gan.inputs.values()):
        del endpoints["sample"]  # what the caller must give can't be drawn
    if gan.spec.is_image and gan.spec.shape[-1] in (1, 3, 4):
        endpoints["png"] = (lambda *x: {"image_bytes": _png(generate(*x))}, latents)
    if encode := getattr(gan, "encode_images", None):
        data = tf.TensorSpec([None, *gan.spec.shape], tf.float32, output)
        endpoints["encode"] = (lambda x: {"latent": encode(x)}, [data])
    # No `archive.track`: endpoints find their variables, and tracking stores them a second time.
    archive = keras.export.ExportArchive()
    for name, (function, inputs) in endpoints.items():
        archive.add_endpoint(name, function, inputs)
    with quiet():
        archive.write_out(folder, verbose=False)
    # A server that batches refuses inputs without a batch, and with them the whole version.
    _write_warm_up(gan, folder, [name for name in endpoints if name != "sample"])
    return {"packages": ()}


@contextlib.contextmanager
def opened(folder):
    """Yields (signatures, run) from the loader TF Serving uses.

    `tf.saved_model.load` also accepts exports whose variables TF Serving can't find.

    Raises:
        ExportError: loading or calling it would do more than compute.
    """
    _check_operations(folder / "saved_model.pb")
    graph = tf.Graph()
    on_cpu = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
    session = tf.compat.v1.Session(graph=graph, config=on_cpu)
    with contextlib.closing(session):
        with quiet(), graph.as_default():
            loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(folder)).signature_def
        definitions = {name: d for name, d in loaded.items() if not name.startswith("__")}

        def run(signature, inputs):
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


def _check_operations(file):
    """A SavedModel is a program: before anything in it runs, all that its signatures and its
    loading reach must be arithmetic, or concern its own variables."""
    (graph,) = saved_model_pb2.SavedModel.FromString(file.read_bytes()).meta_graphs
    nodes = {node.name: [node] for node in graph.graph_def.node}
    functions = {f.signature.name: f.node_def for f in graph.graph_def.library.function}
    outputs = [t.name for d in graph.signature_def.values() for t in d.outputs.values()]
    reached, todo = set(), [*outputs, graph.saver_def.restore_op_name]
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
                raise ExportError(f"{file} uses the operation {node.op}: it is no generator")
            called = [f.name for a in node.attr.values() for f in (a.func, *a.list.func)]
            todo += [node.op, *node.input, *called]


_STATEFUL = {  # of which exports consist
    "AssignVariableOp", "Assert", "DisableCopyOnRead", "PartitionedCall", "ReadVariableOp",
    "RestoreV2", "StatefulPartitionedCall", "VarHandleOp",
}  # fmt: skip
_READING = {  # files or what a debugger sees, which TensorFlow counts as stateless
    "DebugIdentity", "GenerateVocabRemapping", "ImmutableConst", "MatchingFiles",
    "PyFuncStateless", "ReadFile",
}  # fmt: skip


def _png(images):
    levels = tf.round((tf.clip_by_value(images, -1.0, 1.0) + 1.0) * 127.5)
    return tf.io.encode_png(tf.cast(levels, tf.uint8))


def _describe(tensors):
    return {
        name: {
            "dtype": tf.dtypes.as_dtype(tensor.dtype).name,
            "shape": tf.TensorShape(tensor.tensor_shape).as_list(),
        }
        for name, tensor in tensors.items()
    }


def _write_warm_up(gan, folder, signatures):
    """One request for each of `signatures`, replayed by TF Serving before it reports them ready.

    Each record is a tensorflow.serving.PredictionLog, spelt out in protobuf's wire format because
    its classes are in tensorflow-serving-api, which no export should need.
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


def _field(number, payload):
    """A length-delimited protobuf field."""
    size, length = [], len(payload)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + payload
