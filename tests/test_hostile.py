"""Hostile and broken input: each case of one table ends soon, in one sentence or in what was asked
for, and nothing on disk is lost or half-written; then random ones."""

import hashlib
import io
import json
import math
import os
import pickle
import re
import shutil
import struct
import time
import warnings
import zipfile
import zlib
from typing import NamedTuple

import h5py
import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import ganzoo
from ganzoo import cli, data, exporters
from ganzoo.foundation import schedules
from ganzoo.training import runs
from ganzoo.training.checkpoints import Checkpoints

SECONDS = 10
RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(64, 2)).astype("float32")
PICTURES = RNG.integers(0, 256, (64, 8, 8, 1), "uint8")
CLASSES = np.arange(64) % 4
WORKS = None


# ---- what the cases are given


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def gan(trained):
    return runs.load(trained / "run")


@pytest.fixture(scope="module")
def labelled(trained):
    return ganzoo.load(trained / "labelled.keras")


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


@pytest.fixture
def place(tmp_path, trained, gan, labelled, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, trained, gan, labelled, capsys)


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


# ---- the interface


def get(*name, **hyperparameters):
    return lambda place: ganzoo.get(*(name or ["gan"]), **hyperparameters)


def on_the_gan(call):
    return lambda place: call(place.gan)


def on_the_labelled(call):
    return lambda place: call(place.labelled)


INTERFACE = {
    "a name that is a list": (get(["lsgan"]), "no GAN is called .*there are acgan"),
    "a name with a line break": (get("ls\ngan"), r"'ls\\ngan': did you mean 'lsgan'"),
    "a name of a megabyte": (get("x" * 10**6), "no GAN is called 'xxx"),
    "no name": (lambda _: ganzoo.get(None), "no GAN is called None"),
    "a pattern that is a number": (lambda _: ganzoo.names(3), "the pattern must be a string"),
    "a card of nothing": (lambda _: ganzoo.card(""), "no GAN is called ''"),
    "loading nothing": (lambda _: ganzoo.load(None), "None is no path: name a .keras file"),
    "loading a number": (lambda _: ganzoo.load(3), "3 is no path"),
    "loading a NUL": (lambda _: ganzoo.load("a\0.keras"), "is no path"),
    "loading the empty path": (lambda _: ganzoo.load(""), "is a folder: name the .keras file"),
    "loading a long path": (lambda _: ganzoo.load("a" * 300 + ".keras"), "File name too long"),
    "loading an address": (lambda _: ganzoo.load("https://x.org/y.keras"), "no saved GAN at"),
    "saving to nothing": (on_the_gan(lambda gan: gan.save(None)), "None is no path"),
    "saving to a NUL": (on_the_gan(lambda gan: gan.save("a\0.keras")), "is no path"),
    "saving as HDF5": (on_the_gan(lambda gan: gan.save("a.h5")), "end it in .keras"),
    "saving into no folder": (on_the_gan(lambda gan: gan.save("no/a.keras")), "no/a.keras was not"),
    "saving what is not built": (lambda _: ganzoo.get("gan").save("a.keras"), "fit it first"),
    "no samples": (on_the_gan(lambda gan: gan.sample(0)), "count=0 must be"),
    "samples for True": (on_the_gan(lambda gan: gan.sample(True)), "count=True must be"),
    "samples for a text": (on_the_gan(lambda gan: gan.sample("2")), "count='2' must be"),
    "samples for a float": (on_the_gan(lambda gan: gan.sample(2.0)), "count=2.0 must be"),
    "more samples than fit": (on_the_gan(lambda gan: gan.sample(10**12)), "at most 1000000"),
    "a seed of text": (on_the_gan(lambda gan: gan.sample(2, seed="a")), "seed='a' must be"),
    "a seed of None": (on_the_gan(lambda gan: gan.sample(2, seed=None)), "seed=None must be"),
    "a seed of NaN": (on_the_gan(lambda gan: gan.sample(2, seed=math.nan)), "seed=nan must be"),
    "a seed of 70 bits": (on_the_gan(lambda gan: gan.sample(2, seed=2**70)), "seed=118059"),
    "a seed below zero": (on_the_gan(lambda gan: gan.sample(2, seed=-1)), WORKS),
    "samples in batches of 0": (
        on_the_gan(lambda gan: gan.sample(2, batch_size=0)),
        "batch_size=0 must be an int of at least 1",
    ),
    "samples in batches of None": (
        on_the_gan(lambda gan: gan.sample(2, batch_size=None)),
        "batch_size=None must be",
    ),
    "labels of no class": (
        on_the_gan(lambda gan: gan.sample(2, labels=1)),
        "is not told the class",
    ),
    "a label out of range": (on_the_labelled(lambda gan: gan.sample(2, labels=9)), "0 to 3"),
    "a label of 70 bits": (on_the_labelled(lambda gan: gan.sample(2, labels=2**70)), "integers"),
    "labels as floats": (on_the_labelled(lambda gan: gan.sample(2, labels=1.0)), "not float64"),
    "labels as text": (on_the_labelled(lambda gan: gan.sample(2, labels="cat")), "not <U3"),
    "too many labels": (on_the_labelled(lambda gan: gan.sample(2, labels=[1, 2, 3])), "a row each"),
    "labels of different lengths": (
        on_the_labelled(lambda gan: gan.sample(2, labels=[[1], [1, 2]])),
        "label has rows of different lengths: it takes one row",
    ),
    "labels given twice": (
        on_the_labelled(lambda gan: gan.sample(2, labels=1, label=2)),
        "both given: leave one out",
    ),
    "a latent of NaN": (
        on_the_gan(lambda gan: gan.sample(2, latent=np.full([2, 4], np.nan))),
        "latent of dtype float64 must be finite numbers of float32",
    ),
    "a latent beyond float32": (
        on_the_gan(lambda gan: gan.sample(2, latent=np.full([2, 4], 1e39))),
        "finite numbers of float32",
    ),
    "a latent of None": (on_the_gan(lambda gan: gan.sample(2, latent=None)), "of dtype object"),
    "a latent of text": (on_the_gan(lambda gan: gan.sample(2, latent="a")), "of dtype <U1"),
    "a complex latent": (on_the_gan(lambda gan: gan.sample(2, latent=[1j] * 4)), "complex128"),
    "a latent of another width": (
        on_the_gan(lambda gan: gan.sample(2, latent=np.zeros([2, 5]))),
        r"shape \(2, 5\)",
    ),
    "a latent misspelt": (on_the_gan(lambda gan: gan.sample(2, lantent=0)), "mean 'latent'"),
    "inferring what isn't": (on_the_gan(lambda gan: gan.encode(VECTORS)), "such as bigan"),
    "exporting to nothing": (on_the_gan(lambda gan: gan.export(None)), "None is no path"),
    "exporting to a NUL": (on_the_gan(lambda gan: gan.export("a\0")), "is no path"),
    "exporting in the cloud": (
        on_the_gan(lambda gan: gan.export("s3://a")),
        "no local|not a local",
    ),
    "exporting a list": (
        on_the_gan(lambda gan: gan.export("e", format=[])),
        "unknown export format",
    ),
    "exporting version True": (
        on_the_gan(lambda gan: gan.export("e", version=True)),
        "an integer from 1, not True",
    ),
    "exporting at NaN dB": (
        on_the_gan(
            lambda gan: gan.export("e", format="onnx", precision="int8", least_psnr=math.nan)
        ),
        "a number of dB, such as 40, not nan",
    ),
    "exporting a SavedModel as an ONNX file": (
        on_the_gan(lambda gan: gan.export("a.onnx")),
        "names an ONNX file",
    ),
    "exporting a version of an ONNX file": (
        on_the_gan(lambda gan: gan.export("a.onnx", format="onnx", version=1)),
        "has no versions",
    ),
    "exporting an ONNX file to no folder": (
        on_the_gan(lambda gan: gan.export("nowhere/a.onnx", format="onnx")),
        "a file in a folder that exists",
    ),
    "exporting below a file": (
        lambda place: place.gan.export(place.trained / "vectors.npz" / "e", format="onnx"),
        "Not a directory",
    ),
    "verifying nothing": (lambda _: exporters.verify(None), "None is no path"),
    "verifying a file": (
        lambda place: exporters.verify(place.trained / "vectors.npz"),
        "no export",
    ),
    "evaluating what is not built": (lambda _: ganzoo.get("gan").evaluate(VECTORS), "fit it first"),
    "evaluating on other data": (
        on_the_gan(lambda gan: gan.evaluate(PICTURES)),
        "the model was built for float32",
    ),
    "evaluating on 3 rows": (
        on_the_gan(lambda gan: gan.evaluate(VECTORS[:3], batch_size=1)),
        "pass at least 4",
    ),
    "evaluating -1 samples": (
        on_the_gan(lambda gan: gan.evaluate(VECTORS, samples=-1)),
        "samples=-1 must be",
    ),
    "evaluating with an unknown extractor": (
        on_the_gan(lambda gan: gan.evaluate(VECTORS, batch_size=16, extractor="vgg")),
        "extractor='vgg' must be",
    ),
    "evaluating with an extractor without a name": (
        on_the_gan(lambda gan: gan.evaluate(VECTORS, batch_size=16, extractor=Nameless())),
        "an object with name, hash and features",
    ),
    "evaluating with features of NaN": (
        on_the_gan(lambda gan: gan.evaluate(VECTORS, batch_size=16, extractor=OfNaN())),
        "hold NaN or Inf",
    ),
    "evaluating with a seed below zero": (
        on_the_gan(lambda gan: gan.evaluate(VECTORS, batch_size=16, seed=-1)),
        "seed=-1 must be",
    ),
    "data without a name": (lambda _: data.load(None), "None is no data set: there are digits"),
    "data by a list": (lambda _: data.load(["digits"]), "is no data set"),
    "data in capitals": (lambda _: data.load("Digits"), "did you mean 'digits'"),
    "data of a seed of text": (lambda _: data.load("ring", seed="a"), "seed='a' must be an int"),
    "data of a seed below zero": (lambda _: data.load("ring", seed=-1), "seed=-1 must be an int"),
    "a size of text": (lambda _: data.load("digits", size=("8", "8")), "two positive ints"),
    "a size of floats": (lambda _: data.load("digits", size=(8.5, 8.5)), "two positive ints"),
    "a size of three": (lambda _: data.load("digits", size=(8, 8, 8)), "two positive ints"),
    "a size of lists": (lambda _: data.load("digits", size=((1, 2), 3)), "two positive ints"),
    "a size of terabytes": (lambda _: data.load("digits", size=(10**6, 10**6)), "at most 16384"),
    "a size of NumPy": (lambda _: data.load("digits", size=np.array([4, 4])), WORKS),
    "the home of nobody": (lambda _: data.load("folder:~nobody-here/x"), "is not a folder"),
    "a folder with a NUL": (lambda _: data.load("folder:a\0"), "is not a folder"),
}


WITH_LABELS = {"image": data.Column("sample"), "label": data.Column("label")}


class Nameless:
    def features(self, x):
        return x


class OfNaN:
    name, hash = "NaN", "0"

    def features(self, x):
        return np.full([len(x), 3], np.nan)


def fit(*args, **options):
    """Refused before anything is built, so a case costs no time."""
    return lambda place: ganzoo.get("gan").fit(*args, **{"verbose": 0} | options)


def batches(x, y=None, **options):
    """Works if a batch comes, finite in the network's units."""

    def act(place):
        stream = data.batches(x(place) if callable(x) else x, y, **{"batch_size": 8} | options)
        with data.clear_errors():
            batch = next(iter(stream.dataset))
        assert np.isfinite(stream.spec.encode(batch[stream.sample_name])).all()

    return act


def slices(x):
    return tf.data.Dataset.from_tensor_slices(x)


def generated(rows):
    signature = tf.TensorSpec(rows[0].shape, rows[0].dtype)

    def rows_then_error():
        yield from rows
        raise RuntimeError("the disk is gone")

    return tf.data.Dataset.from_generator(rows_then_error, output_signature=signature)


@tf.autograph.experimental.do_not_convert
def read(name):
    return tf.reshape(tf.io.decode_png(tf.io.read_file(name)), [8, 8, 1])


WIDE = RNG.normal(size=(64, 2))

FITTING = {
    "no data": (fit(), "of type NoneType: pass a numpy array"),
    "epochs of text": (fit(VECTORS, epochs="2"), "epochs='2' must be"),
    "epochs below zero": (fit(VECTORS, epochs=-1), "epochs=-1 must be"),
    "half an epoch": (fit(VECTORS, epochs=0.5), "epochs=0.5 must be"),
    "an initial epoch of None": (fit(VECTORS, initial_epoch=None), "initial_epoch=None must be"),
    "callbacks of text": (fit(VECTORS, callbacks="tensorboard"), "callbacks hold 'tensorboard'"),
    "a callback's class": (fit(VECTORS, callbacks=[keras.callbacks.Callback]), "callbacks hold"),
    "steps per epoch of text": (fit(VECTORS, steps_per_epoch="2"), "steps_per_epoch='2'"),
    "a checkpoint that is a number": (fit(VECTORS, checkpoint=3), "checkpoint=3 is no path"),
    "a checkpoint with a NUL": (fit(VECTORS, checkpoint="a\0"), "is no path: name a folder"),
    "a checkpoint that is a file": (
        lambda place: fit(VECTORS, checkpoint=place.trained / "vectors.npz")(place),
        "is a file: name a folder",
    ),
    "batch_size of NaN": (batches(VECTORS, batch_size=math.nan), "batch_size=nan is not"),
    "batch_size of a googol": (batches(VECTORS, batch_size=10**100), "at most 64"),
    "batch_size of a googol from a dataset": (
        batches(slices(VECTORS).repeat(), batch_size=10**100, steps_per_epoch=1),
        "pass a batch_size that makes it at most 1048576",
    ),
    "one row": (batches(VECTORS[:1], batch_size=1), WORKS),
    "pictures of one pixel": (batches(PICTURES[:, :1, :1]), WORKS),
    "pictures of 64 channels": (batches(PICTURES.reshape(64, 1, 1, 64)), WORKS),
    "constant pictures": (batches(np.full([64, 8, 8, 1], 7, "uint8")), WORKS),
    "pictures in reverse": (batches(PICTURES[::-1, :, ::-1]), WORKS),
    "another byte order": (batches(VECTORS.astype(">f4")), WORKS),
    "a matrix": (batches(np.asmatrix(VECTORS)), WORKS),
    "a variable": (batches(lambda _: tf.Variable(VECTORS)), WORKS),
    "sets": (batches({1, 2}), "of type set: pass a numpy array"),
    "a scalar": (batches(3.0), "of type float"),
    "a module": (batches(np), "of type module"),
    "a sparse tensor": (batches(lambda _: tf.sparse.from_dense(VECTORS)), "of type SparseTensor"),
    "a dict of odd keys": (batches({1: VECTORS, "a": VECTORS}), "it needs 'image'"),
    "records": (batches(np.zeros(64, [("a", "f4")])), "dtype void"),
    "bytes": (batches(np.zeros([64, 2], "S3")), "dtype bytes"),
    "128 bits": (batches(VECTORS.astype("longdouble")), "dtype float128: pass real numbers"),
    "4 bits": (batches((VECTORS > 0).astype(ml_dtypes.int4)), "dtype int4"),
    "8 bits of float": (batches(VECTORS.astype(ml_dtypes.float8_e5m2)), "dtype float8"),
    "64 bits of integer": (batches(RNG.integers(-(2**63), 2**63 - 1, [64, 2])), WORKS),
    "subnormal vectors": (batches(VECTORS * 1e-42), "too close together for float32"),
    "vectors whose squares overflow": (batches(WIDE * 1e200), "too large or too close"),
    "a range that overflows": (
        batches(WIDE, value_range=(-1.7e308, 1.7e308)),
        "too large or too close",
    ),
    "a range of one subnormal": (batches(WIDE * 0, value_range=(0, 5e-324)), "too close together"),
    "a range of text": (batches(PICTURES, value_range="ab"), "'ab' is not a pair"),
    "a range beyond floats": (batches(PICTURES, value_range=(0, 10**400)), "not a pair of finite"),
    "a range of four": (batches(PICTURES, value_range=np.zeros([2, 2])), "is not a pair"),
    "a range of NaN": (batches(PICTURES, value_range=(0, math.nan)), "is not a pair"),
    "a range of three for a built GAN": (
        on_the_labelled(lambda gan: gan.batches(PICTURES, CLASSES, value_range=(0, 1, 2))),
        r"\(0, 1, 2\) is not a pair",
    ),
    "a range of 5 for a built GAN": (
        on_the_labelled(lambda gan: gan.batches(PICTURES, CLASSES, value_range=5)),
        "5 is not a pair",
    ),
    "labels of 64 bits": (
        batches(PICTURES, CLASSES.astype("uint64") + 2**63, columns=WITH_LABELS),
        "at most 65536 can be learned: renumber them",
    ),
    "a label of a trillion": (
        batches(PICTURES, CLASSES * 10**12, columns=WITH_LABELS),
        "renumber them",
    ),
    "a label of a trillion in a dataset": (
        batches(slices((PICTURES, CLASSES * 10**12)), columns=WITH_LABELS),
        "renumber them",
    ),
    "labels of truth": (batches(PICTURES, CLASSES > 1, columns=WITH_LABELS), "have dtype bool"),
    "labels of text": (batches(PICTURES, ["a"] * 64, columns=WITH_LABELS), WORKS),
    "labels of None": (
        batches(PICTURES, [None] * 64, columns=WITH_LABELS),
        "labels has dtype object",
    ),
    "labels of NaN": (batches(PICTURES, CLASSES * np.nan, columns=WITH_LABELS), "must be integers"),
    "one label": (batches(PICTURES, 3, columns=WITH_LABELS), "labels is of type int"),
    "labels of no width": (
        batches(PICTURES, np.zeros([64, 0], int), columns=WITH_LABELS),
        r"\(64, 0\)",
    ),
    "labels that a dataset hides in a dict": (
        batches(slices((PICTURES, {"a": CLASSES})), columns=WITH_LABELS),
        "labels of the dataset is a dict",
    ),
    "unlearned labels of different lengths": (batches(PICTURES, [[1], [1, 2]] * 32), WORKS),
    "too few unlearned labels of different lengths": (
        batches(PICTURES, [[1], [1, 2]]),
        r"labels have shape \(2,\)",
    ),
    "one class": (batches(PICTURES, CLASSES * 0, columns=WITH_LABELS), WORKS),
    "a dataset that fails at once": (
        batches(lambda _: generated(VECTORS[:4])),
        r"can't be read \(.*the disk is gone\): mend",
    ),
    "a dataset that fails in time": (
        batches(lambda _: generated([*VECTORS] * 33), batch_size=2112),
        "the disk is gone",
    ),
    "a dataset of files that are gone": (
        batches(lambda _: slices(["gone.png"] * 64).map(read)),
        "gone.png; No such file or directory",
    ),
    "datasets of a dataset": (batches(lambda _: slices(VECTORS).window(3)), "is a DatasetSpec"),
}


# ---- configurations

CONFIGURATIONS = {
    "a misspelt name": (get(widht=8), "did you mean 'width'"),
    "a game's own ingredient": (get(objective="hinge"), "has its own objective"),
    "latents of NaN": (get(latent_dim=math.nan), "latent_dim=nan must be an int, at least"),
    "latents of infinity": (get(latent_dim=math.inf), "latent_dim=inf must be"),
    "latents of True": (get(latent_dim=True), "latent_dim=True must be"),
    "latents of text": (get(latent_dim="4"), "latent_dim='4' must be"),
    "latents of None": (get(latent_dim=None), "latent_dim=None must be"),
    "latents of an array": (get(latent_dim=np.ones([9, 9])), "latent_dim=array"),
    "latents of a trillion": (get(latent_dim=10**12), "at most 65536"),
    "a width of 0": (get(width=0), "width=0 must be an int, at least 1"),
    "a width of a trillion": (get(width=10**12), "at most 16384 or None"),
    "a width of 8.0": (get(width=8.0), "width=8.0 must be"),
    "a seed below zero": (get(seed=-1), "seed=-1 must be"),
    "a seed of 64 bits": (get(seed=2**63), "at most 9223372036854775807"),
    "a rate of 0": (get(generator_learning_rate=0), "above 0 or a schedule"),
    "a rate of NaN": (get(generator_learning_rate=math.nan), "=nan must be"),
    "a rate of infinity": (get(discriminator_learning_rate=math.inf), "=inf must be"),
    "a rate beyond float32": (get(generator_learning_rate=1e39), "float of 32 bits, above 0"),
    "a rate beyond floats": (get(generator_learning_rate=10**400), "float of 32 bits, above 0"),
    "a rate of text": (get(generator_learning_rate="linear(1,0,9)"), "must be"),
    "a rate of a lambda": (get(generator_learning_rate=lambda step: 1.0), "must be"),
    "a complex rate": (get(generator_learning_rate=1j), "=1j must be"),
    "a decay above 1": (get(beta_1=1.5), "beta_1=1.5 must be .*at most 1"),
    "a decay below 0": (get(beta_2=-0.1), "beta_2=-0.1 must be .*at least 0"),
    "a schedule for what takes none": (get(beta_1=schedules.linear(1, 0, 9)), "must be"),
    "an average that never moves": (get(ema=1), "ema=1 must be .*at most 0.99999"),
    "no critic steps": (get(critic_steps=0), "critic_steps=0 must be"),
    "too many critic steps": (get(critic_steps=1001), "at most 1000"),
    "packs of none": (get(packing=0), "packing=0 must be"),
    "packs where D reconstructs": (get("began", packing=2), "is not defined for began"),
    "an unknown penalty": (get(penalties={"r9": 1}), "no penalty is called 'r9'"),
    "a penalty below zero": (get(penalties={"r1": -1}), "number of at least 0 or a schedule"),
    "a penalty of NaN": (get(penalties={"r1": math.nan}), "must be"),
    "a penalty of True": (get(penalties={"r1": True}), "must be"),
    "a penalty of text": (get(penalties={"r1": "10"}), "must be"),
    "a penalty beyond floats": (get(penalties={"r1": 10**400}), "must be"),
    "a list of penalties": (get(penalties=["r1"]), "must be weights by name"),
    "a penalty with batch normalisation": (
        get(penalties={"r1": 1}, discriminator_normalization="batch"),
        "use discriminator_normalization=",
    ),
    "an unknown architecture": (get(architecture="resnet99"), "must be one of 'auto'"),
    "an architecture of one": (get(architecture=[keras.Sequential()]), "a pair of Keras"),
    "an architecture of None": (get(architecture=None), "a pair of Keras models"),
    "an unknown objective": (get("dcgan", objective="l1"), "objective='l1' must be"),
    "an objective of an array": (get("dcgan", objective=np.array(["hinge"] * 2)), "must be"),
    "a coding of NaN": (get("lsgan", coding=(math.nan, 1, 0)), "must be one of"),
    "a coding of arrays": (get("lsgan", coding=(np.ones(2),) * 3), "must be one of"),
    "one class": (get("cgan", num_classes=1), "at least 2"),
    "a trillion classes": (get("cgan", num_classes=10**12), "at most 65536 or None"),
    "a trillion categories": (get("infogan", categories=10**12), "at most 65536"),
    "a trillion codes": (get("infogan", codes=10**12), "at most 65536"),
    "truth by number": (get(as_published=1), "as_published=1 must be True or False"),
    "diversity above 1": (get("began", gamma=2), "gamma=2 must be"),
    "a gain beyond float32": (get("began", proportional_gain=1e300), "float of 32 bits"),
    "a schedule of no shape": (lambda _: schedules.Schedule([], 1, 0, 9), "one of linear, cosine"),
    "a schedule of True": (lambda _: schedules.linear(True, 0, 9), "must be a number, not True"),
    "a schedule of NaN": (lambda _: schedules.linear(math.nan, 0, 9), "start=nan of the schedule"),
    "a schedule below zero": (lambda _: schedules.cosine(-1, 0, 9), "at least 0 and at most"),
    "a schedule of no steps": (lambda _: schedules.linear(1, 0, 0), "steps=0 of the schedule"),
    "a schedule beyond floats": (lambda _: schedules.linear(1, 0, 10**400), "at most 3e\\+38"),
    "a schedule from 0 by factors": (lambda _: schedules.exponential(0, 1, 9), "above 0"),
    "no text of a schedule": (lambda _: schedules.parse(3), "is not a schedule: write linear"),
    "a schedule of words": (lambda _: schedules.parse("linear(a, b, c)"), "START, END, STEPS"),
    "a schedule of too many": (lambda _: schedules.parse("linear(1,2,3,4,5)"), "START, END"),
    "a schedule of nothing": (lambda _: schedules.parse("linear()"), "START, END, STEPS"),
}


# ---- folders of pictures


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


def changed(name, change, **options):
    """A picture whose bytes were changed."""

    def write(place):
        picture(name, (32, 32, 3), **options)(place)
        path = place.path / "p" / name
        path.write_bytes(change(path.read_bytes()))

    return write


def in_folder(make):
    def act(place):
        (place.path / "p").mkdir(exist_ok=True)
        make(place.path / "p")

    return act


def frames(name, **options):
    def write(place):
        (place.path / "p").mkdir()
        first, *others = [Image.fromarray(RNG.integers(0, 256, [8, 8, 3], "uint8")) for _ in "abc"]
        first.save(place.path / "p" / name, save_all=True, append_images=others, **options)

    return write


def huge_png():
    """A few kilobytes that promise 60,000×60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(10**6))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(b)) + kind + b + struct.pack(">I", zlib.crc32(kind + b))
        for kind, b in parts
    )


def not_unicode(place):
    picture("a.png")(place)
    os.rename(place.path / "p" / "a.png", os.fsencode(place.path / "p") + b"/\xff\xfe.png")


def no_unicode_class(place):
    picture("a/1.png")(place)
    os.rename(place.path / "p" / "a", os.fsencode(place.path / "p") + b"/\xff")


def read_the_folder(place):
    dataset = data.load(f"folder:{place.path / 'p'}")
    stream = data.batches(dataset, batch_size=1)
    with data.clear_errors():
        rows = list(stream.dataset.take(int(dataset.cardinality())))
    assert all(row["image"].dtype == tf.uint8 for row in rows)


def lose_the_folder(place):
    dataset = data.load(f"folder:{place.path / 'p'}")
    stream = data.batches(dataset, batch_size=1)
    shutil.rmtree(place.path / "p")
    with data.clear_errors():
        list(stream.dataset.take(4))


UNREADABLE = "can't be read as a picture.*: repair or remove it"
FOLDERS = {
    "no folder": (nothing, "p is not a folder"),
    "a file": (lambda place: (place.path / "p").write_text("x"), "p is not a folder"),
    "empty": (in_folder(lambda p: None), "holds no pictures"),
    "no pictures": (content("a.txt", b"a"), "holds no pictures"),
    "hidden pictures": (picture(".hidden/a.png"), "holds no pictures"),
    "text named .png": (content("a.png", b"hello"), UNREADABLE),
    "nothing named .png": (content("a.png", b""), UNREADABLE),
    "a GIF named .png": (picture("a.png", format="GIF"), UNREADABLE),
    "a film named .png": (frames("a.png", format="GIF"), UNREADABLE),
    "WebP named .png": (picture("a.png", format="WEBP"), UNREADABLE),
    "a PNG that moves": (frames("a.png"), WORKS),
    "a PNG named .jpg": (picture("a.jpg", format="PNG"), WORKS),
    "a JPEG named .png": (picture("a.png", format="JPEG"), WORKS),
    "a truncated JPEG": (changed("a.jpg", lambda b: b[: len(b) // 2]), UNREADABLE),
    "a JPEG that lacks its end": (
        changed("a.jpg", lambda b: b[:-2] + b"junk" * 100),
        UNREADABLE,
    ),
    "a truncated PNG": (changed("a.png", lambda b: b[: len(b) // 2]), UNREADABLE),
    "a PNG with a flipped bit": (
        changed("a.png", lambda b: b[:50] + bytes([b[50] ^ 1]) + b[51:]),
        UNREADABLE,
    ),
    "a PNG with more behind": (changed("a.png", lambda b: b + b"junk"), WORKS),
    "a bomb": (content("a.png", huge_png()), UNREADABLE),
    "one pixel": (picture("a.png", (1, 1, 3)), WORKS),
    "mixed sizes": (
        all_of(picture("a.png"), picture("b.png", (9, 7, 3))),
        r"a.png is 8×8, but \S*b.png is 9×7: pass size=",
    ),
    "mixed colours": (all_of(picture("a.png", (8, 8)), picture("b.png")), WORKS),
    "CMYK": (picture("a.jpg", mode="CMYK"), WORKS),
    "a palette with transparency": (picture("a.png", mode="P", transparency=3), WORKS),
    "16 bits": (
        in_folder(lambda p: Image.fromarray(np.zeros([8, 8], "uint16")).save(p / "a.png")),
        WORKS,
    ),
    "unicode and spaces": (picture("zwei Wörter ☃/猫 1.png"), WORKS),
    "a name that is no Unicode": (not_unicode, WORKS),
    "a class that is no Unicode": (no_unicode_class, WORKS),
    "a loop of folders": (
        all_of(picture("c/a.png"), in_folder(lambda p: (p / "c" / "up").symlink_to(p))),
        WORKS,
    ),
    "a link to itself": (in_folder(lambda p: (p / "a.png").symlink_to(p / "a.png")), UNREADABLE),
    "a link to nothing": (in_folder(lambda p: (p / "a.png").symlink_to(p / "b.png")), UNREADABLE),
    "a link to an endless device": (
        in_folder(lambda p: (p / "a.png").symlink_to("/dev/zero")),
        UNREADABLE,
    ),
    "a pipe": (in_folder(lambda p: os.mkfifo(p / "a.png")), UNREADABLE),
    "a folder named .png beside pictures": (
        all_of(picture("a.png"), in_folder(lambda p: (p / "b.png").mkdir())),
        WORKS,
    ),
    "classes named .png": (all_of(picture("cat.png/a.png"), picture("dog/a.png")), WORKS),
    "nested": (picture("a/b/c/d.png"), WORKS),
    "a class without pictures": (
        all_of(picture("a/1.png"), in_folder(lambda p: (p / "b").mkdir())),
        WORKS,
    ),
    "pictures beside classes": (
        all_of(picture("a.png"), picture("b/a.png")),
        r"pictures of its own and sub-folders of pictures \(b\): move them",
    ),
    "what a Mac leaves": (all_of(picture("a/1.png"), content("a/._1.png", b"x")), WORKS),
}


# ---- archives of arrays


def arrays(**arrays):
    return lambda place: np.savez(place.path / "x.npz", **arrays)


def archive(words):
    return lambda place: (place.path / "x.npz").write_bytes(words)


def written(write, *values, **named):
    memory = io.BytesIO()
    write(memory, *values, **named)
    return memory.getvalue()


WHOLE = written(np.savez, x=PICTURES)


def zipped(**members):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as file:
        for name, words in members.items():
            file.writestr(name.replace("_", "."), words)
    return memory.getvalue()


def header_of_terabytes():
    memory = io.BytesIO()
    facts = {"descr": "<f4", "fortran_order": False, "shape": (10**13, 4)}
    np.lib.format.write_array_header_1_0(memory, facts)
    return memory.getvalue()


def read_the_archive(place):
    dataset = data.load(f"npz:{place.path / 'x.npz'}")
    has_labels = isinstance(dataset.element_spec, dict) and "label" in dataset.element_spec
    stream = data.batches(dataset, batch_size=2, columns=WITH_LABELS if has_labels else None)
    with data.clear_errors():
        next(iter(stream.dataset))


ARCHIVES = {
    "no file": (nothing, "x.npz can't be read as .npz of plain arrays: .*No such file"),
    "a folder": (lambda place: (place.path / "x.npz").mkdir(), "can't be read.*Is a directory"),
    "nothing": (archive(b""), "can't be read as .npz"),
    "text": (archive(b"hello"), "it is no archive, or holds Python objects"),
    "a pickle": (archive(pickle.dumps(PICTURES)), "it is no archive, or holds Python objects"),
    "one array": (archive(written(np.save, PICTURES)), "write it with np.savez"),
    "truncated": (archive(WHOLE[:-60]), "can't be read as .npz"),
    "a flipped bit": (archive(WHOLE[:300] + b"\x01\x02" + WHOLE[302:]), "Bad CRC-32"),
    "no arrays": (arrays(), "holds no arrays: name them x/y"),
    "a text in it": (archive(zipped(x_txt="hello")), "holds x.txt, which is no array"),
    "terabytes promised": (archive(zipped(x_npy=header_of_terabytes())), "can't be read as .npz"),
    "objects": (arrays(x=np.array([{}, None])), "holds Python objects"),
    "NaN": (arrays(x=np.full([9, 2], np.nan)), "NaN or Inf"),
    "no rows": (arrays(x=PICTURES[:0]), "data is empty"),
    "a number": (arrays(x=3), r"holds x \(\): images are"),
    "five axes": (arrays(x=np.zeros([4, 2, 2, 2, 2])), r"holds x \(4, 2, 2, 2, 2\)"),
    "wrong keys": (arrays(a=PICTURES, b=PICTURES), "holds the arrays a, b: name them x/y"),
    "labels alone": (arrays(y=CLASSES), r"holds y \(64,\): images are"),
    "too few labels": (arrays(x=PICTURES, y=CLASSES[:3]), r"and y \(3,\)"),
    "one row and one label": (arrays(x=PICTURES[:1], y=3), r"and y \(\)"),
    "labels of text": (arrays(x=PICTURES, y=["a"] * 64), WORKS),
    "labels of halves": (arrays(x=PICTURES, y=CLASSES / 2), "must be integers"),
    "one-hot labels": (arrays(x=PICTURES, y=np.eye(4, dtype=int)[CLASSES]), "argmax"),
    "labels of dates": (arrays(x=PICTURES, y=np.zeros(64, "M8[s]")), "y in .*dtype datetime64"),
    "dates": (arrays(x=np.zeros([4, 2], "M8[s]")), "x in .*x.npz has dtype datetime64"),
    "complex numbers": (arrays(x=np.ones([4, 2]) * 1j), "has dtype complex128"),
    "words": (arrays(x=[["a", "b"]] * 4), "has dtype str"),
    "records": (arrays(x=np.zeros([4, 2], [("a", "f4")])), "has dtype void"),
    "128 bits": (arrays(x=np.ones([4, 2], "longdouble")), "has dtype float128"),
    "16 bits": (arrays(x=PICTURES.astype("int16")), "pass value_range="),
    "another byte order": (arrays(x=VECTORS.astype(">f4")), WORKS),
    "another order of axes": (arrays(x=np.asfortranarray(PICTURES)), WORKS),
}


# ---- the command line


def line(*words):
    return lambda place: place.type(*words)


def on_run(*words):
    """A command on a copy of the run, which it is given as RUN."""
    return lambda place: place.type(
        *(place.path / "r" if word == "RUN" else word for word in words)
    )


def copied(place):
    shutil.copytree(place.trained / "run", place.path / "r")


TRAIN = ("train", "gan", "--data", "digits")
COMMANDS = {
    "no such command": (nothing, line("frobnicate"), "No such command 'frobnicate'"),
    "no such option": (nothing, line("list", "--frobnicate"), "No such option"),
    "too many words": (nothing, line("show", "gan", "lsgan"), "unexpected extra"),
    "no GAN": (nothing, line("train", ""), "no GAN is called ''"),
    "a line break for a GAN": (nothing, line("show", "a\nb"), r"'a\\nb'"),
    "a line break in an option": (nothing, line("--a\nb"), "No such option"),
    "a line break in a path": (nothing, line("data", "folder:a\nb"), r"a\\nb is not a folder"),
    "a line break in a name to write": (nothing, line("sample", "x", "--out", "a\nb"), r"a\\nb"),
    "an escape in a path": (nothing, line("data", "folder:\x1b[2J"), r"\\x1b\[2J is not a folder"),
    "no Unicode in a path": (nothing, line("data", "folder:\udcff"), r"\\udcff is not a folder"),
    "a seed below zero": (nothing, line(*TRAIN, "--seed", "-1"), "seed=-1 must be"),
    "a seed of 80 bits": (nothing, line(*TRAIN, "--seed", 2**80), "seed=1208925819614629174706176"),
    "a width of 1e3": (nothing, line(*TRAIN, "width=1e3"), "width='1e3' must be"),
    "a width of nothing": (nothing, line(*TRAIN, "width="), "width='' must be"),
    "a width of a trillion": (nothing, line(*TRAIN, f"width={10**12}"), "at most 16384"),
    "a value without a key": (
        nothing,
        line(*TRAIN, "=8"),
        "no hyper-parameter of gan is called ''",
    ),
    "a rate of 1e999": (nothing, line(*TRAIN, "generator_learning_rate=1e999"), "must be"),
    "a rate of an unknown shape": (
        nothing,
        line(*TRAIN, "generator_learning_rate=up(1,0,9)"),
        "there is no schedule called 'up'",
    ),
    "a rate of words": (
        nothing,
        line(*TRAIN, "generator_learning_rate=linear(a,0,9)"),
        "START, END, STEPS",
    ),
    "a penalty without a weight": (
        nothing,
        line(*TRAIN, "penalties=r1:"),
        "write it as penalties=",
    ),
    "a penalty of NaN": (nothing, line(*TRAIN, "penalties=r1:nan"), "must be"),
    "no data": (nothing, line("train", "gan", "--data", ""), "there is no data set ''"),
    "a batch of a googol": (nothing, line(*TRAIN, "--batch-size", 10**100), "at most 1048576"),
    "no epochs": (nothing, line(*TRAIN, "--epochs", "0"), "epochs=0 must be an int"),
    "half a step": (nothing, line(*TRAIN, "--steps", "0.5"), "Invalid value for '--steps'"),
    "a size of nothing": (nothing, line("data", "digits", "--size", ""), "write numbers"),
    "a size below zero": (nothing, line("data", "digits", "--size=-8,8"), "two positive ints"),
    "a size of terabytes": (
        nothing,
        line("data", "digits", "--size", "1000000,9"),
        "at most 16384",
    ),
    "a range of NaN": (nothing, line(*TRAIN, "--value-range", "nan,1"), "not a pair of finite"),
    "a range the wrong way": (
        nothing,
        line(*TRAIN, "--value-range", "9,1"),
        "not a pair of finite",
    ),
    "a picture of the data in no folder": (
        nothing,
        line("data", "digits", "--out", "no/x.png"),
        "must name a file in a folder that exists",
    ),
    "a run in another run": (copied, line(*TRAIN, "--out", "r"), "r is not empty"),
    "a run in a file": (copied, line(*TRAIN, "--out", "r/config.json"), "is a file: name a new"),
    "a run of a long name": (nothing, line(*TRAIN, "--out", "a" * 300), "File name too long"),
    "going on with a file": (copied, line("train", "--resume", "r/config.json"), "is no run"),
    "going on with what is done": (copied, line("train", "--resume", "r"), "all of its 2 steps"),
    "samples of a trillion": (
        copied,
        line("sample", "r", "-n", 10**12),
        "less than or equal to 1000000",
    ),
    "samples of a seed of 80 bits": (copied, line("sample", "r", "--seed", 2**80), "must be"),
    "samples of no label": (copied, line("sample", "r", "--labels", ""), "write numbers"),
    "samples of halves": (copied, line("sample", "r", "--labels", "1.5"), "write numbers"),
    "samples of labels that there are none of": (
        copied,
        line("sample", "r", "--labels", "1"),
        "is not told the class",
    ),
    "samples in a folder": (
        all_of(copied, lambda place: (place.path / "s.png").mkdir()),
        line("sample", "r", "--out", "s.png"),
        "s.png was not written: Is a directory",
    ),
    "samples of the history": (copied, line("sample", "r/history.csv"), "ends in .keras"),
    "measuring a file on no data": (
        copied,
        line("evaluate", "r/model.keras"),
        "name a data set, as in",
    ),
    "measuring into no folder": (copied, line("evaluate", "r", "--json", "no/x"), "--json no/x"),
    "measuring with a seed below zero": (copied, line("evaluate", "r", "--seed", "-1"), "seed=-1"),
    "measuring on pictures": (
        copied,
        line("evaluate", "r", "--data", "digits"),
        "the model was built for float32",
    ),
    "exporting in no format": (copied, line("export", "r", "--format", "pdf"), "unknown export"),
    "exporting at infinite dB": (
        copied,
        line("export", "r", "--format", "onnx", "--precision", "int8", "--least-psnr", "inf"),
        "least_psnr is a number of dB",
    ),
    "exporting into a file": (
        copied,
        line("export", "r", "--out", "r/config.json"),
        "is a file: name a folder",
    ),
    "exporting beside another format": (
        all_of(copied, content("1/model.onnx", b"")),
        line("export", "r", "--out", "p"),
        "holds versions in the format 'onnx'",
    ),
    "verifying a run": (copied, line("verify", "r"), "holds no export"),
    "augmenting with what takes no labels": (
        nothing,
        line("augment", "gan"),
        "takes labels, acgan or cgan",
    ),
    "augmenting with one seed": (nothing, line("augment", "cgan", "--seeds", "1"), "at least 2"),
    "augmenting into another table": (
        copied,
        line("augment", "cgan", "--csv", "r/history.csv"),
        "other columns",
    ),
}


# ---- folders of runs


def config(raw=None, without=None, **changes):
    """A copy of the run, which has steps left, with another config.json."""

    def write(place):
        copied(place)
        file = place.path / "r" / "config.json"
        found = json.loads(file.read_text()) | {"steps": 4} | changes
        found.pop(without, None)
        file.write_bytes(json.dumps(found).encode() if raw is None else raw)

    return write


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
    "an empty configuration, measured": (config(b""), EVALUATE, BROKEN),
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
    "steps of text": (config(steps="x"), RESUME, "steps='x', which is not an int"),
    "steps below zero": (config(steps=-3), RESUME, "steps=-3, which is not an int"),
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


# ---- files


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
        "has a version 1 already",
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


def without_preparation(cases):
    return {name: (nothing, act, words) for name, (act, words) in cases.items()}


def always(act, cases):
    return {name: (prepare, act, words) for name, (prepare, words) in cases.items()}


GROUPS = {
    "interface": without_preparation(INTERFACE),
    "fitting": without_preparation(FITTING),
    "configurations": without_preparation(CONFIGURATIONS),
    "folders": always(read_the_folder, FOLDERS)
    | {
        "pictures that are removed meanwhile": (
            all_of(*(picture(f"{n}.png") for n in range(4))),
            lose_the_folder,
            UNREADABLE,
        )
    },
    "archives": always(read_the_archive, ARCHIVES),
    "commands": COMMANDS,
    "runs": RUNS,
    "files": FILES,
}
CASES = {
    f"{group}, {name}": case for group, cases in GROUPS.items() for name, case in cases.items()
}


def test_the_table_has_enough_cases_and_each_once():
    assert len(CASES) == sum(map(len, GROUPS.values())) >= 150


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


@pytest.mark.parametrize(("prepare", "act", "words"), CASES.values(), ids=CASES)
def test_each_case_ends_soon_in_one_sentence_or_works(place, prepare, act, words):
    prepare(place)
    before = contents(place.path)
    sentence = refusal(lambda: act(place))
    if words is WORKS:
        assert sentence is None
    else:
        assert sentence is not None, "it was not refused"
        assert re.search(words, sentence), sentence
        if act is not lose_the_folder:
            assert contents(place.path) == before


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


@pytest.mark.parametrize("debug", [False, True])
def test_only_debug_shows_where_it_was_refused(place, debug):
    assert cli.main(["show", "gna", *["--debug"] * debug]) == 2
    assert ("Traceback" in place.capsys.readouterr().err) == debug


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


# ---- random input

WEIGHTS = "model.weights.h5"
FEW = {"deadline": None, "derandomize": True, "database": None}


def mostly(usual, odd):
    """Odd values are rare enough that several of them seldom meet."""
    return st.integers(0, 5).flatmap(lambda n: st.sampled_from(odd if n == 5 else usual))


@st.composite
def rows(draw):
    """Arrays of any shape, dtype and range."""
    side = st.integers(1, 5)
    inner = draw(mostly([1, 3], [0, 2, 4]))
    shape = (draw(mostly([3, 8, 12], [0, 1, 2])), *(draw(side) for _ in range(inner)))
    shape = (*shape[:-1], 0) if draw(st.integers(0, 15)) == 15 else shape
    low, high = draw(
        mostly([(0, 1), (-1, 1), (0, 255), (-3, 3)], [(7, 7), (0, 1e-42), (-1e38, 1e38), (0, 0)])
    )
    values = np.random.default_rng(draw(st.integers(0, 99))).uniform(low, high, shape)
    if values.size and (odd := draw(mostly([None], [math.nan, math.inf, -math.inf]))):
        values.flat[draw(st.integers(0, values.size - 1))] = odd
    dtype = draw(
        mostly(
            ["float32", "float64", "float16", "uint8", "int8", "int16", "int64", "uint64", "bool",
             ">f4", ml_dtypes.bfloat16],
            ["complex64", "longdouble", "object", "U3", "M8[s]", ml_dtypes.int4,
             ml_dtypes.float8_e4m3fn],
        )
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NaN has no integer
        return values.astype(dtype)


LABELS = mostly(
    [None, lambda n: np.arange(n), lambda n: np.arange(n)[:, None], lambda n: (np.arange(n) % 2)],
    [lambda n: np.arange(n) - 1, lambda n: np.arange(n) * 1.0, lambda n: np.eye(n, 3),
     lambda n: np.arange(n) * 10**17, lambda n: np.arange(n + 1), lambda n: ["a"] * n,
     lambda n: [None] * n, lambda n: "abc", lambda n: np.arange(n).astype("uint64"),
     lambda n: np.arange(n) > 1, lambda n: 3, lambda n: [[1]] * (n - 1) + [[1, 2]],
     lambda n: np.full(n, np.nan), lambda n: {"a": n}],
)  # fmt: skip
RANGES = mostly(
    [None, None, (-300, 300)],
    [(0, 255), (-1, 1), (1, 0), (0, math.nan), (-1e308, 1e308), "ab", 5, (0, 1, 2), (0, 1e-320),
     np.array([-1e39, 1e39])],
)  # fmt: skip
SIZES = mostly([1, 2, 3], [None, 0, -1, 2.0, "2", True, 10**30])


@settings(max_examples=150, **FEW)
@given(rows(), LABELS, RANGES, SIZES, st.booleans(), st.sampled_from(["array", "rows", "batches"]))
def test_any_data_are_refused_in_one_sentence_or_batched_rightly(
    x, labels, value_range, batch_size, learned, form
):
    y = None if labels is None else labels(len(x))
    given, own = x, y
    if form != "array":
        try:
            given, own = slices(x if y is None else (x, y)), None
        except (ValueError, TypeError):  # TensorFlow has no such dataset
            return
        given = given.batch(4) if form == "batches" else given
    found = []

    def call():
        stream = data.batches(
            given,
            own,
            batch_size=batch_size,
            value_range=value_range,
            columns=WITH_LABELS if learned else None,
            steps_per_epoch=None,
        )
        with data.clear_errors():
            found.append((stream, next(iter(stream.dataset))))

    sentence = refusal(call)
    assert (sentence is None) == bool(found)
    for stream, batch in found:
        images, spec = batch[stream.sample_name].numpy(), stream.spec
        assert np.isfinite(spec.encode(images)).all()
        if x.ndim not in (2, 4):  # a dataset of these has elements of another meaning
            continue
        assert len(images) == (batch_size or (min(4, len(x)) if form == "batches" else 64))
        assert images.dtype.name == spec.dtype == x.dtype.name and images.shape[1:] == spec.shape
        of_row = {row.astype(x.dtype.newbyteorder("=")).tobytes(): n for n, row in enumerate(x)}
        assert {row.tobytes() for row in images} <= of_row.keys()
        encoded = spec.encode(images).numpy()
        assert np.isfinite(encoded).all()
        if spec.value_range is not None:
            assert np.abs(encoded).max() <= 1.01
        assert np.isfinite(spec.decode(encoded).astype("float64")).all()
        if learned:
            known = {
                (row.tobytes(), int(np.ravel(label)[0])) for row, label in zip(x, y, strict=True)
            }
            seen = zip(images, batch["label"].numpy(), strict=True)
            if x.dtype.byteorder in "=|":
                assert {(row.tobytes(), int(label)) for row, label in seen} <= known
            assert 0 <= batch["label"].numpy().min() <= batch["label"].numpy().max()
            assert batch["label"].numpy().max() < stream.fields["label"].num_classes


@st.composite
def damage(draw):
    """A change of bytes: some flipped, some left out, some put in, or the rest cut off."""
    kind = draw(st.sampled_from(["flip", "flip", "insert", "remove", "cut"]))
    place = draw(st.floats(0, 1, exclude_max=True))
    more = draw(st.binary(min_size=1, max_size=9))

    def change(words):
        at = int(place * len(words))
        if kind == "flip":
            part = bytes(a ^ (b or 1) for a, b in zip(words[at:], more, strict=False))
            return words[:at] + part + words[at + len(part) :]
        after = {"insert": words[at:], "remove": words[at + len(more) :], "cut": b""}[kind]
        return words[:at] + (more if kind == "insert" else b"") + after

    return change


def apart(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def pack(path, parts):
    with zipfile.ZipFile(path, "w") as file:
        for name, words in parts.items():
            file.writestr(name, words)


def assert_same(one, other):
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def refused_or_the_same(path, gan):
    loaded = []
    sentence = refusal(lambda: loaded.append(ganzoo.load(path)))
    if sentence is None:
        assert_same(loaded[0], gan)
    else:
        assert sentence.startswith(str(path)) and sentence.isprintable()


@settings(max_examples=60, **FEW)
@given(damage())
def test_a_damaged_model_is_refused_or_the_same(trained, gan, tmp_path_factory, change):
    path = tmp_path_factory.getbasetemp() / "damaged.keras"
    path.write_bytes(change((trained / "run" / "model.keras").read_bytes()))
    refused_or_the_same(path, gan)


JUNK = st.sampled_from([
    None, True, -1, 0, 10**30, 1e400, "", "x", "\0", [], [[]], {}, {"class_name": "Dense"},
    {"a": 1}, [1, 2, 3], "float32", -0.5,
])  # fmt: skip


@settings(max_examples=20, **FEW)
@given(JUNK, st.integers(0, 10**6), st.booleans())
def test_a_changed_configuration_is_refused_or_read(trained, tmp_path_factory, junk, place, remove):
    path = tmp_path_factory.getbasetemp() / "changed.keras"
    parts = apart(trained / "run" / "model.keras")
    found = json.loads(parts["config.json"])
    nests, places = [found], []
    while nests:
        nest = nests.pop()
        for key in nest if isinstance(nest, dict) else range(len(nest)):
            places.append((nest, key))
            if isinstance(nest[key], dict | list):
                nests.append(nest[key])
    nest, key = places[place % len(places)]
    if remove:
        del nest[key]
    else:
        nest[key] = junk
    pack(path, parts | {"config.json": json.dumps(found)})
    sentence = refusal(lambda: ganzoo.load(path).sample(2))
    assert sentence is None or (sentence.startswith(str(path)) and sentence.isprintable())


@settings(max_examples=25, **FEW)
@given(damage())
def test_damaged_weights_under_a_right_checksum_are_refused_or_read(
    trained, tmp_path_factory, change
):
    path = tmp_path_factory.getbasetemp() / "weights.keras"
    parts = apart(trained / "run" / "model.keras")
    pack(path, parts | {WEIGHTS: change(parts[WEIGHTS])})
    sentence = refusal(lambda: ganzoo.load(path))
    assert sentence is None or (sentence.startswith(str(path)) and sentence.isprintable())


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Checkpoints of two steps, and what was trained up to each."""
    folder, trained = tmp_path_factory.mktemp("two") / "c", {}
    gan = ganzoo.get("gan", width=8, latent_dim=4)
    for step in (1, 2):
        gan.fit(
            VECTORS, batch_size=16, steps_per_epoch=1, epochs=step, checkpoint=folder, verbose=0
        )
        trained[step] = gan.get_weights()
    return gan, folder, trained


@settings(max_examples=20, **FEW)
@given(damage())
def test_a_damaged_checkpoint_falls_back_to_the_one_before(two, change):
    gan, folder, trained = two
    newest = folder / "step_00000002.keras"
    whole = newest.read_bytes()
    newest.write_bytes(change(whole))
    gan.set_weights([np.zeros_like(weight) for weight in gan.get_weights()])
    gan.log.iterations.assign(0)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            Checkpoints(folder).restore(gan)
        assert gan.step == (1 if said else 2)
        assert not said or "step_00000002.keras is damaged" in str(said[0].message)
        for a, b in zip(gan.get_weights(), trained[gan.step], strict=True):
            np.testing.assert_array_equal(a, b)
    finally:
        newest.write_bytes(whole)


@pytest.fixture(scope="module")
def exported(gan, tmp_path_factory):
    home = tmp_path_factory.mktemp("exported")
    return {format: gan.export(home / format, format) for format in ("onnx", "tf_saved_model")}


@settings(max_examples=60, **FEW)
@given(st.sampled_from(["onnx", "tf_saved_model"]), st.integers(0, 99), damage())
def test_a_damaged_export_is_found(exported, format, number, change):
    folder = exported[format]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    file = files[number % len(files)]
    whole = file.read_bytes()
    file.write_bytes(change(whole))
    try:
        assert file.name in refusal(lambda: exporters.verify(folder)) or file.read_bytes() == whole
    finally:
        file.write_bytes(whole)


@settings(max_examples=40, **FEW)
@given(damage())
def test_a_damaged_onnx_model_under_a_right_hash_is_refused_or_answers_the_same(exported, change):
    """As a forger would leave it, who can't be told from the exporter by hashes."""
    file, stated = (exported["onnx"] / name for name in ("model.onnx", "certificate.json"))
    whole, certificate = file.read_bytes(), stated.read_text()
    file.write_bytes(change(whole))
    sign(exported["onnx"])
    try:
        sentence = refusal(lambda: exporters.verify(exported["onnx"]))
        assert sentence is None or str(exported["onnx"]) in sentence
    finally:
        file.write_bytes(whole)
        stated.write_text(certificate)


def sign(folder):
    stated = json.loads((folder / "certificate.json").read_text())
    for name in stated["files"]:
        words = (folder / name).read_bytes()
        digest = hashlib.sha256(words).hexdigest()
        stated["files"][name] = {"bytes": len(words), "sha256": digest}
    del stated["sha256"]
    whole = hashlib.sha256((json.dumps(stated, indent=2) + "\n").encode()).hexdigest()
    text = json.dumps(stated | {"sha256": whole}, indent=2) + "\n"
    (folder / "certificate.json").write_text(text)
