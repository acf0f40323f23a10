"""Hostile data and options of `fit`: each ends soon in one sentence, or works."""

import math

import keras
import ml_dtypes
import numpy as np
import tensorflow as tf
from cases import (
    CLASSES,
    PICTURES,
    RNG,
    VECTORS,
    WORKS,
    each_of,
    ends_soon_in_one_sentence_or_works,
    on_the_labelled,
    without_preparation,
)
from data_cases import WITH_LABELS, slices

import ganzoo
from ganzoo import data


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
    "batch_size of NaN": (batches(VECTORS, batch_size=math.nan), "batch_size=nan must be an int"),
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
    "a scalar": (batches(3.0), "of type float"),
    "a sparse tensor": (batches(lambda _: tf.sparse.from_dense(VECTORS)), "of type SparseTensor"),
    "a dict of odd keys": (batches({1: VECTORS, "a": VECTORS}), "it needs 'image'"),
    "records": (batches(np.zeros(64, [("a", "f4")])), "dtype void"),
    "128 bits": (batches(VECTORS.astype("longdouble")), "dtype float128: pass real numbers"),
    "4 bits": (batches((VECTORS > 0).astype(ml_dtypes.int4)), "dtype int4"),
    "64 bits of integer": (batches(RNG.integers(-(2**63), 2**63 - 1, [64, 2])), WORKS),
    "subnormal vectors": (batches(VECTORS * 1e-42), "too close together for float32"),
    "vectors whose squares overflow": (batches(WIDE * 1e200), "too large or too close"),
    "a range that overflows": (
        batches(WIDE, value_range=(-1.7e308, 1.7e308)),
        "too large or too close",
    ),
    "a range of one subnormal": (batches(WIDE * 0, value_range=(0, 5e-324)), "too close together"),
    "a range beyond floats": (batches(PICTURES, value_range=(0, 10**400)), "not a pair of finite"),
    "a range of four": (batches(PICTURES, value_range=np.zeros([2, 2])), "is not a pair"),
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


@each_of(without_preparation(FITTING))
def test_each_case_ends_soon_in_one_sentence_or_works(place, prepare, act, words):
    ends_soon_in_one_sentence_or_works(place, prepare, act, words)
