"""Generators for TF Serving and ONNX Runtime, each with a certificate that it equals Keras."""

import contextlib
import difflib
import errno
import importlib
import os
import shutil
import uuid
from pathlib import Path

import tensorflow as tf

from .certificate import ExportError, certify

__all__ = ["FORMATS", "ExportError", "export"]

FORMATS = {"tf_saved_model": "saved_model", "onnx": "onnx"}  # keras's names -> this room's files
_MARKS = {"tf_saved_model": "saved_model.pb", "onnx": "model.onnx"}


def export(gan, path, format="tf_saved_model", *, version=None):
    """Writes the generator to `path`/VERSION/ and returns that folder as a `pathlib.Path`.

    The layout is the one that TF Serving and Triton scan for new versions:

        PATH/1/saved_model.pb, variables/, …   or   PATH/1/model.onnx
        PATH/1/certificate.json                how far it is from Keras, sizes, versions, hashes

    Inputs are the latents by name (`latent` float32 [batch, latent_dim], and `label`, `category`,
    `code` where the paper has them); the output is `image`, float32 NHWC in [-1, 1], or `vector`,
    float32 [batch, features] in the data's own units. The batch is free. A SavedModel also has the
    signatures `sample`, `png` and `encode`, see `saved_model.write`.

    The folder appears whole and checked, or not at all; versions that exist are never touched.

    Args:
        gan: a built GAN.
        path: the model's folder, made if need be.
        format: "tf_saved_model" or "onnx"; one folder holds versions of one format.
        version: an integer from 1 that is still free; the one after the largest by default.

    Raises:
        ValueError: what was asked for can't be written; the message carries the mend.
        OSError: the disk is full, read-only or otherwise refuses.
        ExportError: the export disagreed with Keras and was deleted.
    """
    if format not in FORMATS:
        near = difflib.get_close_matches(str(format), FORMATS, n=1, cutoff=0.0)
        raise ValueError(
            f"unknown export format {format!r}: the nearest is {near[0]!r}, all are "
            f"{', '.join(map(repr, FORMATS))}"
        )
    if not gan.built:
        raise ValueError(f"{gan.registry_name} has not seen data yet: fit it first")
    if tf.distribute.has_strategy():
        raise ValueError("export was called in a strategy's scope: call it after the with block")
    path = _checked(path, format)
    _free(path, version)
    exporter = importlib.import_module(f".{FORMATS[format]}", __name__)
    try:
        with _staged(path) as folder:
            facts = {"format": format} | exporter.write(gan, folder)
            with exporter.opened(folder) as (signatures, run):
                certify(gan, folder, signatures, run, facts)
            target = path / str(_free(path, version))  # others may have exported meanwhile
            os.rename(folder, target)
    except (OSError, tf.errors.OpError) as error:
        if reason := _refusal_of_the_disk(error):
            raise OSError(f"the export to {path} could not be written: {reason}") from error
        raise
    return target


def _checked(path, format):
    text, path = os.fspath(path), Path(path)
    if "://" in text:
        raise ValueError(f"{text} is not a local folder: export to one, then copy it there")
    if path.suffix == ".onnx":
        raise ValueError(
            f"{path} names a file, but an export is a folder of versions: say "
            f"{str(path.with_suffix(''))!r}, and model.onnx will be in it under the version"
        )
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file: name a folder, in which each export is a version")
    for other, mark in _MARKS.items():
        if other != format and any((path / str(n) / mark).exists() for n in _versions(path)):
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
