"""OpenVINO exports equal Keras, carry the promised names, and tell nobody."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo import data
from ganzoo.exporters import ExportError, certificate
from ganzoo.exporters import openvino as openvino_exporter

PAGE = Path(__file__).parents[1] / "export" / "openvino"


def make(name, shape, num_classes=None, **hyperparameters):
    """A GAN whose weights and statistics are random, so that samples differ as if trained."""
    gan = ganzoo.get(name, width=8, latent_dim=4, **hyperparameters)
    fields = {"image": data.Field(shape, "float32", "affine", 0.5, 0.5)}
    if num_classes:
        fields["label"] = data.Field.of_classes(num_classes)
    gan.build_for(fields)
    generator = np.random.default_rng(0)
    for variable in gan.generator.variables:
        draw = generator.normal(0, 0.3, variable.shape)
        variable.assign(0.5 + np.abs(draw) if "moving_variance" in variable.path else draw)
    return gan


KINDS = {
    "conditional, three channels": lambda: make("cgan", (8, 12, 3), 10),
    "categories and codes": lambda: make("infogan", (8, 8, 1)),
    "vectors": lambda: make("gan", (3,)),
    "two channels, rectangular": lambda: make("dcgan", (12, 10, 2)),
}


@pytest.fixture(scope="module", params=KINDS)
def exported(request, tmp_path_factory):
    gan = KINDS[request.param]()
    folder = tmp_path_factory.mktemp("exports")
    facts = openvino_exporter.write(gan, folder)
    return gan, folder, facts


@pytest.fixture(scope="module")
def plain():
    return make("gan", (8, 8, 1))


def arrays(tensors):
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def page():
    spec = importlib.util.spec_from_file_location("openvino_page", PAGE / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_names_dtypes_and_free_batch(exported):
    gan, folder, facts = exported
    assert facts == {"packages": ("openvino",)}
    assert sorted(os.listdir(folder)) == ["model.bin", "model.xml"]
    with openvino_exporter.opened(folder) as (signatures, _):
        (signature,) = signatures.values()
        assert list(signatures) == ["serving_default"]
        assert list(signature["inputs"]) == list(gan.latent_spec)
        assert signature["inputs"] == {
            name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
            for name, spec in gan.latent_spec.items()
        }
        assert signature["outputs"] == {
            gan.output_name: {"dtype": "float32", "shape": [None, *gan.spec.shape]}
        }


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_equals_keras_for_any_batch(exported, rows):
    gan, folder, _ = exported
    latents = gan.draw_latents(rows, 3)
    with openvino_exporter.opened(folder) as (_, run):
        result = run("serving_default", arrays(latents))
        again = run("serving_default", arrays(gan.draw_latents(rows, 4)))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, gan.serve(latents), rtol=1e-5, atol=1e-5)
    assert np.abs(result - again).max() > 0.1  # and it is no view that the next run overwrites


def test_metadata_travels_in_the_file(exported):
    gan, folder, _ = exported
    import openvino

    model = openvino.Core().read_model(folder / "model.xml")
    keys = ("name", "ganzoo_version", "value_range", "shape", "latents")
    metadata = {key: model.get_rt_info(["ganzoo", key]).astype(str) for key in keys}
    assert metadata["name"] == model.friendly_name == gan.registry_name
    assert metadata["ganzoo_version"] == ganzoo.__version__
    assert metadata["value_range"] == certificate.value_range(gan)
    assert json.loads(metadata["shape"]) == list(gan.spec.shape)
    assert json.loads(metadata["latents"]) == gan.latent_ranges
    assert str(folder) not in (folder / "model.xml").read_text()


def test_weights_are_stored_once_in_float32(tmp_path):
    gan = make("gan", (8, 8, 1))
    own = keras.Sequential(
        [keras.Input([4]), keras.layers.Dense(1000), keras.layers.Dense(64, "tanh")]
    )
    own.add(keras.layers.Reshape((8, 8, 1)))
    gan.generator = own
    openvino_exporter.write(gan, tmp_path)
    weights = 4 * own.count_params()
    stored = (tmp_path / "model.bin").stat().st_size
    assert 0.95 * weights < stored < 1.05 * weights  # biases of zero are shared
    text = (tmp_path / "model.xml").read_text()
    floats = set(re.findall(r'element_type="(f\d+|bf16)"', text))
    assert floats == {"f32"}
    assert len(text) < 100_000


def test_the_whole_export_is_certified(plain, tmp_path):
    version = plain.export(tmp_path / "gan", format="openvino")
    written = json.loads((version / "certificate.json").read_text())
    assert written["format"] == "openvino" and written["packages"]["openvino"]
    assert {"model.xml", "model.bin"} <= set(written["files"])
    assert written["largest_difference"] <= written["tolerance"]


def test_a_missing_package_gets_the_mend_before_anything_is_done(plain, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    telemetry = sys.modules.get("openvino_telemetry")
    with pytest.raises(ValueError, match=r"pip install openvino$"):
        openvino_exporter.write(plain, tmp_path)
    assert sys.modules.get("openvino_telemetry") is telemetry
    with pytest.raises(ValueError, match=r"pip install openvino$"):
        plain.export(tmp_path / "gan", format="openvino")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_half_precision_is_refused(tmp_path, kind):
    gan = make("gan", (8, 8, 1))
    serve = gan.serve
    gan.serve = lambda z: tf.cast(tf.cast(serve(z), kind), "float32")
    with pytest.raises(ValueError, match=rf"computes in {kind}.*float32 policy"):
        openvino_exporter.write(gan, tmp_path)
    assert not os.listdir(tmp_path)


def test_an_operation_that_openvino_lacks_is_named(tmp_path):
    gan = make("gan", (8, 8, 1))
    serve = gan.serve
    gan.serve = lambda z: serve(z) + tf.random.stateless_normal(tf.shape(serve(z)), [1, 2])
    with pytest.raises(ExportError, match=r"it has no .*StatelessRandomNormal") as caught:
        openvino_exporter.write(gan, tmp_path)
    assert "\n" not in str(caught.value) and not os.listdir(tmp_path)


def test_nothing_is_printed_or_reported(tmp_path):
    """In a process of its own, since openvino reports when it is imported, from a child."""
    code = f"""
import os, socket, sys
def refuse(*_):
    os.write(1, b"the network was asked")
    raise OSError
socket.getaddrinfo = socket.socket.connect = refuse
os.fork = refuse
import ganzoo, numpy as np
from ganzoo import data
gan = ganzoo.get("gan", width=8, latent_dim=4)
gan.build_for({{"vector": data.Field((3,), "float32")}})
assert "openvino" not in sys.modules
gan.export({str(tmp_path / "gan")!r}, format="openvino")
assert "openvino" in sys.modules and "openvino_telemetry" not in sys.modules
"""
    home = tmp_path / "home"
    home.mkdir()
    finished = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"HOME": str(home), "CI": "", "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == ""
    assert not (home / "intel").exists()


def test_the_page_needs_neither_tensorflow_nor_ganzoo(tmp_path):
    gan = make("cgan", (8, 12, 3), 10)
    folder = tmp_path / "1"
    folder.mkdir()
    openvino_exporter.write(gan, folder)
    blocked = "import sys; sys.modules.update(tensorflow=None, keras=None, ganzoo=None); "
    run = f"import runpy; runpy.run_path({str(PAGE / 'run.py')!r}, run_name='__main__')"
    sheet = tmp_path / "row.png"
    arguments = [str(folder), "--count", "5", "--set", "label=3", "--out", str(sheet)]
    finished = subprocess.run(
        [sys.executable, "-c", blocked + run, *arguments], capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    assert tf.io.decode_png(sheet.read_bytes()).shape == (8, 5 * 12, 3)


def test_the_page_draws_what_the_metadata_says(exported):
    gan, folder, _ = exported
    script = page()
    model, ranges = script.load(folder)
    assert ranges == gan.latent_ranges
    latents = script.draw(model, ranges, 500)
    assert abs(latents["latent"].std() - 1) < 0.1
    for name, spec in gan.latent_spec.items():
        assert latents[name].dtype == spec.dtype.as_numpy_dtype
        assert latents[name].shape == (500, *spec.shape[1:])
    for name in latents.keys() & {"label", "category"}:
        assert set(latents[name]) == set(range(10))
    if "code" in latents:
        assert 0.9 < np.abs(latents["code"]).max() <= 1
    with pytest.raises(SystemExit, match="--set latent="):
        script.draw(model, ranges | {"latent": "sober"}, 2)
