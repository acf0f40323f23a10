"""Folders of pictures."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from ganzoo.data.records import Element, Records, while_python_runs
from ganzoo.data.sources.pictures import Change

# By the ending of their names: what TensorFlow decodes, what Pillow decodes, and what neither does.
_NATIVE = (".png", ".jpg", ".jpeg")
_BY_PILLOW = (".webp", ".bmp", ".tif", ".tiff", ".gif")
_OTHER = (
    ".avif", ".heic", ".heif", ".jxl", ".jp2", ".svg", ".psd", ".raw", ".dng", ".cr2", ".cr3",
    ".nef", ".arw", ".tga", ".ppm", ".pgm", ".jfif", ".ico", ".exr", ".hdr",
)  # fmt: skip
_KINDS = "PNG, JPEG, WebP, BMP, TIFF or GIF"
# Up to this many files are decoded before training starts, drawn at random if there are more. A
# defect that one file in a hundred has is then missed with a probability of 2e-9.
_LOOKED_AT = 2_000


def folder(root: Path, change: Change, seed: int) -> tuple[tf.data.Dataset, list[str] | None]:
    """The pictures of a folder, and its class names, which are its sub-folders; None without them.
    `ganzoo.data.load` describes the rest."""
    files, labels, class_names = pictures(root)
    return records_of(files, change, seed, labels=labels).dataset(), class_names


def records_of(
    files: list[str],
    change: Change,
    seed: int | None = 0,
    *,
    labels: np.ndarray | None = None,
    channels: int | None = None,
    kind: str = "a picture",
) -> Records:
    """The pictures of these files, changed.

    seed: of a random order, which depends on the number of files and the seed alone; None keeps the
        order of the files.
    channels: 1 for grey, 3 for colour; by default 1 if all files that are looked at are grey.
    kind: what an error calls the pictures.

    Raises ValueError for files that are broken or of different sizes.
    """
    # Also for those who read the dataset as a stream: a shuffle buffer sees only so many of files
    # that are sorted by class.
    order = np.arange(len(files))
    if seed is not None:
        order = np.random.default_rng(seed).permutation(order)
    looked_at = [files[i] for i in np.sort(order[:_LOOKED_AT])]
    with ThreadPoolExecutor() as pool:
        facts = list(pool.map(_facts, looked_at))
    known = [fact for fact in facts if fact is not None]
    if len(known) < len(facts):
        broken = [file for file, fact in zip(looked_at, facts, strict=True) if fact is None]
        raise ValueError(
            f"{broken[0]} can't be read as a picture"
            + (f", nor can {len(broken) - 1} other files" if len(broken) > 1 else "")
            + ": repair or remove it."
        )
    sizes = [fact[:2] for fact in known]
    change.check(looked_at, sizes)
    bands = channels or (1 if all(grey for *_, grey in known) else 3)
    by_pillow = np.array([file.lower().endswith(_BY_PILLOW) for file in files])
    with tf.device("CPU:0"):
        columns = {"name": tf.constant([os.fsencode(files[i]) for i in order])}
        if by_pillow.any():
            columns["by_pillow"] = tf.constant(by_pillow[order])
        if labels is not None:
            columns["label"] = tf.constant(np.array(labels, "int64")[order])

    def find(rows: tf.Tensor) -> Element:
        return {key: tf.gather(column, rows) for key, column in columns.items()}

    def decode(element: Element) -> Element:
        def native() -> tf.Tensor:
            data = tf.io.read_file(element["name"])
            return tf.io.decode_image(data, channels=bands, expand_animations=False)

        def pillow() -> tf.Tensor:
            read = while_python_runs(lambda name: _decoded(name, bands))
            return tf.numpy_function(read, [element["name"]], tf.uint8, stateful=False)

        if "by_pillow" in element:
            image = tf.cond(element["by_pillow"], pillow, native)
        else:
            image = native()
        rest = {k: v for k, v in element.items() if k not in ("name", "by_pillow")}
        return change({"image": tf.ensure_shape(image, (None, None, bands))} | rest)

    shape = (*change.size_of(sizes[0]), bands)
    return change.of_records(Records(len(files), shape, find, decode, kind))


def _decoded(name: bytes, channels: int) -> np.ndarray:
    """A picture's first frame, uint8 (height, width, channels)."""
    with Image.open(os.fsdecode(name), formats=_formats(os.fsdecode(name))) as file:
        image: Image.Image = file
        if image.mode.startswith("I;16"):
            grey = (np.asarray(image).astype("uint16") // 257).astype("uint8")
            image = Image.fromarray(grey)
        pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)


def _formats(name: str) -> tuple[str, ...]:
    return ("PNG", "JPEG") if name.lower().endswith(_NATIVE) else ("WEBP", "BMP", "TIFF", "GIF")


def pictures(root: Path) -> tuple[list[str], np.ndarray | None, list[str] | None]:
    """Files, their labels and the class names; the latter None in a folder without classes."""
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder.")

    unread: list[str] = []

    def here_in(folder: Any, names: list[str]) -> list[str]:
        seen = [name for name in names if name[0] != "."]
        unread.extend(os.path.join(folder, name) for name in seen if name.lower().endswith(_OTHER))
        kinds = _NATIVE + _BY_PILLOW
        return [os.path.join(folder, name) for name in seen if name.lower().endswith(kinds)]

    def below(folder: Path) -> list[str]:
        return sorted(f for here, _, names in os.walk(folder) for f in here_in(here, names))

    _, folders, names = next(os.walk(root), (root, [], []))
    flat = sorted(here_in(root, names))
    classes = {name: below(root / name) for name in sorted(folders) if name[0] != "."}
    classes = {name: files for name, files in classes.items() if files}
    if unread:
        more = f" and {len(unread) - 1} others" if len(unread) > 1 else ""
        raise ValueError(
            f"{min(unread)}{more} can't be read, as pictures must be {_KINDS}: convert them, or"
            " move them out of the folder."
        )
    if flat and classes:
        raise ValueError(
            f"{root} holds pictures of its own and sub-folders of pictures ({', '.join(classes)}):"
            " move them, so that either all have a class or none."
        )
    if not flat and not classes:
        raise ValueError(f"{root} holds no pictures ({_KINDS}), nor do its sub-folders.")
    if flat:
        return flat, None, None
    labels = np.repeat(range(len(classes)), [len(files) for files in classes.values()])
    names = [os.fsencode(name).decode(errors="replace") for name in classes]
    return [f for files in classes.values() for f in files], labels, names


def _facts(file: str) -> tuple[int, int, bool] | None:
    """(height, width, whether grey) of a picture that decodes to its end; None if it doesn't."""
    try:
        if not os.path.isfile(file):  # a pipe or a device would be read for ever
            return None
        with Image.open(file, formats=_formats(file)) as image:
            image.load()
            if image.mode in ("I", "F") and not file.lower().endswith(_NATIVE):
                return None  # its numbers don't tell which are black and white
            return (
                image.height,
                image.width,
                image.getbands()[0] in ("1", "L", "I", "F", "I;16", "I;16B"),
            )
    except Exception:  # Pillow raises whatever its parsers stumble over
        return None
