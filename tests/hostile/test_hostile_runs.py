"""Hostile folders of runs and files of models: each ends soon in one sentence, or works, and
nothing on disk is lost or half-written."""

import io
import math
import os
import re
import shutil

import h5py
import keras
import numpy as np
import pytest
from cases import (
    TRAIN,
    UNREADABLE,
    VECTORS,
    WEIGHTS,
    WORKS,
    apart,
    config,
    contents,
    copied,
    each_of,
    ends_soon_in_one_sentence_or_works,
    line,
    pack,
    picture,
    read_the_folder,
    refusal,
    zipped,
)

import ganzoo
from ganzoo import exporters
from ganzoo.training import runs
from ganzoo.training.checkpoints import Checkpoints


def on_run(*words):
    """A command on a copy of the run, which it is given as RUN."""
    return lambda place: place.type(
        *(place.path / "r" if word == "RUN" else word for word in words)
    )


def file(name, words=None, steps=2):
    """A copy of the run with another content of one of its files, or without it."""

    def write(place):
        config(steps=steps)(place)
        path = place.path / "r" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        if words is not None:
            path.write_bytes(words)

    return write


def no_model(place):
    file("model.keras")(place)
    (place.path / "r" / "best.keras").unlink(missing_ok=True)
    shutil.rmtree(place.path / "r" / "checkpoints")


def no_whole_checkpoint(place):
    file("model.keras", steps=4)(place)
    for path in (place.path / "r" / "checkpoints").iterdir():
        path.write_bytes(b"PK")


def another_keras_model(place):
    copied(place)
    keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]).save(place.path / "r/model.keras")


def folder_instead(name):
    def write(place):
        file(name)(place)
        (place.path / "r" / name).mkdir()

    return write


RESUME = on_run("train", "--resume", "RUN", "--no-export")
SAMPLE = on_run("sample", "RUN", "--out", "s.npy")
EVALUATE = on_run("evaluate", "RUN", "--samples", "8")
BROKEN = r"config\.json can't be read \(.*\): it isn't as ganzoo wrote it"
DAMAGED = "model.keras is no saved GAN, or is damaged"
RUNS = {
    "no configuration": (file("config.json"), RESUME, "is no run of ganzoo"),
    "a folder for a configuration": (folder_instead("config.json"), RESUME, "is no run of ganzoo"),
    "an empty configuration": (config(b""), RESUME, BROKEN),
    "a configuration of bytes": (config(b"\xff\xfe\0"), RESUME, BROKEN),
    "a list for a configuration": (config(b"[]"), RESUME, BROKEN),
    "a deep configuration": (config(b"[" * 100_000), RESUME, BROKEN),
    "a list for a configuration, measured": (config(b"[]"), EVALUATE, BROKEN),
    "a configuration without data, measured": (config(without="data"), EVALUATE, "say which data"),
    "a range of text, measured": (
        config(value_range="ab"),
        EVALUATE,
        "'ab', which is not a pair",
    ),
    "no GAN": (config(without="gan"), RESUME, "it has no gan"),
    "no hyper-parameters": (config(without="hyperparameters"), RESUME, "it has no hyperparam"),
    "a number for a GAN": (config(gan=3), RESUME, "gan=3, which is not a name"),
    "an unknown GAN": (config(gan="gna"), RESUME, "no GAN is called 'gna': did you mean 'gan'"),
    "another GAN": (config(gan="lsgan"), RESUME, "has no such|no hyper-parameter|not of lsgan"),
    "a list of hyper-parameters": (
        config(hyperparameters=[]),
        RESUME,
        "=.*not an object",
    ),
    "an unknown hyper-parameter": (
        config(hyperparameters={"widht": 8}),
        RESUME,
        "did you mean 'width'",
    ),
    "a hyper-parameter of text": (
        config(hyperparameters={"width": "x"}),
        RESUME,
        "width='x' must be an int",
    ),
    "a rate that is no schedule": (
        config(hyperparameters={"generator_learning_rate": "fast"}),
        RESUME,
        "'fast' is not a schedule",
    ),
    "other hyper-parameters than trained": (
        config(hyperparameters={"width": 16}),
        RESUME,
        "make the GAN with that, or name another folder",
    ),
    "endless steps": (config(steps=math.inf), RESUME, "steps=inf, which is not an int"),
    "steps of True": (config(steps=True), RESUME, "steps=True, which is not an int"),
    "a number for data": (config(data=3), RESUME, "data=3, which is not a name"),
    "data that are gone": (config(data="folder:gone"), RESUME, "gone is not a folder"),
    "other data than trained": (config(data="digits"), RESUME, "the model was built for"),
    "a size of a number": (config(size=5), RESUME, "size=5, which is not a pair"),
    "a size of text": (config(size=["a", "b"]), RESUME, "size=.*not a pair of ints"),
    "no batches": (config(batch_size=0), RESUME, "batch_size=0, which is not an int"),
    "a history of text": (
        file("history.csv", b"hello\n1\n", 4),
        RESUME,
        "history.csv can't be read",
    ),
    "a history of bytes": (
        file("history.csv", b"\xff\0\n", 4),
        RESUME,
        "history.csv can't be read",
    ),
    "half a history": (
        file("history.csv", b"epoch,seconds,a\n1,2\n", 4),
        RESUME,
        "history.csv can't be read: .*move it away",
    ),
    "no whole checkpoint": (
        no_whole_checkpoint,
        RESUME,
        "none of the 1 checkpoints in .* is whole, .*remove them",
    ),
    "a file for checkpoints": (
        file("checkpoints", b"", 4),
        RESUME,
        "checkpoints' is a file: name a folder",
    ),
    "a model of nothing": (file("model.keras", b""), SAMPLE, DAMAGED),
    "a truncated model": (file("model.keras", b"PK\3\4"), SAMPLE, DAMAGED),
    "another archive": (file("model.keras", zipped(a_txt="a")), SAMPLE, "holds a.txt where Keras"),
    "another Keras model": (another_keras_model, SAMPLE, "holds a Sequential, not a GAN"),
    "a folder for a model": (folder_instead("model.keras"), SAMPLE, "is a folder: name"),
    "no model at all": (no_model, SAMPLE, "holds no saved GAN"),
    "a model that a checkpoint replaces": (file("model.keras"), SAMPLE, WORKS),
    "a configuration that sampling needs not": (config(b"{"), SAMPLE, WORKS),
    "steps left": (config(), RESUME, WORKS),
}


def random_bytes(name):
    def write(place):
        (place.path / name).write_bytes(np.random.default_rng(0).bytes(5000))

    return write


def of_a_folder(name):
    return lambda place: (place.path / name).mkdir()


FILES = {
    "a model of random bytes": (
        random_bytes("a.keras"),
        lambda _: ganzoo.load("a.keras"),
        "a.keras is no saved GAN, or is damaged",
    ),
    "an ONNX model": (
        random_bytes("a.onnx"),
        lambda _: ganzoo.load("a.onnx"),
        "a.onnx is no saved GAN: the name of one ends in .keras",
    ),
    "a folder named .keras": (
        of_a_folder("a.keras"),
        lambda _: ganzoo.load("a.keras"),
        "is a folder: name the .keras file",
    ),
    "saving over a folder": (
        of_a_folder("a.keras"),
        lambda place: place.gan.save("a.keras"),
        "a.keras was not written: Is a directory",
    ),
    "saving over what must stay": (
        random_bytes("a.keras"),
        lambda place: place.gan.save("a.keras", overwrite=False),
        "a.keras exists: pass overwrite=True",
    ),
    "an export where a version is": (
        lambda place: (place.path / "e" / "1").mkdir(parents=True),
        lambda place: place.gan.export("e", format="onnx", version=1),
        "already has a version 1",
    ),
    "an export over a file": (
        random_bytes("e"),
        lambda place: place.gan.export("e", format="onnx"),
        "e is a file: name a folder",
    ),
    "a checkpoint below a file": (
        random_bytes("c"),
        lambda place: ganzoo.get("gan", width=8, latent_dim=4).fit(
            VECTORS, batch_size=16, verbose=0, checkpoint="c/d"
        ),
        "Not a directory|File exists",
    ),
    "checkpoints of random bytes": (
        random_bytes("step_00000009.keras"),
        lambda _: ganzoo.get("gan").fit(VECTORS, checkpoint=".", verbose=0),
        "none of the 1 checkpoints in . is whole",
    ),
    "a certificate of random bytes": (
        random_bytes("model.onnx"),
        lambda _: exporters.verify("."),
        "certificate.json is missing",
    ),
}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read and write all")
@pytest.mark.parametrize(
    ("prepare", "closed", "act", "words"),
    [
        (picture("a.png"), "p/a.png", read_the_folder, UNREADABLE),
        (copied, "r", lambda place: place.gan.save("r/a.keras"), "r/a.keras was not written"),
        (copied, "r", lambda place: place.gan.export("r/e", format="onnx"), "Permission denied"),
        (copied, "r", line(*TRAIN, "--out", "r/a"), "Permission denied"),
    ],
)
def test_what_may_not_be_read_or_written_is_said(place, prepare, closed, act, words):
    prepare(place)
    before = contents(place.path)
    (place.path / closed).chmod(0o555 if (place.path / closed).is_dir() else 0)
    try:
        assert re.search(words, refusal(lambda: act(place)))
    finally:
        (place.path / closed).chmod(0o755)
    assert contents(place.path) == before


def test_a_run_that_goes_on_in_vain_is_left_as_it_is(place, monkeypatch):
    """Without a checkpoint it begins anew: what a first training would clear away stays."""
    config(steps=4)(place)
    shutil.rmtree(place.path / "r" / "checkpoints")
    before = contents(place.path)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ganzoo.core.gan.GAN, "fit", full)
    with pytest.raises(OSError, match="No space"):
        runs.resume("r")
    after = contents(place.path)
    assert {path: after.get(path) for path in before if path.name != "losses.png"} == {
        path: words for path, words in before.items() if path.name != "losses.png"
    }


@pytest.mark.parametrize("gone", ["generator/layers/dense", "discriminator_optimizer/vars/3"])
def test_what_a_file_lacks_is_not_left_as_it_came(place, gone):
    copied(place)
    folder = place.path / "r" / "checkpoints"
    newest = folder / "step_00000002.keras"
    parts = apart(newest)
    memory = io.BytesIO(parts[WEIGHTS])
    with h5py.File(memory, "r+") as weights:
        del weights[gone]
    pack(newest, parts | {WEIGHTS: memory.getvalue()})
    gan = ganzoo.get("gan", width=8, latent_dim=4)
    assert "none of the 1 checkpoints" in refusal(lambda: Checkpoints(folder).restore(gan))
    assert "is no saved GAN, or is damaged" in refusal(lambda: ganzoo.load(newest))


@each_of(RUNS | FILES)
def test_each_case_ends_soon_in_one_sentence_or_works(place, prepare, act, words):
    ends_soon_in_one_sentence_or_works(place, prepare, act, words)
