"""Exports generators for TF Serving, ONNX Runtime, OpenVINO and browsers.

Each export has a certificate, which states how far its outputs are from those of Keras.
"""

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
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ganzoo.foundation import files

from . import certificate, commands
from .certificate import ExportError

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

__all__ = ["FORMATS", "PRECISIONS", "ExportError", "export", "verify"]

# format, by Keras's name where Keras has it -> module of this package
FORMATS = {"tf_saved_model": "saved_model", "onnx": "onnx", "openvino": "openvino", "web": "web"}
PRECISIONS = ("float32", "float16", "int8")
# format -> a file by which it is recognised; "web" before "onnx", because it has a model.onnx too
_MARKS = {
    "tf_saved_model": "saved_model.pb",
    "openvino": "model.xml",
    "web": "index.html",
    "onnx": "model.onnx",
}


def export(
    gan: GAN,
    path: str | os.PathLike,
    format: str = "tf_saved_model",
    *,
    version: int | None = None,
    precision: str = "float32",
    least_psnr: float = 40.0,
    runtime: str | os.PathLike | None = None,
    webgpu: bool = False,
) -> Path:
    """Writes the generator to `path`/VERSION/ and returns that folder as a `pathlib.Path`.

    The folder has the layout in which TF Serving and Triton look for new versions:

        PATH/1/saved_model.pb, variables/, …   or   PATH/1/model.onnx
        PATH/1/certificate.json                difference from Keras, sizes, versions, hashes
        PATH/1/parity.npz                      fixed latents and the outputs of Keras for them

    With `format="onnx"`, a path that ends in `.onnx` is one file, as in Keras. It has the
    certificate in its metadata, replaces an existing file, and its path is returned.

    The inputs are those of `gan.latent_spec` by name: `latent`, float32 [batch, latent_dim], and
    others that the paper has, such as `label`, int32 [batch], or the `source` of pix2pix. The one
    output is called `gan.output_name` and is float32: images [batch, height, width, channels] in
    [-1, 1] (`image`, `target` of pix2pix, `b` of cyclegan); `vector` [batch, features] or `series`
    [batch, time, features] in the units of the data; or `table`, encoded rows [batch, width], of
    which `ganzoo.data.Field.from_config(certificate["table"]).decode` makes a DataFrame. The batch
    size is free. A SavedModel also has the signatures `sample`, `png` and `encode`, see
    `saved_model.write`.

    The export is checked against Keras before it appears at `path`. If it fails, nothing is left
    there. Existing versions are never changed.

    Example:

        folder = exporters.export(gan, "serving/lsgan", format="onnx")   # serving/lsgan/1
        exporters.verify(folder)

    Args:
        gan: a built GAN.
        path: the model's folder, which is created if it doesn't exist, or an `.onnx` file.
        format: "tf_saved_model", "onnx", "openvino", or "web", which is a static web page. A
            folder has versions of one format.
        version: an integer from 1 that no version has yet; by default the largest plus 1.
        precision: "float32", or, for "onnx" and "web", "float16", which halves the file, or "int8",
            which is faster on processors with int8 instructions. Inputs and outputs stay float32.
        least_psnr: for a reduced precision, the least PSNR of the outputs, in dB; their range is
            the peak and Keras's outputs are the reference.
        runtime: for "web", a folder with the unpacked npm package onnxruntime-web, in the version
            that the page needs. By default the package is downloaded once with npm, checked, and
            kept in the user's cache folder.
        webgpu: for "web", whether the page may compute on the visitor's GPU, which adds 27 MB to
            the folder. A browser without a GPU doesn't download them. Where there is one, the page
            makes the same picture on GPU and CPU, and stays with the GPU if no pixel differs by a
            grey level and the GPU was faster.

    Raises:
        ValueError: an argument is not accepted, or the GAN can't be exported to this format. The
            message says what to do.
        OSError: the files can't be written, for example because the disk is full.
        ExportError: the export disagreed with Keras and was deleted.
    """
    _known("export format", format, FORMATS)
    _known("precision", precision, PRECISIONS)
    options: dict[str, Any] = {}
    if precision != "float32":
        if format not in ("onnx", "web"):
            raise ValueError(f"{precision} is for the formats 'onnx' and 'web', not {format!r}")
        if (
            isinstance(least_psnr, bool)
            or not isinstance(least_psnr, int | float)
            or not abs(least_psnr) < math.inf
        ):
            raise ValueError(f"least_psnr must be a number of dB, such as 40, not {least_psnr!r}")
        options = {"precision": precision, "least_psnr": float(least_psnr)}
    if not isinstance(webgpu, bool):
        raise ValueError(f"webgpu must be True or False, not {webgpu!r}")
    for name, value in (("runtime", runtime), ("webgpu", webgpu or None)):
        if value is not None:
            if format != "web":
                raise ValueError(f"{name} is for the format 'web', not {format!r}: leave it out")
            options[name] = value
    if not gan.built:
        raise ValueError(f"{gan.registry_name} has not seen data yet: fit it first")
    if _path(path).suffix == ".onnx" and format == "onnx":
        if version is not None:
            raise ValueError(f"{path} is one file and has no versions: leave version= out")
        return _one_file(gan, _path(path), precision, least_psnr)
    if tf.distribute.has_strategy():
        raise ValueError("export was called in a strategy's scope: call it after the with block")
    home = _checked(path, format)
    _free(home, version)
    exporter = importlib.import_module(f".{FORMATS[format]}", __name__)
    if hasattr(exporter, "check"):
        exporter.check(gan, **options)
    try:
        with _staged(home) as folder:
            facts = {"format": format} | exporter.write(gan, folder, **options)
            with exporter.opened(folder) as (signatures, run):
                certificate.certify(gan, folder, signatures, run, facts)
            # again, because another process may have exported in the meantime
            target = home / str(_free(home, version))
            os.rename(folder, target)
        for name, text in exporter.beside(gan).items() if hasattr(exporter, "beside") else ():
            # An existing file is kept, because users edit it.
            with contextlib.suppress(FileExistsError), open(home / name, "x") as file:
                file.write(text)
    except (OSError, tf.errors.OpError) as error:
        if reason := _refusal_of_the_disk(error):
            raise OSError(f"the export to {home} could not be written: {reason}") from error
        raise
    return target


def _one_file(gan: GAN, path: Path, precision: str, least_psnr: float) -> Path:
    """Exports to a temporary folder, and then writes the model with its certificate to `path`."""
    from . import onnx

    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError(f"{path} must be a file in a folder that exists")
    with tempfile.TemporaryDirectory() as folder:
        exported = export(
            gan, Path(folder) / "onnx", "onnx", precision=precision, least_psnr=least_psnr
        )
        with files.replacing(path) as draft:
            onnx.embed(exported, draft)
    return path


def command(folder: Path) -> str:
    """Returns a shell command that serves the version in `folder`, see `commands.command`."""
    stated = json.loads((folder / certificate.FILE).read_text())
    return commands.command(folder.absolute(), stated)


def verify(path: str | os.PathLike) -> dict[Path, dict[str, Any]]:
    """Checks on this machine that an export is the one that was certified.

    The hash of every file, the names and shapes of inputs and outputs, and the outputs for the
    recorded latents are compared with the certificate. GAN and training data are not needed.

    The hashes are checked before the model is run. They show that a file was damaged, but not who
    wrote it. A SavedModel is a program, so it is run only if it has no operation that does more
    than compute.

    Args:
        path: the folder of one version, the model's folder to check all its versions, or a single
            `.onnx` file.

    Returns:
        Folder of a version, or the `.onnx` file -> its certificate. The entry `verified` has what
        was measured now: name of a signature -> its `largest_difference` from Keras and, in reduced
        precision, its `psnr` in dB.

    Raises:
        ValueError: there is no export at `path`, or the `.onnx` file has no certificate.
        ExportError: the export is not the one that was certified. The message says what differs.
    """
    path = _path(path)
    if path.suffix == ".onnx" and path.is_file():
        return {path: _verified_file(path)}
    folders = [path / str(version) for version in sorted(_versions(path))]
    if _format(path) or (path / certificate.FILE).is_file():
        folders = [path]
    if not folders:
        seen = "holds no export" if path.exists() else "doesn't exist"
        raise ValueError(f"{path} {seen}: name a folder that was exported, such as export/onnx/1")
    return {folder: _verified(folder) for folder in folders}


def _verified_file(file: Path) -> dict[str, Any]:
    from . import onnx

    with tempfile.TemporaryDirectory() as folder:
        onnx.extract(file, Path(folder))
        try:
            return _verified(Path(folder))
        except ExportError as error:
            reason = str(error).replace(f"{folder}{os.sep}", "its ").replace(folder, "the model")
            raise ExportError(f"{file}: {reason}") from error


def _verified(folder: Path) -> dict[str, Any]:
    stated = certificate.read(folder)
    try:
        format = _format(folder)
        if format is None or stated["format"] != format:
            raise ExportError(f"{folder} does not have the format that its certificate states")
        exporter = importlib.import_module(f".{FORMATS[format]}", __name__)
    except KeyError as error:
        file = folder / certificate.FILE
        raise ExportError(f"{file} lacks entries that this version of ganzoo needs") from error
    try:
        with exporter.opened(folder) as (signatures, run):
            measured = certificate.recheck(folder, stated, signatures, run)
    except ExportError:
        raise
    except Exception as error:  # each runtime has its own exceptions
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ExportError(f"{folder} can't be run here: {reason[:200]}") from error
    return stated | {"verified": measured}


def _known(what: str, name: str, names: Iterable[str]) -> None:
    names = list(names)
    if not isinstance(name, str) or name not in names:
        near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.0)
        raise ValueError(
            f"unknown {what} {name!r}: the nearest is {near[0]!r}, all are "
            f"{', '.join(map(repr, names))}"
        )


def _format(folder: Path) -> str | None:
    return next((name for name, mark in _MARKS.items() if (folder / mark).exists()), None)


def _path(given: str | os.PathLike) -> Path:
    if not isinstance(given, str | os.PathLike) or "\0" in os.fsdecode(given):
        raise ValueError(f"{given!r} is no path: name a folder, such as serving/lsgan")
    return Path(given)


def _checked(given: str | os.PathLike, format: str) -> Path:
    text, path = os.fsdecode(given), _path(given)
    if "://" in text:
        raise ValueError(f"{text} is not a local folder: export to one, then copy it there")
    if path.suffix == ".onnx":
        raise ValueError(
            f"{path} names an ONNX file, but the format is {format!r}: pass format='onnx', or name "
            "a folder"
        )
    if path.exists() and not path.is_dir():
        raise ValueError(
            f"{path} is a file: name a folder, which gets a subfolder for each version"
        )
    for other in {_format(path / str(version)) for version in _versions(path)} - {None, format}:
        raise ValueError(f"{path} holds versions in the format {other!r}: name another folder")
    return path


def _versions(path: Path) -> list[int]:
    names = [entry.name for entry in path.iterdir()] if path.is_dir() else []
    return [int(name) for name in names if name.isascii() and name.isdigit()]


def _free(path: Path, version: int | None) -> int:
    """Returns `version`, or the next one for None, if no version in `path` has that number."""
    taken = _versions(path)
    if version is None:
        return max(taken, default=0) + 1
    if type(version) is not int or version < 1:
        raise ValueError(f"version must be an integer from 1, not {version!r}")
    if version in taken:
        raise ValueError(
            f"{path} already has a version {version}, and versions are never overwritten: use "
            f"{max(taken) + 1}, which is free"
        )
    return version


@contextlib.contextmanager
def _staged(path: Path) -> Iterator[Path]:
    """Makes a folder inside `path`, and removes it and the parents made for it if the block raises.

    It is inside `path`, so that it can be renamed even if `path` is a mounted file system. Its name
    is hidden and not a number, so that servers do not take it for a version.
    """
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    folder = path / f".unfinished-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True)  # mkdtemp would deny access to the server's user
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            for parent in made:
                parent.rmdir()
        raise


def _refusal_of_the_disk(error: OSError | tf.errors.OpError) -> str | None:
    """Returns why the files could not be written, or None if the error has another cause."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # TensorFlow's error for a full disk has the type of one for exhausted memory, but its message
    # quotes the operating system.
    reasons = map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO))
    return next((reason for reason in reasons if reason in str(error)), None)
