"""What the tables of hostile input share: a folder for each case, and how a case must end."""

import io
import json
import os
import re
import shutil
import time
import warnings
import zipfile
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import ganzoo
from ganzoo import cli, data, exporters

SECONDS = 10
RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(64, 2)).astype("float32")
PICTURES = RNG.integers(0, 256, (64, 8, 8, 1), "uint8")
CLASSES = np.arange(64) % 4
WORKS = None


class Refused(Exception):
    """The one sentence of the command line for what it was asked with exit code 2."""


class Place(NamedTuple):
    """A case's own empty folder, where it is run, and what was trained."""

    path: object
    trained: object
    gan: object
    labelled: object
    capsys: object

    def type(self, *words):
        code = cli.main([str(word) for word in words])
        out, err = self.capsys.readouterr()
        assert code in (0, 2), err
        if code:
            assert out == "" and err.startswith("ganzoo: ") and err.endswith("\n")
            raise Refused(err.removeprefix("ganzoo: ").removesuffix("\n"))


def contents(folder):
    """Path -> what is there, of all below a folder, links and pipes as such."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_symlink() or path.is_dir():
            found[path] = path.is_symlink() and os.readlink(path)
        else:
            found[path] = path.read_bytes() if path.is_file() else "special"
    return found


def nothing(place):
    pass


def get(*name, **hyperparameters):
    return lambda place: ganzoo.get(*(name or ["gan"]), **hyperparameters)


def on_the_gan(call):
    return lambda place: call(place.gan)


def on_the_labelled(call):
    return lambda place: call(place.labelled)


def picture(name, shape=(8, 8, 3), mode=None, **options):
    def write(place):
        path = place.path / "p" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(RNG.integers(0, 256, shape, "uint8"))
        (image.convert(mode) if mode else image).save(path, **options)

    return write


def content(name, words):
    def write(place):
        path = place.path / "p" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(words)

    return write


def all_of(*steps):
    def run(place):
        for step in steps:
            step(place)

    return run


def read_the_folder(place):
    dataset = data.load(f"folder:{place.path / 'p'}")
    stream = data.batches(dataset, batch_size=1)
    with data.clear_errors():
        rows = list(stream.dataset.take(int(dataset.cardinality())))
    assert all(row["image"].dtype == tf.uint8 for row in rows)


UNREADABLE = "can't be read as a picture.*: repair or remove it"


def zipped(**members):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as file:
        for name, words in members.items():
            file.writestr(name.replace("_", "."), words)
    return memory.getvalue()


def line(*words):
    return lambda place: place.type(*words)


def copied(place):
    shutil.copytree(place.trained / "run", place.path / "r")


TRAIN = ("train", "gan", "--data", "digits")


def config(raw=None, without=None, **changes):
    """A copy of the run, which has steps left, with another config.json."""

    def write(place):
        copied(place)
        file = place.path / "r" / "config.json"
        found = json.loads(file.read_text()) | {"steps": 4} | changes
        found.pop(without, None)
        file.write_bytes(json.dumps(found).encode() if raw is None else raw)

    return write


def without_preparation(cases):
    return {name: (nothing, act, words) for name, (act, words) in cases.items()}


def always(act, cases):
    return {name: (prepare, act, words) for name, (prepare, words) in cases.items()}


def each_of(cases):
    return pytest.mark.parametrize(("prepare", "act", "words"), cases.values(), ids=cases)


def ends_soon_in_one_sentence_or_works(place, prepare, act, words, stays=True):
    prepare(place)
    before = contents(place.path)
    sentence = refusal(lambda: act(place))
    if words is WORKS:
        assert sentence is None
    else:
        assert sentence is not None, "it was not refused"
        assert re.search(words, sentence), sentence
        if stays:
            assert contents(place.path) == before


def refusal(call):
    """The one sentence with which a call is refused, or None."""
    began = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
        sentence = None
    except (ValueError, OSError, exporters.ExportError, Refused) as error:
        sentence = str(error)
        assert "\n" not in sentence and "Traceback" not in sentence, sentence
        assert 10 < len(sentence) < 1000 and " " in sentence
    assert time.monotonic() - began < SECONDS
    return sentence


WEIGHTS = "model.weights.h5"
FEW = {"deadline": None, "derandomize": True, "database": None}


def apart(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def pack(path, parts):
    with zipfile.ZipFile(path, "w") as file:
        for name, words in parts.items():
            file.writestr(name, words)
