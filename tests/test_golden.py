"""Files that were saved keep loading, and go on to the same numbers."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

import ganzoo

FOLDER = Path(__file__).parent / "golden"
_spec = importlib.util.spec_from_file_location("golden", FOLDER / "make.py")
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)


def check(gan, name, part):
    expected = np.load(FOLDER / f"{name}.npz")[part].astype(int)
    # Processors round differently.
    np.testing.assert_allclose(golden.samples(gan, name).astype(int), expected, atol=2)


def test_each_mechanism_has_a_file():
    assert {path.stem for path in FOLDER.glob("*.keras")} == golden.CASES.keys()


@pytest.mark.parametrize(
    "name",
    [
        # the networks of styles take long to trace
        pytest.param(name, marks=[pytest.mark.slow] * (name == "styles"))
        for name in golden.CASES
    ],
)
def test_a_golden_file_loads_and_goes_on_to_the_same_numbers(name):
    gan = ganzoo.load(FOLDER / f"{name}.keras")
    assert gan.step == golden.SAVED
    check(gan, name, "saved")
    if name == "fitted_encoder":
        expected = np.load(FOLDER / f"{name}.npz")["scores"]
        np.testing.assert_allclose(gan.anomaly_score(golden.rows(name)[0]), expected, rtol=1e-4)
    check(golden.trained(gan, name, golden.MORE), name, "resumed")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name != "composed"))
        for name in golden.CASES  # a checkpoint is the same file, read by another door
    ],
)
def test_a_golden_checkpoint_is_resumed_to_the_same_numbers(name, tmp_path):
    shutil.copy(FOLDER / f"{name}.keras", tmp_path / f"step_{golden.SAVED:08}.keras")
    saved = ganzoo.load(FOLDER / f"{name}.keras")
    chosen = {key: getattr(saved, key) for key in saved.hyperparameters()}
    gan = ganzoo.get(golden.CASES[name][0], **chosen)
    gan.fit(
        golden.rows(name),
        batch_size=4,
        epochs=golden.SAVED + golden.MORE,
        steps_per_epoch=1,
        verbose=0,
        checkpoint=tmp_path,
    )
    assert gan.step == golden.SAVED + golden.MORE
    check(gan, name, "resumed")
