"""Exports that go wrong are deleted and say why; what was there before stays."""

import os

import numpy as np
import pytest
import tensorflow as tf
from fake_gan import FORMATS, FakeGAN

from ganzoo import exporters
from ganzoo.exporters import certificate, saved_model
from ganzoo.exporters import onnx as onnx_exporter


@pytest.fixture(scope="module")
def plain():
    return FakeGAN()


def versions(path):
    """What is in a model's folder beside the texts for TF Serving."""
    return sorted(name for name in os.listdir(path) if not name.endswith(".config"))


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
