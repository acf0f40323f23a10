"""MNIST's own file format, IDX."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import tensorflow as tf

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_IMAGES = re.compile(r"images([-.]idx)\d(-ubyte(?:\.gz)?)$")


def idx(path: Path) -> tuple[tf.data.Dataset, None]:
    """The images of an IDX file, and the labels beside it if there are any."""
    images_file = _images_in(path) if path.is_dir() else path
    x = _read(images_file)
    if x.ndim not in (2, 3, 4) or not x.size:
        raise ValueError(
            f"{images_file} holds an array {x.shape}, but images are (N, height, width): name the "
            "file of the images, such as train-images-idx3-ubyte."
        )
    if x.ndim == 3:
        x = x[..., None]
    columns = {"image" if x.ndim == 4 else "vector": x}
    labels_file = _labels_beside(images_file)
    if labels_file is not None:
        y = _read(labels_file)
        if y.shape != x.shape[:1]:
            raise ValueError(
                f"{labels_file} holds labels {y.shape}, but {images_file} holds {len(x)} images: "
                "the two must belong together."
            )
        columns["label"] = y.astype("int64")
    return tf.data.Dataset.from_tensor_slices(columns), None


def _images_in(folder: Path) -> Path:
    """The file of the training images in a folder, unpacked where it is there twice."""
    found: dict[str, Path] = {}
    for name in sorted(os.listdir(folder), reverse=True):  # .gz comes first, and is replaced
        if _IMAGES.search(name):
            found[name.removesuffix(".gz")] = folder / name
    train = {name: path for name, path in found.items() if "train" in name}
    chosen = list((train or found).values())
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        raise ValueError(f"{folder} holds no IDX file such as train-images-idx3-ubyte or .gz.")
    names = ", ".join(sorted(path.name for path in chosen))
    raise ValueError(f"{folder} holds several files of images ({names}): name one of them.")


def _labels_beside(images: Path) -> Path | None:
    name, count = _IMAGES.subn(r"labels\g<1>1\g<2>", images.name)
    plain = name.removesuffix(".gz")
    beside = [images.with_name(n) for n in (name, plain, plain + ".gz")]
    return next((path for path in beside if count and path.exists()), None)


def _read(path: Path) -> np.ndarray:
    """The array of an IDX file, packed by gzip or not.

    Raises ValueError if it is no IDX file, or has fewer or more bytes than its head promises.
    """
    if not path.is_file():  # a pipe or a device would be read for ever
        raise ValueError(f"{path} is neither a file nor a folder.")
    try:
        with path.open("rb") as start:
            packed = start.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            magic = file.read(4)
            dtype = _DTYPES.get(magic[2]) if len(magic) == 4 and magic[:2] == b"\0\0" else None
            if dtype is None or not magic[3]:
                raise ValueError(
                    f"{path} is no IDX file: it begins with {magic.hex() or 'nothing'}, and one of "
                    "images with 00000803."
                )
            head = file.read(4 * magic[3])
            shape = np.frombuffer(head[: len(head) // 4 * 4], ">u4").tolist()
            size = int(np.prod([*shape, np.dtype(dtype).itemsize], dtype=object))
            content = _at_most(file, size + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise ValueError(f"{path} can't be read as an IDX file: {reason}.") from error
    if len(shape) < magic[3] or len(content) != size:
        seen = "more" if len(content) > size else f"{len(content):,}"
        raise ValueError(
            f"{path} is damaged: its head promises an array {tuple(shape)} of {size:,} bytes, but "
            f"{seen} follow."
        )
    return np.frombuffer(content, dtype).reshape(shape).astype(np.dtype(dtype).newbyteorder("="))


def _at_most(file: IO[bytes] | gzip.GzipFile, size: int) -> bytes:
    """Up to `size` bytes, in pieces: a wrong head may promise more than memory holds."""
    parts, left = [], size
    while left > 0 and (part := file.read(min(left, 2**24))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
