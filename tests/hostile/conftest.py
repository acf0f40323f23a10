"""What was trained for the tests of hostile input, once in a process."""

import numpy as np
import pytest
from cases import CLASSES, PICTURES, VECTORS, Place

import ganzoo
from ganzoo.training import runs


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with `run`, of a GAN on vectors, and `labelled.keras`, of one on pictures."""
    home = tmp_path_factory.mktemp("trained")
    np.savez(home / "vectors.npz", x=VECTORS)
    small = {"hyperparameters": {"width": 8, "latent_dim": 4}, "batch_size": 16}
    runs.train("gan", f"npz:{home}/vectors.npz", steps=2, out=home / "run", export=False, **small)
    labelled = ganzoo.get("cgan", width=8, latent_dim=4)
    labelled.fit(PICTURES, CLASSES, batch_size=16, steps_per_epoch=1, verbose=0)
    labelled.save(home / "labelled.keras")
    return home


@pytest.fixture(scope="session")
def gan(trained):
    return runs.load(trained / "run")


@pytest.fixture(scope="session")
def labelled(trained):
    return ganzoo.load(trained / "labelled.keras")


@pytest.fixture
def place(tmp_path, trained, gan, labelled, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, trained, gan, labelled, capsys)
