"""Generators for TF Serving and ONNX Runtime, each with a certificate that it equals Keras."""

from __future__ import annotations

import contextlib
import difflib
import errno
import importlib
import json
import math
import os
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Any

import tensorflow as tf

from ganzoo.foundation import files

from . import certificate, commands
from .certificate import ExportError

__all__ = ["FORMATS", "PRECISIONS", "ExportError", "export", "verify"]

# Keras's names, and the browser -> this room's files
FORMATS = {"tf_saved_model": "saved_model", "onnx": "onnx", "openvino": "openvino", "web": "web"}
PRECISIONS = ("float32", "float16", "int8")
_MARKS = {  # a file that tells the format of a version; a web export has a model.onnx too
    "tf_saved_model": "saved_model.pb",
    "openvino": "model.xml",
    "web": "index.html",
    "onnx": "model.onnx",
}


def export(
    gan: Any,
    path: str | os.PathLike,
    format: str = "tf_saved_model",
    *,
    version: int | None = None,
    precision: str = "float32",
    least_psnr: float = 40.0,
    runtime: str | os.PathLike | None = None,
) -> Path:
    """Writes the generator to `path`/VERSION/ and returns that folder as a `pathlib.Path`.

    With `format="onnx"`, a path that ends in `.onnx` is one file, as in Keras: it is checked
    against the GAN like any export, replaces a file that is there, and has no certificate.

    The layout is the one that TF Serving and Triton scan for new versions:

        PATH/1/saved_model.pb, variables/, …   or   PATH/1/model.onnx
        PATH/1/certificate.json                how far it is from Keras, sizes, versions, hashes
        PATH/1/parity.npz                      fixed latents and what Keras makes of them

    Inputs are the latents by name (`latent` float32 [batch, latent_dim], and `label`, `category`,
    `code` where the paper has them); the output is `image`, float32 NHWC in [-1, 1], or `vector`,
    float32 [batch, features] in the data's own units. The batch is free. A SavedModel also has the
    signatures `sample`, `png` and `encode`, see `saved_model.write`.

    The folder appears whole and checked, or not at all; versions that exist are never touched.

    Args:
        gan: a built GAN.
        path: the model's folder, made if need be.
        format: "tf_saved_model", "onnx", "openvino" or "web", a static folder for the browser; one
            folder holds versions of one format.
        version: an integer from 1 that is still free; the one after the largest by default.
        precision: "float32"; or, for "onnx" and "web", "float16", which halves the file, or "int8",
            which is faster on processors with int8 instructions. Inputs and outputs stay float32.
        least_psnr: how near to Keras a reduced precision must stay, in dB of the output's range.
        runtime: for "web", a folder with the unpacked npm package onnxruntime-web in the version
            that the page is made for. By default the package is downloaded once with npm, checked,
            and kept in the user's cache folder.

    Raises:
        ValueError: what was asked for can't be written; the message carries the mend.
        OSError: the disk is full, read-only or otherwise refuses.
        ExportError: the export disagreed with Keras and was deleted.
    """
    _known("export format", format, FORMATS)
    _known("precision", precision, PRECISIONS)
    options = {}
    if precision != "float32":
        if format not in ("onnx", "web"):
            raise ValueError(f"{precision} is for the formats 'onnx' and 'web', not {format!r}")
        if (
            isinstance(least_psnr, bool)
            or not isinstance(least_psnr, int | float)
            or not abs(least_psnr) < math.inf
        ):
            raise ValueError(f"least_psnr is a number of dB, such as 40, not {least_psnr!r}")
        options = {"precision": precision, "least_psnr": float(least_psnr)}
    if runtime is not None:
        if format != "web":
            raise ValueError(f"runtime is for the format 'web', not {format!r}: leave it out")
        options["runtime"] = runtime
    if not gan.built:
        raise ValueError(f"{gan.registry_name} has not seen data yet: fit it first")
    if Path(_path(path)).suffix == ".onnx" and format == "onnx":
        if version is not None:
            raise ValueError(f"{path} is one file and has no versions: leave version= out")
        return _one_file(gan, Path(path), precision, least_psnr)
    if tf.distribute.has_strategy():
        raise ValueError("export was called in a strategy's scope: call it after the with block")
    path = _checked(path, format)
    _free(path, version)
    exporter = importlib.import_module(f".{FORMATS[format]}", __name__)
    if hasattr(exporter, "check"):
        exporter.check(gan, **options)
    try:
        with _staged(path) as folder:
            facts = {"format": format} | exporter.write(gan, folder, **options)
            with exporter.opened(folder) as (signatures, run):
                certificate.certify(gan, folder, signatures, run, facts)
            target = path / str(_free(path, version))  # others may have exported meanwhile
            os.rename(folder, target)
        for name, text in exporter.beside(gan).items() if hasattr(exporter, "beside") else ():
            with contextlib.suppress(FileExistsError), open(path / name, "x") as file:
                file.write(text)  # once: from then on it is the user's
    except (OSError, tf.errors.OpError) as error:
        if reason := _refusal_of_the_disk(error):
            raise OSError(f"the export to {path} could not be written: {reason}") from error
        raise
    return target


def _one_file(gan: Any, path: Path, precision: str, least_psnr: float) -> Path:
    """Exports to a temporary folder, where the export is certified, and keeps the model alone."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError(f"{path} must be a file in a folder that is there")
    with tempfile.TemporaryDirectory() as folder:
        options = {"precision": precision, "least_psnr": least_psnr}
        exported = export(gan, Path(folder) / "onnx", "onnx", **options)
        with files.replacing(path) as draft:
            shutil.copyfile(exported / _MARKS["onnx"], draft)
    return path


def command(folder):
    """The command that serves what is in a version's folder."""
    stated = json.loads((folder / certificate.FILE).read_text())
    return commands.command(folder.absolute(), stated)


def verify(path):
    """Checks an export again, here and now: every file's hash, the names and shapes of what the
    model takes and gives, and its answers to the recorded latents against Keras's.

    A damaged export is found before anything in it is run. Hashes show damage, not who wrote the
    export; a SavedModel, which is a program, is run only if all it does is compute.

    Args:
        path: a version's folder, or the model's folder for all its versions.

    Returns:
        The folder of each version -> its certificate, with what was measured now in `verified`:
        name of a signature -> {"largest_difference": …}, and `psnr` in reduced precision.

    Raises:
        ValueError: there is no export at `path`.
        ExportError: it is not what was certified; the message says where it differs.
    """
    path = Path(_path(path))
    if path.suffix == ".onnx" and path.is_file():
        raise ValueError(
            f"{path} is a single file without a certificate: verify an export to a folder"
        )
    folders = [path / str(version) for version in sorted(_versions(path))]
    if _format(path) or (path / certificate.FILE).is_file():
        folders = [path]
    if not folders:
        seen = "holds no export" if path.exists() else "doesn't exist"
        raise ValueError(f"{path} {seen}: name a folder that was exported, such as export/onnx/1")
    return {folder: _verified(folder) for folder in folders}


def _verified(folder):
    stated = certificate.read(folder)
    try:
        format = _format(folder)
        if format is None or stated["format"] != format:
            raise ExportError(f"{folder} is not in the format that its certificate states")
        exporter = importlib.import_module(f".{FORMATS[format]}", __name__)
    except KeyError as error:
        file = folder / certificate.FILE
        raise ExportError(f"{file} is not a certificate as this version writes them") from error
    try:
        with exporter.opened(folder) as (signatures, run):
            measured = certificate.recheck(folder, stated, signatures, run)
    except ExportError:
        raise
    except Exception as error:  # each runtime has errors of its own for what it can't run
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ExportError(f"{folder} can't be run here: {reason[:200]}") from error
    return stated | {"verified": measured}


def _known(what, name, names):
    if not isinstance(name, str) or name not in names:
        near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.0)
        raise ValueError(
            f"unknown {what} {name!r}: the nearest is {near[0]!r}, all are "
            f"{', '.join(map(repr, names))}"
        )


def _format(folder):
    return next((name for name, mark in _MARKS.items() if (folder / mark).exists()), None)


def _path(given):
    if not isinstance(given, str | os.PathLike) or "\0" in os.fsdecode(given):
        raise ValueError(f"{given!r} is no path: name a folder, such as serving/lsgan")
    return given


def _checked(path, format):
    text, path = os.fspath(_path(path)), Path(path)
    if "://" in text:
        raise ValueError(f"{text} is not a local folder: export to one, then copy it there")
    if path.suffix == ".onnx":
        raise ValueError(
            f"{path} names an ONNX file, but the format is {format!r}: use format='onnx', or name "
            "a folder"
        )
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file: name a folder, in which each export is a version")
    for other in {_format(path / str(version)) for version in _versions(path)} - {None, format}:
        raise ValueError(f"{path} holds versions in the format {other!r}: name another folder")
    return path


def _versions(path):
    names = [entry.name for entry in path.iterdir()] if path.is_dir() else []
    return [int(name) for name in names if name.isascii() and name.isdigit()]


def _free(path, version):
    taken = _versions(path)
    if version is None:
        return max(taken, default=0) + 1
    if type(version) is not int or version < 1:
        raise ValueError(f"version must be an integer from 1, not {version!r}")
    if version in taken:
        raise ValueError(
            f"{path} has a version {version} already: versions are never overwritten, and "
            f"{max(taken) + 1} is free"
        )
    return version


@contextlib.contextmanager
def _staged(path):
    """A new folder inside `path`, gone if the block raises, as are the parents made for it.

    Inside, so that the rename stays on one file system even where `path` is a mount; hidden and no
    number, so that a server's scan for versions passes over it.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    folder = path / f".unfinished-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True)  # not mkdtemp, whose 0700 locks the server's user out
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            for parent in made:
                parent.rmdir()
        raise


def _refusal_of_the_disk(error):
    """Why the disk refused, or None where the disk is not to blame."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # TensorFlow gives a full disk the same type as exhausted memory, but quotes the system.
    reasons = map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO))
    return next((reason for reason in reasons if reason in str(error)), None)
