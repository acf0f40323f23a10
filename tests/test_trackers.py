"""Trainings in TensorBoard, Weights & Biases and MLflow, all without a network."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest

import ganzoo
from ganzoo.devices import strategies
from ganzoo.training.callbacks import BestSamples, TensorBoard

X = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1), "uint8")  # one step an epoch


def make():
    gan = ganzoo.get("lsgan", width=8, architecture="mlp", generator_learning_rate=1e-3)
    gan.compile(run_eagerly=True)  # tracing takes longer than a few steps
    return gan


def events(folder):
    """(tag, step) -> the tensor that TensorBoard would show."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    found = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    return found, {
        (tag, event.step): tensor_util.make_ndarray(event.tensor_proto)
        for tag in found.Tags()["tensors"]
        for event in found.Tensors(tag)
    }


def test_tensorboard_shows_logs_pictures_signals_and_hyperparameters(tmp_path):
    pytest.importorskip("tensorboard")
    gan = make()
    gan.build_from(X)
    gan.recorder = SimpleNamespace(rows=[{"step": 2.0, "accuracy": 0.75}])
    best = BestSamples(tmp_path / "best.keras", X, every=2, samples=64)
    shown = TensorBoard(tmp_path / "logs" / "first", every=3, count=4)
    history = gan.fit(X, epochs=4, verbose=0, callbacks=[best, shown]).history
    accumulator, found = events(tmp_path / "logs" / "first")
    for name in ("generator", "discriminator"):
        values = [float(found[name, step]) for step in (1, 2, 3, 4)]
        np.testing.assert_allclose(values, history[name], rtol=1e-6)
    np.testing.assert_allclose(
        [float(found["kid", step]) for step in (2, 4)], [row.value for row in best.curve.rows]
    )
    assert ("kid", 3) not in found
    assert float(found["signals/accuracy", 2]) == 0.75
    pictures = {step: value for (tag, step), value in found.items() if tag == "samples"}
    assert sorted(pictures) == [1, 3, 4]
    width, height, png = pictures[4][:3]
    assert int(width) >= 400 and int(height) >= 400 and png.startswith(b"\x89PNG")
    plugin = accumulator.summary_metadata["_hparams_/session_start_info"]
    chosen = plugin.plugin_data.content
    assert b"lsgan" in chosen and b"generator_learning_rate" in chosen


def test_other_workers_than_the_chief_write_nothing(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    monkeypatch.setattr(strategies, "is_chief", lambda strategy: False)
    make().fit(X, verbose=0, callbacks=[TensorBoard(tmp_path / "logs")])
    assert not list(tmp_path.iterdir())


def test_what_tensorboard_needs(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    with pytest.raises(ValueError, match="every=0"):
        TensorBoard(tmp_path, every=0)
    pix2pix = ganzoo.get("pix2pix", width=8)
    large = X.repeat(2, axis=1).repeat(2, axis=2)
    pairs = {"source": large, "target": large}
    with pytest.raises(ValueError, match="maps samples to samples, and its picture needs some"):
        pix2pix.fit(pairs, verbose=0, callbacks=[TensorBoard(tmp_path / "logs")])
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="tensorboard is not installed"):
        TensorBoard(tmp_path)


def test_weights_and_biases(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    from wandb.integration.keras import WandbMetricsLogger

    monkeypatch.chdir(tmp_path)
    best = BestSamples(tmp_path / "best.keras", X, samples=64)
    with wandb.init(mode="offline", dir=tmp_path, project="gans") as run:
        make().fit(X, epochs=2, verbose=0, callbacks=[best, WandbMetricsLogger()])
        summary = dict(run.summary)
    assert np.isclose(summary["epoch/kid"], best.curve.last.value)
    assert {"epoch/generator", "epoch/discriminator"} <= summary.keys()


def test_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    best = BestSamples(tmp_path / "best.keras", X, samples=64)
    with mlflow.start_run() as run:
        make().fit(X, epochs=2, verbose=0, callbacks=[best, mlflow.keras.MlflowCallback(run)])
    metrics = mlflow.get_run(run.info.run_id).data.metrics
    assert np.isclose(metrics["kid"], best.curve.last.value)
    assert {"generator", "discriminator"} <= metrics.keys()
