"""Exports run where users run them: TF Serving's own loader, its messages, Node and KServe."""

import base64
import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

import ganzoo
from ganzoo import exporters
from ganzoo.exporters import saved_model

PAGES = Path(__file__).parents[1] / "export"
LOADER = Path(__file__).with_name("tf_serving_loader.py")
SHAPES = {"cgan": (8, 8, 3), "bigan": (8, 8, 1), "gan": (2,)}  # what each is trained on here
CALLERS = 8


@pytest.fixture(scope="module", params=SHAPES)
def served(request, tmp_path_factory):
    """A GAN of the zoo after one step, and the folder of versions of its SavedModel."""
    gan = trained(request.param)
    path = tmp_path_factory.mktemp("serving") / request.param
    gan.export(path)
    return gan, path


@pytest.fixture(scope="module")
def coloured(tmp_path_factory):
    """A conditional RGB GAN, and its ONNX version."""
    gan = trained("cgan")
    return gan, exporters.export(gan, tmp_path_factory.mktemp("onnx") / "cgan", "onnx")


def trained(name):
    gan = ganzoo.get(name, width=8, latent_dim=6)
    gan.compile()
    data = np.random.default_rng(0).uniform(-1, 1, (32, *SHAPES[name])).astype("float32")
    gan.fit(data, np.arange(32) % 4, batch_size=8, steps_per_epoch=1, verbose=0)
    return gan


def asked_and_expected(gan, rows, seed):
    """Signature -> (inputs by name, Keras's answer); the answer to `png` is grey levels."""
    latents = gan.draw_latents(tf.constant(rows), tf.constant(seed, tf.int64))
    output = gan.serve(latents).numpy()
    latents = {name: tensor.numpy() for name, tensor in latents.items()}
    asked = {
        "serving_default": (latents, output),
        "sample": ({"count": np.int32(rows), "seed": np.int64(seed)}, output),
    }
    if gan.spec.is_image:
        asked["png"] = (latents, (output + 1) * 127.5)
    if gan.encode_images:
        asked["encode"] = ({gan.output_name: output}, gan.encode_images(output).numpy())
    return asked


def page(path):
    """A page's script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*command, timeout=300, **options):
    """The finished process; its output is shown where it fails."""
    command = [str(part) for part in command]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished


# TF Serving's loader


def load(folder, requests, tmp_path):
    """Answers of a process without TensorFlow's Python to arrays by "CALLER/SIGNATURE/INPUT"."""
    np.savez(tmp_path / "requests.npz", **requests)
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}  # Keras answers on the CPU
    files = (tmp_path / "requests.npz", tmp_path / "answers.npz")
    run(sys.executable, LOADER, folder, *files, env=environment)
    return np.load(tmp_path / "answers.npz")


@pytest.mark.skipif(sys.platform != "linux", reason="the loader knows the libraries' Linux names")
def test_eight_callers_at_once_get_what_keras_says(served, tmp_path):
    gan, path = served
    asked = {
        str(caller): asked_and_expected(gan, rows=1 + caller, seed=caller)
        for caller in range(CALLERS)
    }
    requests = {
        f"{caller}/{signature}/{name}": array
        for caller, signatures in asked.items()
        for signature, (inputs, _) in signatures.items()
        for name, array in inputs.items()
    }
    answers = load(path / "1", requests, tmp_path)
    outputs = {"serving_default": gan.output_name, "sample": gan.output_name}
    outputs |= {"png": "image_bytes", "encode": "latent"}
    assert len(answers) == CALLERS * len(asked["0"])
    for caller, signatures in asked.items():
        for signature, (_, expected) in signatures.items():
            answer = answers[f"{caller}/{signature}/{outputs[signature]}"]
            if signature == "png":
                answer = np.stack([tf.io.decode_png(picture) for picture in answer])
            tolerance = 0.51 if signature == "png" else 1e-5
            assert answer.shape == expected.shape
            np.testing.assert_allclose(answer, expected, 1e-5, tolerance, err_msg=signature)


@pytest.mark.skipif(sys.platform != "linux", reason="the loader knows the libraries' Linux names")
def test_the_loader_refuses_what_only_python_loads(tmp_path):
    module = tf.Module()
    module.model = trained("gan").generator
    spec = tf.TensorSpec([None, 6], name="latent")
    serve = tf.function(lambda latent: {"vector": module.model(latent)}, input_signature=[spec])
    tf.saved_model.save(module, tmp_path / "fake", signatures=serve)
    latent = np.zeros([1, 6], np.float32)
    loaded = tf.saved_model.load(tmp_path / "fake")
    assert loaded.signatures["serving_default"](latent=tf.constant(latent))["vector"].shape == (
        1,
        2,
    )
    with pytest.raises(AssertionError, match="Could not find variable"):
        load(tmp_path / "fake", {"0/serving_default/latent": latent}, tmp_path)


# TF Serving's files


def batching_parameters(text):
    """Parsed as tensorflow.serving.BatchingParameters, which no Python package brings."""
    numbers = {
        "max_batch_size": 1,
        "batch_timeout_micros": 2,
        "max_enqueued_batches": 3,
        "num_batch_threads": 4,
        "enable_large_batch_splitting": 8,
        "max_execution_batch_size": 9,
    }
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    message = file.message_type.add(name="BatchingParameters")
    for name, number in numbers.items():
        kind = "BoolValue" if name.startswith("enable") else "Int64Value"
        message.field.add(
            name=name, number=number, label=1, type=11, type_name=f".google.protobuf.{kind}"
        )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    described = pool.FindMessageTypeByName("BatchingParameters")
    parsed = text_format.Parse(text, message_factory.GetMessageClass(described)())
    return {field.name: value.value for field, value in parsed.ListFields()}


def test_the_files_beside_the_versions_are_what_the_server_parses(served):
    gan, path = served
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((path / "models.config").read_text(), config)
    (model,) = config.model_config_list.config
    name = gan.registry_name
    assert (model.name, model.base_path) == (name, f"/models/{name}")
    assert model.model_platform == "tensorflow"
    text = (path / "batching.config").read_text()
    batching = batching_parameters(text)
    assert batching["enable_large_batch_splitting"]
    assert batching["max_execution_batch_size"] <= batching["max_batch_size"]
    parts = batching["max_batch_size"] / batching["max_execution_batch_size"]
    assert parts <= batching["max_enqueued_batches"]  # or the largest request is always refused
    assert batching["batch_timeout_micros"] == 0


def test_what_users_wrote_beside_the_versions_stays(served):
    gan, path = served
    mine = "# mine\n" + (path / "models.config").read_text()
    (path / "models.config").write_text(mine)
    gan.export(path)
    assert (path / "models.config").read_text() == mine


def refusal_of_batching(inputs):
    """Why a TF Serving that batches refuses these arrays, or None: it stacks them by rows."""
    if not all(array.ndim for array in inputs.values()):
        return "inputs without a batch"
    if len({len(array) for array in inputs.values()}) != 1:
        return "inputs of different batches"
    return None


def test_a_server_that_batches_loads_every_version(served):
    """It runs the warm-up requests through the batching too, and drops a version that fails one."""
    gan, path = served
    file = path / "1" / "assets.extra" / "tf_serving_warmup_requests"
    warm = set()
    with saved_model.opened(path / "1") as (signatures, answer):
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            assert refusal_of_batching(inputs) is None
            signature = request.model_spec.signature_name
            rows = {len(array) for array in inputs.values()}
            assert rows == {len(answer(signature, inputs))}  # they are dealt out by rows again
            warm.add(signature)
        assert warm == signatures.keys() - {"sample"}
    sample, _ = asked_and_expected(gan, 2, 0)["sample"]
    assert refusal_of_batching(sample) == "inputs without a batch"


# TF Serving's messages


def as_the_server_writes(array):
    """JSON's values as TF Serving has them: the shortest decimal of a float32, bytes in base64."""
    if array.dtype.kind in "OS":
        return [{"b64": base64.b64encode(value).decode()} for value in array]
    return [
        as_the_server_writes(value) if value.ndim else float(str(np.float32(value)))
        for value in array
    ]


def test_every_signature_through_the_messages_of_both_interfaces(served):
    gan, path = served
    grpc = page(PAGES / "tf_serving" / "client_grpc.py")
    rest = page(PAGES / "tf_serving" / "client_rest.py")
    asked = asked_and_expected(gan, rows=3, seed=5)
    with saved_model.opened(path / "1") as (signatures, answer):
        assert signatures.keys() == asked.keys()
        for signature, (inputs, _) in asked.items():
            dtypes = {n: t["dtype"] for n, t in signatures[signature]["inputs"].items()}
            (name,) = signatures[signature]["outputs"]
            expected = answer(signature, inputs)

            sent = grpc.request(gan.registry_name, inputs, signature, version=1)
            sent = predict_pb2.PredictRequest.FromString(sent.SerializeToString())
            spec = sent.model_spec
            assert (spec.name, spec.version.value) == (gan.registry_name, 1)
            assert spec.signature_name == signature
            received = {name: tf.make_ndarray(value) for name, value in sent.inputs.items()}
            assert {name: array.dtype.name for name, array in received.items()} == dtypes
            response = predict_pb2.PredictResponse()
            response.outputs[name].CopyFrom(tf.make_tensor_proto(answer(signature, received)))
            response = predict_pb2.PredictResponse.FromString(response.SerializeToString())
            np.testing.assert_array_equal(grpc.parse(response)[name], expected)

            lists = {name: array.tolist() for name, array in inputs.items()}
            rows = (False,) if signature == "sample" else (False, True)
            for by_rows in rows:
                sent = rest.request("http://host", "gan", lists, signature, by_rows, version=1)
                assert sent.full_url == "http://host/v1/models/gan/versions/1:predict"
                body = json.loads(sent.data)
                assert body.pop("signature_name") == signature
                ((key, columns),) = body.items()
                if by_rows:
                    columns = {name: [row[name] for row in columns] for name in dtypes}
                received = {n: np.asarray(column, dtypes[n]) for n, column in columns.items()}
                result = as_the_server_writes(answer(signature, received))
                key = {"inputs": "outputs", "instances": "predictions"}[key]
                parsed = rest.parse(json.dumps({key: result}, indent=4))
                parsed = np.asarray(parsed, None if signature == "png" else np.float32)
                np.testing.assert_array_equal(parsed, expected)  # no digit is lost in the JSON


# Node


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """The Node page with its packages installed."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    for name in ("run.mjs", "package.json"):
        shutil.copy(PAGES / "onnxruntime" / name, folder)
    environment = os.environ | {"ONNXRUNTIME_NODE_INSTALL": "skip"}
    run("npm", "install", "--no-audit", "--no-fund", cwd=folder, env=environment)
    yield folder
    shutil.rmtree(folder / "node_modules")  # hundreds of megabytes


def test_node_computes_what_python_does(coloured, node, tmp_path):
    gan, version = coloured
    inputs, expected = asked_and_expected(gan, rows=5, seed=1)["serving_default"]
    latents = tmp_path / "latents.json"
    latents.write_text(json.dumps({name: array.tolist() for name, array in inputs.items()}))
    out = tmp_path / "images.json"
    done = run("node", node / "run.mjs", version, "--latents", latents, "--out", out)
    assert done.stdout == "image: float32 [5, 8, 8, 3]\n"
    images = json.loads(out.read_text())
    images = np.reshape(images["data"], images["shape"]).astype(np.float32)
    np.testing.assert_allclose(images, expected, atol=1e-5)
    session = onnxruntime.InferenceSession(version / "model.onnx")
    np.testing.assert_allclose(images, session.run(None, inputs)[0], atol=1e-6)


def test_node_draws_and_writes_pictures(coloured, node, tmp_path):
    _, version = coloured
    script = node / "run.mjs"

    def numbers(*options):
        run("node", script, version, *options, "--out", tmp_path / "x.json")
        return json.loads((tmp_path / "x.json").read_text())["data"]

    drawn = numbers("--count", "3", "--set", "label=2")
    assert numbers("--count", "3", "--set", "label=2") == drawn
    assert numbers("--count", "3", "--set", "label=2", "--seed", "1") != drawn
    run("node", script, version, "--count", "3", "--set", "label=2", "--out", tmp_path / "p")
    assert sorted(os.listdir(tmp_path / "p")) == ["000.png", "001.png", "002.png"]
    pictures = [picture.read_bytes() for picture in sorted((tmp_path / "p").iterdir())]
    pixels = np.stack([tf.io.decode_png(picture) for picture in pictures])
    assert pixels.shape == (3, 8, 8, 3)
    assert np.abs(pixels.ravel() - (np.array(drawn) + 1) * 127.5).max() < 0.51
    refused = subprocess.run(
        ["node", script, version, "--set", "lable=2"], capture_output=True, text=True
    )
    assert (refused.returncode, refused.stderr) == (1, "no input lable\n")


# KServe


ASK_OVER_GRPC = """
import sys
import numpy as np
import tritonclient.grpc as client

target, latents, out = sys.argv[1:]
inputs = []
for name, array in np.load(latents).items():
    inputs.append(client.InferInput(name, array.shape, client.np_to_triton_dtype(array.dtype)))
    inputs[-1].set_data_from_numpy(array)
answer = client.InferenceServerClient(target).infer("cgan", inputs)
np.save(out, answer.as_numpy("image"))
"""


def test_the_kserve_client_follows_the_servers_shapes(coloured):
    """Those that Triton declares for an input of one dimension."""
    _, version = coloured
    client = page(PAGES / "kserve" / "client.py")
    latents = client.draw(json.loads((version / "certificate.json").read_text()), 5)
    assert {name: array.dtype.name for name, array in latents.items()} == {
        "latent": "float32",
        "label": "int32",
    }
    assert set(latents["label"]) <= set(range(4))
    triton = {"inputs": [{"name": "latent", "shape": [-1, 6]}, {"name": "label", "shape": [-1, 1]}]}
    fitted = client.fit(latents, triton)
    body = json.loads(client.request("http://host", "cgan", fitted, version=2).data)
    assert [(i["name"], i["datatype"], i["shape"]) for i in body["inputs"]] == [
        ("latent", "FP32", [5, 6]),
        ("label", "INT32", [5, 1]),
    ]
    nested = {"outputs": [{"name": "vector", "shape": [2, 1], "data": [[0.5], [-1]]}]}
    assert client.parse(nested)["vector"].tolist() == [[0.5], [-1]]


@pytest.mark.slow
def test_a_kserve_server_answers_as_onnx_runtime_does(coloured, tmp_path):
    gan, version = coloured
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    packages = PAGES / "kserve" / "requirements.txt"
    run(programs / "python", "-m", "pip", "install", "-q", "-r", packages, timeout=900)
    folder = tmp_path / "kserve"
    shutil.copytree(PAGES / "kserve", folder)
    settings = json.loads((folder / "model-settings.json").read_text())
    settings |= {"name": "cgan", "parameters": {"uri": str(version)}}
    (folder / "model-settings.json").write_text(json.dumps(settings))
    http, grpc, metrics = free_ports(3)
    environment = os.environ | {
        "MLSERVER_HOST": "127.0.0.1",
        "MLSERVER_HTTP_PORT": str(http),
        "MLSERVER_GRPC_PORT": str(grpc),
        "MLSERVER_METRICS_PORT": str(metrics),
    }
    inputs, _ = asked_and_expected(gan, rows=5, seed=1)["serving_default"]
    (expected,) = onnxruntime.InferenceSession(version / "model.onnx").run(None, inputs)
    client, url = page(PAGES / "kserve" / "client.py"), f"http://127.0.0.1:{http}"
    with (
        open(tmp_path / "log", "w") as log,
        subprocess.Popen(
            [programs / "mlserver", "start", folder], env=environment, stdout=log, stderr=log
        ) as server,
    ):
        try:
            wait_for(f"{url}/v2/models/cgan/ready", server, tmp_path / "log")
            answer = client.parse(client.call(client.request(url, "cgan", inputs)))["image"]
            np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-6)
            np.savez(tmp_path / "latents.npz", **inputs)
            asked = (f"127.0.0.1:{grpc}", tmp_path / "latents.npz", tmp_path / "out.npy")
            run(programs / "python", "-c", ASK_OVER_GRPC, *asked)
            np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=0, atol=1e-6)
            with pytest.raises(SystemExit, match=r"400.*label.*missing"):
                client.call(client.request(url, "cgan", {"latent": inputs["latent"]}))
            certificate = str(version / "certificate.json")
            client.main([certificate, "--url", url, "--out", str(tmp_path / "drawn.npy")])
            assert np.load(tmp_path / "drawn.npy").shape == (16, 8, 8, 3)
        finally:
            server.terminate()
    shutil.rmtree(tmp_path / "venv")


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]


def wait_for(url, server, log, seconds=60):
    for _ in range(5 * seconds):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        assert server.poll() is None, log.read_text()
        time.sleep(0.2)
    raise AssertionError(f"{url} was not there after {seconds} s\n{log.read_text()}")
