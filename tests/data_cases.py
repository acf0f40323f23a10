"""Rows and small functions that the tests of the data share."""

import itertools

import numpy as np
import tensorflow as tf
from PIL import Image

from ganzoo.data import Column

RNG = np.random.default_rng(0)
N = 40
PICTURES = RNG.integers(0, 256, (N, 6, 5, 3), dtype="uint8")
VECTORS = RNG.normal((10.0, -3.0), (2.0, 0.1), (N, 2)).astype("float32")
WITH_LABELS = {"image": Column("sample"), "label": Column("label")}
LABELS = RNG.permutation(np.arange(N) % 4)


def slices(*columns):
    return tf.data.Dataset.from_tensor_slices(columns if len(columns) > 1 else columns[0])


def generated(rows, shape, dtype="uint8"):
    """A dataset of unknown length."""
    return tf.data.Dataset.from_generator(
        lambda: iter(rows), output_signature=tf.TensorSpec(shape, dtype)
    )


def take(dataset, count):
    return [{k: v.numpy() for k, v in b.items()} for b in itertools.islice(dataset, count)]


GREY = np.zeros((N, 8, 8), "uint8")


def picture(path, shape, seed=0, **options):
    path.parent.mkdir(exist_ok=True, parents=True)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype="uint8")
    Image.fromarray(pixels).save(path, **options)
    return pixels
