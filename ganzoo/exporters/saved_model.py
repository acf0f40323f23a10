"""TensorFlow SavedModel, as TF Serving loads it."""

import contextlib

import keras
import tensorflow as tf

from .certificate import requests
from .quiet import quiet


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
    _write_warm_up(gan, folder, endpoints)
    return {"packages": ()}


@contextlib.contextmanager
def opened(folder):
    """Yields (signatures, run) from the loader TF Serving uses.

    `tf.saved_model.load` also accepts exports whose variables TF Serving can't find.
    """
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
    """One request per signature, which TF Serving replays before it reports the model ready.

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
