"""Exports equal Keras, carry the promised names, and appear whole or not at all."""

import base64
import hashlib
import http.server
import importlib.util
import json
import logging
import os
import subprocess
import sys
import threading
import types
from concurrent import futures
from pathlib import Path

import grpc
import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc
from tensorflow_serving.config import model_server_config_pb2

from ganzoo import exporters
from ganzoo.exporters import certificate, saved_model
from ganzoo.exporters import onnx as onnx_exporter

PAGES = Path(__file__).parents[1] / "export"
FORMATS = ["tf_saved_model", "onnx"]  # the others have files of their own


class FakeGAN:
    """The little of a GAN that the exporters may ask for."""

    registry_name = "fake"
    built = True

    def __init__(self, shape=(8, 12, 1), labels=False, encoder=False, policy="float32"):
        self.spec = types.SimpleNamespace(shape=shape, is_image=len(shape) == 3)
        self.output_name = "image" if self.spec.is_image else "vector"
        self.latent_spec = {"latent": tf.TensorSpec([None, 5], tf.float32)}
        self.latent_ranges = {"latent": "standard normal"}
        self.inputs = {}
        if labels:
            self.latent_spec["label"] = tf.TensorSpec([None], tf.int32)
            self.latent_ranges["label"] = "0..9"
        keras.utils.set_random_seed(0)
        with_policy = {"dtype": policy}
        latent, label = keras.Input([5], name="latent"), keras.Input([], dtype="int32")
        hidden = latent
        if labels:
            embedded = keras.layers.Embedding(10, 3, **with_policy)(label)
            hidden = keras.layers.Concatenate()([latent, embedded])
        hidden = keras.layers.Dense(24 * 8, use_bias=False, **with_policy)(hidden)
        statistics = {"moving_mean_initializer": "random_normal"}  # inference is unlike training
        hidden = keras.layers.BatchNormalization(**statistics, **with_policy)(hidden)
        hidden = keras.layers.LeakyReLU(**with_policy)(hidden)
        if self.spec.is_image:
            height, width, channels = shape
            hidden = keras.layers.Reshape([height // 2, width // 2, -1])(hidden)
            hidden = keras.layers.Conv2DTranspose(
                channels, 4, 2, "same", activation="tanh", **with_policy
            )(hidden)
        else:
            hidden = keras.layers.Dense(*shape, bias_initializer="ones", **with_policy)(hidden)
        self.generator = keras.Model([latent, label] if labels else [latent], hidden)
        self.encode_images = None
        if encoder:
            self.encoder = keras.Sequential(
                [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(5)]
            )
            self.encode_images = lambda x: self.encoder(x, training=False)

    def serve(self, latents):
        return tf.cast(self.generator(list(latents.values()), training=False), tf.float32)

    def draw_latents(self, count, seed):
        latents = {"latent": tf.random.stateless_normal([count, 5], tf.stack([seed, 0]))}
        if "label" in self.latent_spec:
            latents["label"] = tf.random.stateless_uniform(
                [count], tf.stack([seed, 1]), 0, 10, tf.int32
            )
        return latents


KINDS = {
    "image": {"encoder": True},
    "rgb with labels": {"shape": (8, 6, 3), "labels": True},
    "vector": {"shape": (2,), "encoder": True},
    "vector with labels": {"shape": (3,), "labels": True},
    "two channels": {"shape": (4, 6, 2)},
}


@pytest.fixture(scope="module", params=KINDS)
def exported(request, tmp_path_factory):
    gan = FakeGAN(**KINDS[request.param])
    folder = tmp_path_factory.mktemp("exports")
    return gan, {name: exporters.export(gan, folder / name, name) for name in FORMATS}


@pytest.fixture(scope="module")
def plain():
    return FakeGAN()


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A conditional RGB GAN in both formats, for the pages."""
    gan = FakeGAN((8, 6, 3), labels=True)
    folder = tmp_path_factory.mktemp("serving")
    return gan, {name: exporters.export(gan, folder / name, name) for name in FORMATS}


def latents_of(gan, rows, seed=3):
    return gan.draw_latents(tf.constant(rows), tf.constant(seed, tf.int64))


def versions(path):
    """What is in a model's folder beside the texts for TF Serving."""
    return sorted(name for name in os.listdir(path) if not name.endswith(".config"))


def arrays(tensors):
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def page(path):
    """A page's script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What is written


@pytest.mark.parametrize("rows", [1, 5])
def test_every_signature_equals_keras_in_tf_servings_loader(exported, rows):
    gan, folders = exported
    latents = latents_of(gan, rows)
    expected = gan.serve(latents).numpy()
    with saved_model.opened(folders["tf_saved_model"]) as (signatures, run):
        assert signatures["serving_default"]["inputs"] == {
            name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
            for name, spec in gan.latent_spec.items()
        }
        assert signatures["serving_default"]["outputs"] == {
            gan.output_name: {"dtype": "float32", "shape": [None, *gan.spec.shape]}
        }
        np.testing.assert_allclose(
            run("serving_default", arrays(latents)), expected, rtol=1e-5, atol=1e-5
        )
        drawn = run("sample", {"count": np.int32(rows), "seed": np.int64(3)})
        np.testing.assert_allclose(drawn, expected, rtol=1e-5, atol=1e-5)
        again = run("sample", {"count": np.int32(rows), "seed": np.int64(3)})
        np.testing.assert_array_equal(drawn, again)
        assert ("png" in signatures) == (gan.spec.is_image and gan.spec.shape[-1] != 2)
        if "png" in signatures:
            assert signatures["png"]["outputs"] == {
                "image_bytes": {"dtype": "string", "shape": [None]}
            }
            pictures = run("png", arrays(latents))
            pixels = np.stack([tf.io.decode_png(picture) for picture in pictures])
            assert pixels.shape == expected.shape
            assert np.abs(pixels - (expected + 1) * 127.5).max() < 0.51
        assert ("encode" in signatures) == bool(gan.encode_images)
        if "encode" in signatures:
            inferred = run("encode", {gan.output_name: expected})
            assert signatures["encode"]["outputs"]["latent"]["shape"] == [None, 5]
            np.testing.assert_allclose(inferred, gan.encode_images(expected), rtol=1e-5, atol=1e-5)


def test_python_loads_the_saved_model_too(exported):
    gan, folders = exported
    loaded = tf.saved_model.load(folders["tf_saved_model"])
    latents = latents_of(gan, 3)
    result = loaded.signatures["serving_default"](**latents)[gan.output_name]
    np.testing.assert_allclose(result, gan.serve(latents), rtol=1e-5, atol=1e-5)


def test_onnx_equals_keras_for_any_batch_and_passes_the_checker(exported):
    gan, folders = exported
    file = folders["onnx"] / "model.onnx"
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    assert {o.version for o in model.opset_import if not o.domain} == {18}
    floats = {tensor.data_type for tensor in model.graph.initializer} & {
        onnx.TensorProto.FLOAT16,
        onnx.TensorProto.BFLOAT16,
        onnx.TensorProto.DOUBLE,
    }
    assert not floats
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == list(gan.latent_spec)
    assert [(o.name, o.shape) for o in session.get_outputs()] == [
        (gan.output_name, ["batch", *gan.spec.shape])
    ]
    for rows in (1, 2, 7):
        latents = latents_of(gan, rows)
        (result,) = session.run(None, arrays(latents))
        np.testing.assert_allclose(result, gan.serve(latents), rtol=1e-5, atol=1e-5)
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["name"] == "fake"
    assert metadata["value_range"] == certificate.value_range(gan)
    assert json.loads(metadata["shape"]) == list(gan.spec.shape)
    assert json.loads(metadata["latents"]) == gan.latent_ranges
    assert metadata["ganzoo_version"]


@pytest.mark.parametrize("format", FORMATS)
def test_the_certificate_is_true(exported, format):
    gan, folders = exported
    folder = folders[format]
    written = json.loads((folder / "certificate.json").read_text())
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(written["files"]) == present - {"certificate.json"}
    for name, entry in written["files"].items():
        content = (folder / name).read_bytes()
        assert entry == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert written["bytes"] == sum(entry["bytes"] for entry in written["files"].values())
    assert written["format"] == format and written["model"] == "fake"
    assert written["latents"] == gan.latent_ranges
    assert 0 <= written["largest_difference"] <= written["tolerance"]
    for entry in written["signatures"].values():
        assert entry["largest_difference"] <= entry["tolerance"]
    assert written["packages"]["tensorflow"] == tf.__version__
    assert ("opset" in written) == ("onnxruntime" in written["packages"]) == (format == "onnx")


def test_weights_are_stored_once(tmp_path):
    gan = FakeGAN()
    layers = [keras.layers.Dense(1000), keras.layers.Dense(96), keras.layers.Reshape([8, 12, 1])]
    gan.generator = keras.Sequential([keras.Input([5]), *layers])
    gan.serve = lambda latents: gan.generator(latents["latent"], training=False)
    weights = 4 * gan.generator.count_params()
    written = exporters.export(gan, tmp_path / "tf")
    stored = sum(file.stat().st_size for file in (written / "variables").iterdir())
    assert weights <= stored < 1.05 * weights
    assert (written / "saved_model.pb").stat().st_size < 200_000
    file = exporters.export(gan, tmp_path / "onnx", "onnx") / "model.onnx"
    assert 0.95 * weights < file.stat().st_size < 1.05 * weights  # biases of zero are dropped


def test_warm_up_requests_are_what_tf_serving_parses(exported):
    _, folders = exported
    file = folders["tf_saved_model"] / "assets.extra" / "tf_serving_warmup_requests"
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(file))]
    with saved_model.opened(folders["tf_saved_model"]) as (signatures, run):
        del signatures["sample"]  # whose scalars a server that batches refuses
        assert len(records) == len(signatures)
        for record in records:
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            assert request.model_spec.name == "fake"
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            run(request.model_spec.signature_name, inputs)
            signatures.pop(request.model_spec.signature_name)
    assert not signatures


def test_a_gan_trained_on_replicas_exports(tmp_path):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        gan = FakeGAN()
        with pytest.raises(ValueError, match="after the with block"):
            exporters.export(gan, tmp_path)
    for name in FORMATS:
        exporters.export(gan, tmp_path / name, name)


# Where it is written


@pytest.mark.parametrize("format", FORMATS)
def test_versions_count_up_and_stay(plain, tmp_path, format):
    path = tmp_path / "deep" / "fake"
    first = exporters.export(plain, path, format)
    before = (first / "certificate.json").read_bytes()
    assert first == path / "1"
    assert exporters.export(plain, str(path), format, version=7).name == "7"
    assert exporters.export(plain, path, format).name == "8"
    with pytest.raises(ValueError, match="never overwritten: use 9, which is free"):
        exporters.export(plain, path, format, version=1)
    assert (first / "certificate.json").read_bytes() == before
    beside = ["batching.config", "models.config"] if format == "tf_saved_model" else []
    assert sorted(os.listdir(path)) == ["1", "7", "8", *beside]
    other = FORMATS[1 - FORMATS.index(format)]
    with pytest.raises(ValueError, match="name another folder"):
        exporters.export(plain, path, other)


def test_a_server_of_another_user_may_read_it(plain, tmp_path):
    (tmp_path / "reference").mkdir()
    folder = exporters.export(plain, tmp_path / "fake", "onnx")
    assert folder.stat().st_mode == (tmp_path / "reference").stat().st_mode


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": "onix"}, "'onnx'.*'tf_saved_model', 'onnx', 'openvino', 'web'"),
        ({"format": None}, "unknown export format"),
        ({"path": "x.onnx"}, "names an ONNX file"),
        ({"path": "gs://bucket/x"}, "not a local folder"),
        ({"version": 0}, "from 1"),
        ({"version": "2"}, "from 1"),
        ({"version": True}, "from 1"),
    ],
)
def test_impossible_wishes_get_the_mend(plain, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        exporters.export(plain, **{"path": "fake"} | arguments)
    assert not os.listdir(tmp_path)


def test_files_and_unbuilt_gans_are_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    gan = FakeGAN()
    with pytest.raises(ValueError, match="is a file"):
        exporters.export(gan, tmp_path / "file")
    with pytest.raises(OSError, match="could not be written: Not a directory"):
        exporters.export(gan, tmp_path / "file" / "below")
    monkeypatch.setattr(gan, "built", False)
    with pytest.raises(ValueError, match="fake has not seen data yet: fit it first"):
        exporters.export(gan, tmp_path / "new")
    assert os.listdir(tmp_path) == ["file"]


# What goes wrong


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_that_drifts_is_deleted(tmp_path, monkeypatch, format):
    gan = FakeGAN()
    exporters.export(gan, tmp_path / "fake", format)
    module = {"tf_saved_model": saved_model, "onnx": onnx_exporter}[format]
    write = module.write

    def write_and_train_on(gan, folder):
        facts = write(gan, folder)
        kernel = gan.generator.trainable_variables[-2]
        kernel.assign(kernel * 1.01)
        return facts

    monkeypatch.setattr(module, "write", write_and_train_on)
    with pytest.raises(
        exporters.ExportError, match=r"differs from Keras by 0\.\d+, and at most 0\.00"
    ):
        exporters.export(gan, tmp_path / "fake", format)
    assert versions(tmp_path / "fake") == ["1"]
    with pytest.raises(RuntimeError):
        exporters.export(gan, tmp_path / "a" / "new", format)
    assert os.listdir(tmp_path) == ["fake"]


@pytest.mark.parametrize("signature", ["sample", "png", "encode"])
def test_drift_is_found_in_every_signature(tmp_path, monkeypatch, signature):
    gan = FakeGAN(encoder=True)
    requests = certificate._requests

    def moved(record, name, output):
        shift = np.float32(0.02 * (name == signature))
        return [(inputs, answer + shift) for inputs, answer in requests(record, name, output)]

    monkeypatch.setattr(certificate, "_requests", moved)
    with pytest.raises(exporters.ExportError, match=f"'{signature}' differs"):
        exporters.export(gan, tmp_path / "fake")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("format", FORMATS)
def test_a_diverged_generator_is_refused(tmp_path, format):
    gan = FakeGAN()
    gan.generator.trainable_variables[-1].assign([np.nan])
    with pytest.raises(exporters.ExportError, match="not finite"):
        exporters.export(gan, tmp_path / "fake", format)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("format", FORMATS)
def test_a_collapsed_generator_exports(tmp_path, format):
    gan = FakeGAN((2,))
    gan.generator.trainable_variables[-2].assign(np.zeros([192, 2]))
    version = exporters.export(gan, tmp_path / "fake", format)
    assert (version / "certificate.json").is_file()


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("moment", ["write", "opened"])
def test_an_interrupted_export_leaves_no_trace(plain, tmp_path, monkeypatch, format, moment):
    first = exporters.export(plain, tmp_path / "fake", format)
    before = {p: p.read_bytes() for p in first.rglob("*") if p.is_file()}
    module = {"tf_saved_model": saved_model, "onnx": onnx_exporter}[format]
    real = getattr(module, moment)

    def interrupted(*arguments):
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, moment, interrupted)
    with pytest.raises(KeyboardInterrupt):
        exporters.export(plain, tmp_path / "fake", format)
    assert versions(tmp_path / "fake") == ["1"]
    assert before == {p: p.read_bytes() for p in first.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "/x/variables; No space left on device"),
    ],
)
def test_a_full_disk_gets_one_sentence(plain, tmp_path, monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr(saved_model, "write", full)
    with pytest.raises(OSError, match=r"could not be written: No space left on device$"):
        exporters.export(plain, tmp_path / "fake")
    assert not os.listdir(tmp_path)


def test_exhausted_memory_is_not_blamed_on_the_disk(plain, tmp_path, monkeypatch):
    def exhausted(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(plain, "serve", exhausted)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        exporters.export(plain, tmp_path / "fake")


def test_onnx_refuses_half_precision_and_randomness(tmp_path, monkeypatch):
    gan = FakeGAN(policy="mixed_bfloat16")
    exporters.export(gan, tmp_path / "tf")
    with pytest.raises(ValueError, match="computes in bfloat16"):
        exporters.export(gan, tmp_path / "onnx", "onnx")
    gan = FakeGAN()
    serve = gan.serve
    monkeypatch.setattr(gan, "serve", lambda z: serve(z) + tf.random.normal(tf.shape(serve(z))))
    with pytest.raises(exporters.ExportError, match="differs from Keras"):
        exporters.export(gan, tmp_path / "onnx", "onnx")
    monkeypatch.setattr(
        gan, "serve", lambda z: serve(z) + tf.random.stateless_normal(tf.shape(serve(z)), [1, 2])
    )
    with pytest.raises(exporters.ExportError, match="StatelessRandomNormal"):
        exporters.export(gan, tmp_path / "onnx", "onnx")
    assert os.listdir(tmp_path) == ["tf"]


@pytest.mark.parametrize("format", FORMATS)
def test_exports_are_silent_and_leave_logging_alone(plain, tmp_path, capfd, format):
    loggers = [logging.getLogger(name) for name in ("", "tensorflow", "absl", "tf2onnx")]
    levels = [logger.level for logger in loggers]
    environment = dict(os.environ)
    exporters.export(plain, tmp_path / "fake", format)
    assert [logger.level for logger in loggers] == levels
    assert dict(os.environ) == environment
    assert capfd.readouterr() == ("", "")
    os.write(2, b"still heard")
    assert capfd.readouterr().err == "still heard"


# The pages


class Serving(http.server.BaseHTTPRequestHandler):
    """TF Serving's documented JSON, answered by `run` (signature, inputs) of `signatures`."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        signature = asked.get("signature_name", "serving_default")
        if self.path != "/v1/models/fake:predict" or signature not in self.signatures:
            return self.answer(404, {"error": "Servable not found"})
        dtypes = {n: t["dtype"] for n, t in self.signatures[signature]["inputs"].items()}
        rows = asked.get("instances")
        inputs = asked.get("inputs") or {name: [row[name] for row in rows] for name in dtypes}
        inputs = {name: np.asarray(value, dtypes[name]) for name, value in inputs.items()}
        result = self.run(signature, inputs)
        (name,) = self.signatures[signature]["outputs"]
        values = result.tolist()
        if name.endswith("_bytes"):
            values = [{"b64": base64.b64encode(value).decode()} for value in values]
        return self.answer(200, {"predictions" if rows else "outputs": values})

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def rest(labelled):
    _, folders = labelled
    with saved_model.opened(folders["tf_saved_model"]) as (signatures, run):
        handler = type("Handler", (Serving,), {"signatures": signatures, "run": staticmethod(run)})
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()


def test_rest_client_asks_and_reads_what_tf_serving_speaks(labelled, rest):
    gan, folders = labelled
    client = page(PAGES / "tf_serving" / "client_rest.py")
    written = json.loads((folders["tf_saved_model"] / "certificate.json").read_text())
    latents = client.draw(written, 6, seed=1, fixed={"label": 4})
    assert latents["label"] == [4] * 6
    expected = gan.serve(
        {"latent": tf.constant(latents["latent"]), "label": tf.constant(latents["label"])}
    )
    for rows in (False, True):
        images = client.call(client.request(rest, "fake", latents, rows=rows))
        np.testing.assert_allclose(images, expected, atol=1e-5)
        pictures = client.call(client.request(rest, "fake", latents, "png", rows=rows))
        assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    drawn = client.call(client.request(rest, "fake", {"count": 3, "seed": 5}, "sample"))
    np.testing.assert_allclose(drawn, gan.serve(latents_of(gan, 3, 5)), atol=1e-5)
    with pytest.raises(SystemExit, match=r"404.*Servable not found"):
        client.call(client.request(rest, "other", latents))


def test_rest_client_writes_pictures(labelled, rest, tmp_path):
    _, folders = labelled
    client = page(PAGES / "tf_serving" / "client_rest.py")
    written = str(folders["tf_saved_model"] / "certificate.json")
    client.main([written, "--url", rest, "--count", "3", "--out", str(tmp_path / "p")])
    assert sorted(os.listdir(tmp_path / "p")) == ["000.png", "001.png", "002.png"]
    picture = tf.io.decode_png((tmp_path / "p" / "002.png").read_bytes())
    assert picture.shape == (8, 6, 3)


def test_grpc_client_on_the_loopback(labelled):
    gan, folders = labelled
    client = page(PAGES / "tf_serving" / "client_grpc.py")
    with saved_model.opened(folders["tf_saved_model"]) as (signatures, run):

        class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
            def Predict(self, request, context):
                signature = request.model_spec.signature_name
                inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
                (name,) = signatures[signature]["outputs"]
                answer = predict_pb2.PredictResponse()
                answer.outputs[name].CopyFrom(tf.make_tensor_proto(run(signature, inputs)))
                return answer

        server = grpc.server(futures.ThreadPoolExecutor(1))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
        target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        inputs = {"count": np.int32(4), "seed": np.int64(5)}
        answer = client.call(target, client.request("fake", inputs, "sample"))
        latents = arrays(latents_of(gan, 2))
        pictures = client.call(target, client.request("fake", latents, "png", version=1))
        server.stop(0)
    np.testing.assert_allclose(answer["image"], gan.serve(latents_of(gan, 4, 5)), atol=1e-5)
    assert [picture[:4] for picture in pictures["image_bytes"]] == [b"\x89PNG"] * 2


def test_models_config_is_what_the_server_parses():
    text = (PAGES / "tf_serving" / "models.config").read_text()
    (config,) = text_format.Parse(
        text, model_server_config_pb2.ModelServerConfig()
    ).model_config_list.config
    assert (config.name, config.base_path) == ("lsgan", "/models/lsgan")


def test_onnxruntime_page_needs_neither_tensorflow_nor_ganzoo(labelled, tmp_path):
    _, folders = labelled
    script = PAGES / "onnxruntime" / "run.py"
    blocked = "import sys; sys.modules.update(tensorflow=None, keras=None, ganzoo=None); "
    run = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    sheet = tmp_path / "sheet.png"
    arguments = [str(folders["onnx"]), "--count", "7", "--set", "label=3", "--out", str(sheet)]
    finished = subprocess.run(
        [sys.executable, "-c", blocked + run, *arguments], capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    assert "latents: {'latent': 'standard normal', 'label': '0..9'}" in finished.stdout
    # 3 × 3 tiles of 8 × 6 enlarged 8 times, and gaps of 2
    assert tf.io.decode_png(sheet.read_bytes()).shape == (3 * 66 + 2, 3 * 50 + 2, 3)


def test_onnxruntime_page_draws_what_the_metadata_says(labelled):
    _, folders = labelled
    script = page(PAGES / "onnxruntime" / "run.py")
    session, metadata = script.load(folders["onnx"])
    latents = script.draw(session, metadata["latents"], 2000)
    assert latents["latent"].dtype == np.float32 and abs(latents["latent"].std() - 1) < 0.05
    assert latents["label"].dtype == np.int32 and set(latents["label"]) == set(range(10))
    ranges = {"latent": "uniform in [-1, 1]", "label": "0..9"}
    latent = script.draw(session, ranges, 2000)["latent"]
    assert -1 <= latent.min() < -0.99 and 0.99 < latent.max() <= 1
    with pytest.raises(SystemExit, match="--set latent="):
        script.draw(session, {"latent": "sober", "label": "0..9"}, 2)


def test_both_pages_draw_the_known_distributions():
    client = page(PAGES / "tf_serving" / "client_rest.py")
    shapes = {"latent": [None, 3], "category": [None], "code": [None, 2]}
    ranges = {"latent": "standard normal", "category": "0..9", "code": "uniform in [-1, 1]"}
    described = {
        "latents": ranges,
        "signatures": {"serving_default": {"inputs": {n: {"shape": s} for n, s in shapes.items()}}},
    }
    latents = client.draw(described, 300)
    assert np.shape(latents["latent"]) == (300, 3) and np.shape(latents["code"]) == (300, 2)
    assert set(latents["category"]) == set(range(10))
    assert np.abs(latents["code"]).max() <= 1
    assert client.draw(described, 300) == latents != client.draw(described, 300, seed=1)


def test_a_path_that_ends_in_onnx_is_one_file(tmp_path, monkeypatch):
    gan = FakeGAN()
    file = exporters.export(gan, tmp_path / "g.onnx", "onnx")
    assert file == tmp_path / "g.onnx" and [path.name for path in tmp_path.iterdir()] == ["g.onnx"]
    inputs = {name: value.numpy() for name, value in gan.draw_latents(3, 0).items()}
    (found,) = onnxruntime.InferenceSession(file).run(None, inputs)
    np.testing.assert_allclose(found, gan.serve(gan.draw_latents(3, 0)), atol=1e-5)
    before = file.read_bytes()
    gan.generator.trainable_variables[-1].assign([np.nan])
    with pytest.raises(exporters.ExportError):
        exporters.export(gan, tmp_path / "g.onnx", "onnx")
    assert file.read_bytes() == before, "a file that was there is replaced by a whole one or not"
