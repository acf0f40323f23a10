"""Exports equal Keras, carry the promised names, and appear where they were asked for."""

import hashlib
import json
import logging
import os

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from fake_gan import FORMATS, FakeGAN, arrays, latents_of
from tensorflow_serving.apis import prediction_log_pb2

import ganzoo
from ganzoo import exporters
from ganzoo.exporters import certificate, saved_model

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


@pytest.mark.parametrize(
    ("name", "words"), [("pix2pix", "[-1, 1]"), ("gan", "the data's own units")]
)
def test_the_values_of_an_output_in_words(name, words):
    x = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 1), "uint8")
    gan = ganzoo.get(name, width=4)
    data = {"source": x, "target": x} if name == "pix2pix" else np.eye(8, 2, dtype="float32")
    gan.build_from(data, batch_size=4)
    assert certificate.value_range(gan) == words
