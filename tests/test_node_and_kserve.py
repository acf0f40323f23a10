"""ONNX exports run where users run them: Node and KServe."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
import venv

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from client_pages import PAGES, page
from served import asked_and_expected, run, trained

from ganzoo import exporters


@pytest.fixture(scope="module")
def coloured(tmp_path_factory):
    """A conditional RGB GAN, and its ONNX version."""
    gan = trained("cgan")
    return gan, exporters.export(gan, tmp_path_factory.mktemp("onnx") / "cgan", "onnx")


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
