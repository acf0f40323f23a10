"""Data by name: bundled, synthetic, from TensorFlow Datasets, or from the user's own files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.data import glyphs, series, shapes, toys
from ganzoo.data.checks import check_int
from ganzoo.data.drawn import LEAST, MOST
from ganzoo.data.sources import bundled, fetched
from ganzoo.data.sources.folder import folder
from ganzoo.data.sources.idx import idx
from ganzoo.data.sources.names import nearest
from ganzoo.data.sources.npz import npz
from ganzoo.data.sources.pairs import pairs, unpaired
from ganzoo.data.sources.pictures import FITS, Change, pictures_of
from ganzoo.data.sources.shards import shards
from ganzoo.data.sources.tables import table
from ganzoo.data.sources.tfds import load_tfds

_TOYS = {"ring": toys.ring, "grid": toys.grid, "gaussian": toys.gaussian}
_DRAWN = {"shapes": shapes, "glyphs": glyphs}
_DESCRIPTIONS = {
    "digits": "1,797 handwritten digits of scikit-learn, 8×8×1, labelled, bundled",
    "mnist5k": "5,000 handwritten digits of MNIST, 28×28×1, labelled, bundled",
    "stacked_digits": "51,200 stacks of three of the digits, 8×8×3, 1,000 labels, bundled",
    "ring": "50,000 points of 8 Gaussians on a circle, with their mode",
    "grid": "50,000 points of 25 Gaussians on a grid, with their mode",
    "gaussian": "50,000 points of one Gaussian in the plane",
    "digit_pairs": "1,797 pairs of a digit, 16×16×1, and its blurred, moved negative, bundled",
    "unpaired_digits": "899 digits, 16×16×1, and the moved negatives of 898 others, bundled",
    "shapes": "50,000 coloured scenes of one object, 32×32×3, 5 shapes, all factors known, drawn",
    "glyphs": "50,000 coloured capital letters and digits, 32×32×3, 36 classes, drawn",
    "sines": "50,000 sines of 30 steps, their frequency, amplitude and phase known, drawn",
    "ar": "50,000 series of 30 steps of an autoregressive process of order 2, drawn",
    "tones": "50,000 tones of 1,024 samples, 8 notes, their pitch known, drawn",
    "emoji": "1,871 emoji on white, 64×64×3, no labels, fetched by ganzoo data get emoji",
    "fashion": "60,000 pieces of clothing, 28×28×1, labelled, fetched by ganzoo data get fashion",
    "mnist": "60,000 handwritten digits, 28×28×1, labelled, fetched by ganzoo data get mnist",
    "customers": "5,000 made-up customers, a table of 6 mixed columns of known distribution, drawn",
    "table:PATH": "a table in a .csv or .parquet file, read in parts",
    "tfds:NAME": "a data set of TensorFlow Datasets, such as tfds:mnist (train split)",
    "folder:PATH": "PNG, JPEG, WebP, BMP, TIFF and GIF pictures, one sub-folder per class",
    "shards:ADDRESS": "TFRecord, ArrayRecord or Parquet shards in a folder or at s3://BUCKET/FOLDER",
    "npz:PATH": "arrays x and y (or image and label, x_train and y_train) of a NumPy archive",
    "idx:PATH": "images in MNIST's own file format, packed or not, with the labels beside them",
    "pairs:PATH": "pairs: two sub-folders of pictures, pictures side by side, or an .npz archive",
    "unpaired:PATH": "two sub-folders of pictures that don't belong together, trainA and trainB",
}
CUSTOMERS = 5000
_LONGEST = 16_384  # of an image's sides, in pixels


def available() -> list[tuple[str, str]]:
    """The data sets that `load` knows: (name, one-line description)."""
    return list(_DESCRIPTIONS.items())


def load(
    name: str,
    *,
    size: tuple[int, int] | None = None,
    fit: str = "crop",
    flip: bool = False,
    seed: int = 0,
) -> Any:
    """A data set by name, as an unbatched tf.data.Dataset; a dict of two of them, {"a": …, "b": …},
    where the data are unpaired; a DataFrame where they are a table.

        digits = ganzoo.data.load("digits")
        faces = ganzoo.data.load("folder:faces", size=(64, 64), flip=True)

    Args:
        name: one of `available()`. The points of "ring", "grid" and "gaussian" come as (x, mode).
            All else comes as {"image": (height, width, channels), "label": an integer}, without the
            latter where there are no labels, and with "vector" or "series" in place of "image"
            where a .npz holds vectors or series, and for "sines", "ar" and "tones". Pairs come as
            {"source": …, "target": …}. Images are uint8, unless TFDS, the .npz or the IDX file says
            otherwise.
        size: (height, width) that images are resized to, with antialiasing. "shapes" and "glyphs"
            are drawn in this size, which must be a square of 16 to 512 pixels.
        fit: how images of other proportions get that size: "crop" cuts the longer sides equally,
            "pad" fills the shorter sides with zeros, "squash" ignores the proportions.
        flip: whether each image is followed by its mirror image (left and right exchanged), which
            doubles the data set. Both pictures of a pair are mirrored together.
        seed: draws the points, the stacks, the shapes, the glyphs and the series, and shuffles the
            files of a folder.

    "shapes", "glyphs" and the series have 50,000 rows, which are drawn while they are read. The
    functions `dataset` of `ganzoo.data.shapes`, `ganzoo.data.glyphs` and `ganzoo.data.series` draw
    any number of rows, and their other functions give the factors of each row.
    "emoji", "fashion" and "mnist" must have been fetched once, see `ganzoo.data.fetch`. The latter
    two are the training images; the 10,000 others are in the same folder, for "idx:PATH". Emoji are
    256×256 in the package. They are decoded at once in the size that is asked for, in some seconds.

    "pairs:PATH" is one of:

    - a folder with two sub-folders of pictures, of which the first in alphabetical order holds the
      sources, such as source and target, or A and B (of more, trainA and trainB are read). Files
      of equal names, up to the ending, belong together; if no two names are equal, files of equal
      places in the alphabetical order.
    - a folder of pictures that are twice as wide as they are high, as in the data sets of pix2pix.
      The left half is the source.
    - an .npz archive with the arrays source and target.

    "shards:ADDRESS" is a folder, or an address such as s3://bucket/folder, of shards that
    `ganzoo.data.write_shards` wrote or `ganzoo.data.index_shards` counted; a pattern such as
    s3://bucket/folder/train-* chooses some of them. They are read shard by shard as training needs
    them, from any step, and each worker reads its own: see `ganzoo.data.lanes`.

    "unpaired:PATH" is a folder with two such sub-folders of any numbers of pictures. "idx:PATH" is
    a file of images, or a folder with one such as train-images-idx3-ubyte or .gz; labels are read
    from the file beside it whose name has labels-idx1 in place of images-idx3.

    A folder of any size is ready at once: its names are listed, and 2,000 files, drawn at random,
    are decoded for their size and whether all are grey; later ones in colour become grey then.
    Files that are broken or of another size are refused here if they are among these 2,000, with
    a `ganzoo.data.DataError` that names the file when training comes to them otherwise. Folders
    and the ArrayRecords of TFDS are read row by row as training needs them, in a random order of
    the whole and from any step: see `ganzoo.data.batches`. A dataset that is transformed (`map`,
    `batch`, …) is a stream like any other.

    Where the classes are known, the dataset has the attribute `class_names`; where the density
    is, `mixture`, a `toys.Mixture`; where it is a distribution of series, `known_series`, its name.
    EXIF orientation is ignored.

    Raises:
        ValueError: the name is unknown, an argument doesn't suit the data, or a file can't be read.
    """
    if size is not None and not _is_size(size):
        raise ValueError(
            f"size={size!r} is not (height, width), two positive ints of at most {_LONGEST}."
        )
    if fit not in FITS:
        raise ValueError(f"fit={fit!r} is unknown: pass one of {', '.join(map(repr, FITS))}.")
    if not isinstance(flip, bool):
        raise ValueError(f"flip={flip!r} is not a bool: pass True or False.")
    check_int("seed", seed, 0)
    if not isinstance(name, str):
        raise ValueError(f"{name!r} is no data set: there are {', '.join(_DESCRIPTIONS)}.")
    kind, _, rest = name.partition(":")
    rest = os.path.expanduser(rest)
    change = Change(size, fit, flip)
    class_names: list[str] | None = None
    if name == "digits":
        dataset, class_names = bundled.digits()
    elif name == "mnist5k":
        dataset, class_names = bundled.mnist5k()
    elif name == "stacked_digits":
        dataset, class_names = bundled.stacked_digits(seed)
    elif name in _TOYS:
        dataset, class_names = bundled.points(_TOYS[name](), seed)
    elif name in _DRAWN:
        dataset, class_names = _drawn(name, size, seed), list(_DRAWN[name].NAMES)
        size = None
    elif name in series.NAMED:
        dataset, class_names = series.dataset(name, seed=seed), series.CLASSES.get(name)
    elif name in fetched.SETS:
        dataset, class_names = fetched.load_fetched(name, change)
        size = None if name == "emoji" else size
    elif kind == "tfds" and rest:
        dataset, class_names = load_tfds(rest, change)
    elif kind == "folder" and rest:
        dataset, class_names = folder(Path(rest), change, seed)
    elif kind == "shards" and rest:
        dataset, class_names = shards(rest, change)
    elif kind == "npz" and rest:
        dataset, class_names = npz(Path(rest))
    elif kind == "idx" and rest:
        dataset, class_names = idx(Path(rest))
    elif name == "digit_pairs":
        dataset = bundled.digit_pairs()
    elif name == "unpaired_digits":
        sets = bundled.unpaired_digits()
        changed = size is not None or flip
        return {key: change.of_dataset(x) if changed else x for key, x in sets.items()}
    elif name == "customers" or (kind == "table" and rest):
        if size is not None or flip:
            raise ValueError(f"size= or flip= was given, but {name!r} is a table: leave it out.")
        return table(Path(rest)) if rest else toys.customers(CUSTOMERS, seed)
    elif kind == "pairs" and rest:
        return pairs(Path(rest), change, seed)
    elif kind == "unpaired" and rest:
        return unpaired(Path(rest), change, seed)
    else:
        raise ValueError(
            f"there is no data set {name!r}{nearest(str(name), _DESCRIPTIONS)}: there are"
            f" {', '.join(_DESCRIPTIONS)}."
        )
    if (size is not None or flip) and kind not in ("folder", "tfds", "shards"):
        if not (isinstance(dataset.element_spec, dict) and pictures_of(dataset.element_spec)):
            given = "flip=True" if size is None else f"size={size!r}"
            raise ValueError(f"{given} was given, but {name!r} holds no images.")
        dataset = change._replace(size=size).of_dataset(dataset)
    if class_names is not None:
        dataset.class_names = list(class_names)  # last: any transformation drops it
    if name in _TOYS:
        dataset.mixture = _TOYS[name]()
    return dataset


def _drawn(name: str, size: Sequence[int] | None, seed: int) -> tf.data.Dataset:
    height, width = size or (32, 32)
    if height != width or not LEAST <= height <= MOST:
        raise ValueError(
            f"size={size!r} can't be had of {name!r}, which is drawn in squares of {LEAST} to "
            f"{MOST} pixels: pass size=(64, 64), for example."
        )
    return _DRAWN[name].dataset(size=int(height), seed=seed)


def _is_size(size: Any) -> bool:
    return (
        isinstance(size, list | tuple | np.ndarray)
        and len(size) == 2
        and all(isinstance(side, int | np.integer) for side in size)
        and not any(isinstance(side, bool) for side in size)
        and 1 <= min(size) <= max(size) <= _LONGEST
    )
