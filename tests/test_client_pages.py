"""The scripts of export/ ask and read what TF Serving and ONNX Runtime speak."""

import base64
import http.server
import json
import os
import subprocess
import sys
import threading
from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from client_pages import PAGES, page
from fake_gan import FORMATS, FakeGAN, arrays, latents_of
from google.protobuf import text_format
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tensorflow_serving.config import model_server_config_pb2

from ganzoo import exporters
from ganzoo.exporters import saved_model


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A conditional RGB GAN in both formats, for the pages."""
    gan = FakeGAN((8, 6, 3), labels=True)
    folder = tmp_path_factory.mktemp("serving")
    return gan, {name: exporters.export(gan, folder / name, name) for name in FORMATS}


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
