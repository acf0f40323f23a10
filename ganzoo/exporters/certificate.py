"""The proof that an export computes what Keras computes.

`certificate.json` states how far the export's outputs are from those of Keras. `parity.npz` records
the inputs and Keras's outputs. Both are written beside the model, so that anyone can repeat the
check on any machine.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib
import json
import os
import platform
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import tensorflow as tf

import ganzoo

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

SEED = 20140610  # the day "Generative Adversarial Nets" was posted
# Two sizes, because an export whose batch size was fixed by tracing agrees at that size.
BATCHES = (1, 8)
# Share of the output's range. Float32 kernels that sum in another order differ by about 1e-6.
RELATIVE = 1e-4
FILE, RECORD = "certificate.json", "parity.npz"
LONGEST = 2**20  # bytes; a certificate has a few thousand


class Tensor(TypedDict):
    """An input or an output of a signature. None in the shape is a free size."""

    dtype: str
    shape: list[int | None]


Signature = dict[str, dict[str, Tensor]]
"""`inputs` and `outputs` of a model's signature, each by name."""
Arrays = Mapping[str, Any]
"""NumPy arrays or scalars by name."""
Run = Callable[[str, Arrays], np.ndarray]
"""Runs the signature of that name on inputs by name and returns its one output."""
Requests = list[tuple[Arrays, np.ndarray]]
"""Inputs by name with the output of Keras, for each size in `BATCHES`."""


class ExportError(RuntimeError):
    """An export disagrees with Keras, can't be run, or was altered."""


def certify(
    gan: GAN,
    folder: Path,
    signatures: Mapping[str, Signature],
    run: Run,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Compares every signature of an export with Keras and writes `folder`/certificate.json.

    Args:
        gan: the GAN that was exported.
        folder: the folder with the files of the export.
        signatures: the signatures of the export by name.
        run: runs the export.
        facts: entries that the format adds to the certificate, such as {"format": "onnx",
            "opset": 18, "packages": (…,)}. The versions of `packages` are recorded. If there is a
            "least_psnr", in dB, it is the bound instead of `tolerance`.

    Returns:
        The certificate.

    Raises:
        ExportError: the export disagrees with Keras. The message states the signature, the measured
            difference and the bound.
    """
    record: dict[str, Any] = {
        f"{rows}/{key}": v for rows in BATCHES for key, v in _reference(gan, rows).items()
    }
    if not all(np.isfinite(array).all() for array in record.values()):
        raise ExportError(
            f"{gan.registry_name} generates values that are not finite because its training "
            "diverged: train it again before you export it"
        )
    certificate: dict[str, Any] = {
        "model": gan.registry_name,
        **facts,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "packages": {
            name: importlib.import_module(name).__version__
            for name in ("ganzoo", "tensorflow", "keras", "numpy", *facts["packages"])
        }
        | {"python": platform.python_version()},
        "shape": list(gan.spec.shape),
        "value_range": value_range(gan),
        "latents": dict(gan.latent_ranges),
        "seed": SEED,
        "batches": list(BATCHES),
        "signatures": {},
    } | _table(gan)
    for name, signature in signatures.items():
        requested = _requests(record, name, gan.output_name)
        if "least_psnr" in facts:
            bound = {"least_psnr": facts["least_psnr"]}
        else:
            # of the larger batch, because one row has no standard deviation
            bound = {"tolerance": tolerance(gan, name, requested[-1][1])}
        try:
            measured = _agreement(name, requested, run, bound, gan.output_name)
        except ExportError as error:
            reason = f"{facts['format']} export of {gan.registry_name}: {error}"
            raise ExportError(f"{reason}, so the export was deleted") from error
        certificate["signatures"][name] = signature | measured | bound
    served = certificate["signatures"]["serving_default"]
    certificate |= {key: served[key] for key in served if key not in ("inputs", "outputs")}
    certificate["speed"] = _speed(run, _requests(record, "serving_default", gan.output_name)[-1][0])
    np.savez(folder / RECORD, **record)
    files = {
        file.relative_to(folder).as_posix(): {
            "bytes": file.stat().st_size,
            "sha256": _sha256(file),
        }
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    certificate["bytes"] = sum(entry["bytes"] for entry in files.values())
    certificate["files"] = files
    certificate["sha256"] = hashlib.sha256(_text(certificate).encode()).hexdigest()
    (folder / FILE).write_text(_text(certificate))
    return certificate


def read(folder: Path) -> dict[str, Any]:
    """Reads the certificate of an export and checks its hash and the hash of every file.

    Only files inside `folder` that the certificate lists are read.

    Raises:
        ExportError: a file is missing, was added or was altered.
    """
    file = folder / FILE
    if not file.is_file():
        raise ExportError(f"{file} is missing")
    try:
        if file.stat().st_size > LONGEST:
            raise ValueError("it is too long")
        text = file.read_text()
        certificate = json.loads(text)
        stated = certificate.pop("sha256")
        files = {
            name: (entry["bytes"], entry["sha256"]) for name, entry in certificate["files"].items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ExportError(f"{file} is not a certificate, or is damaged") from error
    whole = hashlib.sha256(_text(certificate).encode()).hexdigest()
    certificate["sha256"] = stated
    if whole != stated or _text(certificate) != text:
        raise ExportError(f"{file} was altered: it doesn't have the hash that it states")
    for name in files:
        if PurePosixPath(name).is_absolute() or ".." in name.split("/") or "\\" in name:
            raise ExportError(f"{file} lists {name!r}, which is outside the export")
    there = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    for name in sorted(files.keys() ^ (there - {FILE})):
        seen = "is missing" if name in files else "is not in its certificate"
        raise ExportError(f"{folder / name} {seen}")
    for name, (size, digest) in files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise ExportError(f"{path} is not a plain file")
        if path.stat().st_size != size or _sha256(path) != digest:
            raise ExportError(f"{path} was altered: it doesn't have the hash in its certificate")
    return certificate


def recheck(
    folder: Path, certificate: Mapping[str, Any], signatures: Mapping[str, Signature], run: Run
) -> dict[str, dict[str, float]]:
    """Runs an export on the recorded inputs and compares its outputs with the recorded ones.

    Args:
        folder: the folder with the files of the export.
        certificate: the certificate that `read` returned.
        signatures, run: as in `certify`.

    Returns:
        Name of a signature -> the `largest_difference` that was measured now and, in reduced
        precision, the `psnr`.

    Raises:
        ExportError: names, shapes or outputs differ from the certified ones.
    """
    stated = certificate["signatures"]
    if stated.keys() != signatures.keys():
        raise ExportError(
            f"{folder} has the signatures {', '.join(signatures)}, but its certificate states "
            f"{', '.join(stated)}"
        )
    try:
        (output,) = stated["serving_default"]["outputs"]
        record = _recorded(folder / RECORD)
        requested = {name: _requests(record, name, output) for name in stated}
    except (ValueError, KeyError, OSError, MemoryError, zipfile.BadZipFile) as error:
        raise ExportError(f"{folder / RECORD} is not the record of this export") from error
    measured = {}
    for name, entry in stated.items():
        for side in ("inputs", "outputs"):
            if entry[side] != signatures[name][side]:
                raise ExportError(f"{folder}: the {side} of {name!r} are not the certified ones")
        try:
            measured[name] = _agreement(name, requested[name], run, entry, output)
        except ExportError as error:
            raise ExportError(f"{folder}: {error}") from error
    return measured


def requests(gan: GAN, rows: int) -> dict[str, tuple[Arrays, np.ndarray]]:
    """Returns name of a signature -> (inputs by name, output of Keras), for fixed inputs."""
    record = {f"{rows}/{key}": value for key, value in _reference(gan, rows).items()}
    signatures = ["serving_default", "sample", "png"]
    if f"{rows}/encoded" in record:
        signatures.append("encode")
    return {name: _requests(record, name, gan.output_name)[0] for name in signatures}


def tolerance(gan: GAN, signature: str, expected: np.ndarray) -> float:
    """Returns the largest absolute difference from `expected`, the output of Keras, that passes.

    For images it is 1e-4 of their range, which is 2. A PNG may also differ by half a grey level.

    For vectors, series and inferred latents, which have the units of the data, it is 1e-4 of the
    standard deviation. It is at least 32 float32 roundings of the largest value, because a
    generator that collapsed to one point has no standard deviation.
    """
    if signature == "encode" or gan.output_name in ("vector", "series"):
        rounding = 32 * np.finfo(np.float32).eps * np.abs(expected).max()
        return float(max(RELATIVE * expected.std(), rounding))
    return 2 * RELATIVE + (1 / 255 if signature == "png" else 0)


def psnr(squared_errors: np.ndarray, expected: np.ndarray | None, output: str) -> float:
    """Returns the peak signal-to-noise ratio, 10·log10(peak² / mean squared error), in dB.

    The result is at most 200, because JSON has no infinity.

    Args:
        squared_errors: of all values.
        expected: the outputs of Keras, whose range is the peak for vectors, series and rows of a
            table; not read for images.
        output: the name of the output, `gan.output_name`. The peak of images is 2.
    """
    peak = 2.0
    if expected is not None and output in ("vector", "series", "table"):
        peak = float(np.ptp(expected))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.minimum(10 * np.log10(np.square(peak) / np.mean(squared_errors)), 200))


def value_range(gan: GAN) -> str:
    """Says in words which values the output has."""
    if gan.spec.is_table:
        return "encoded rows, which ganzoo.data.Field.from_config(table).decode makes a DataFrame"
    return "[-1, 1]" if gan.spec.is_served_encoded else "the data's own units"


def metadata(gan: GAN) -> dict[str, str]:
    """Returns the entries of a model file's metadata, for formats that have metadata."""
    return {
        "name": gan.registry_name,
        "ganzoo_version": ganzoo.__version__,
        "value_range": value_range(gan),
        "shape": json.dumps(list(gan.spec.shape)),
        "latents": json.dumps(dict(gan.latent_ranges)),
    } | {key: json.dumps(value) for key, value in _table(gan).items()}


def _table(gan: GAN) -> dict[str, Any]:
    """What decodes the encoded rows of a table; empty for other samples."""
    return {"table": gan.spec.to_config()} if gan.spec.is_table else {}


def _reference(gan: GAN, rows: int) -> dict[str, np.ndarray]:
    """Runs Keras on fixed latents. Returns `inputs/NAME`, `output` and, if the GAN infers latents,
    `encoded`.

    It runs on the CPU, because a GPU may round to TensorFloat-32, which would look like an error of
    the export.
    """
    with tf.device("/CPU:0"):
        latents = gan.draw_latents(tf.constant(rows, tf.int32), tf.constant(SEED, tf.int64))
        output = gan.serve(latents)
        encode = getattr(gan, "encode_images", None)
        encoded = {"encoded": encode(output)} if encode else {}
    tensors = {f"inputs/{name}": tensor for name, tensor in latents.items()}
    return {key: value.numpy() for key, value in (tensors | {"output": output} | encoded).items()}


def _requests(record: Mapping[str, np.ndarray], signature: str, output: str) -> Requests:
    """Returns the recorded inputs and outputs of a signature, for each batch size."""
    found: Requests = []
    for rows in sorted({int(key.split("/")[0]) for key in record}):
        inputs: Arrays
        answer = record[f"{rows}/output"]
        if signature == "sample":
            inputs = {"count": np.int32(rows), "seed": np.int64(SEED)}
        elif signature == "encode":
            inputs, answer = {output: answer}, record[f"{rows}/encoded"]
        else:
            start = f"{rows}/inputs/"
            inputs = {k.removeprefix(start): v for k, v in record.items() if k.startswith(start)}
        found.append((inputs, answer))
    return found


def _recorded(file: Path) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            # `np.savez` never compresses, and a small file could unpack to fill the memory
            raise ValueError("the record is compressed")
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _agreement(
    signature: str, requested: Requests, run: Run, bound: Mapping[str, Any], output: str
) -> dict[str, float]:
    """Measures the largest difference from Keras and, in reduced precision, the PSNR.

    Raises:
        ExportError: the difference is larger than `bound` allows.
    """
    differences = [_differences(signature, run(signature, x), y) for x, y in requested]
    # np.max, because it returns NaN if there is one
    largest = float(np.max([difference.max() for difference in differences]))
    measured = {"largest_difference": largest}
    if "least_psnr" in bound:
        squares = np.concatenate([np.square(d.astype(float)).ravel() for d in differences])
        measured["psnr"] = round(psnr(squares, requested[-1][1], output), 2)
        if not measured["psnr"] >= bound["least_psnr"]:
            raise ExportError(
                f"{signature!r} is {measured['psnr']:.1f} dB from Keras (largest difference "
                f"{largest:.3g}), and at least {bound['least_psnr']:g} dB were asked for"
            )
    elif not largest <= bound["tolerance"]:
        raise ExportError(
            f"{signature!r} differs from Keras by {largest:.3g}, and at most "
            f"{bound['tolerance']:.3g} is allowed"
        )
    return measured


def _differences(signature: str, got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    if signature == "png":
        pixels = np.stack([tf.io.decode_png(png).numpy() for png in got])
        got = (pixels / 127.5 - 1).astype(np.float32)
    # This check comes before the subtraction, because broadcasting would hide a wrong shape.
    if (got.shape, got.dtype) != (expected.shape, expected.dtype):
        raise ExportError(
            f"{signature!r} returns {got.dtype} {got.shape}, but Keras returns "
            f"{expected.dtype} {expected.shape}"
        )
    return np.abs(got - expected)


def _speed(run: Run, inputs: Arrays, seconds: float = 0.2) -> dict[str, Any]:
    """Returns the median time of a call for `BATCHES[-1]` rows, measured for `seconds`."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while not taken or time.perf_counter() < end:
        start = time.perf_counter()
        run("serving_default", inputs)
        taken.append(time.perf_counter() - start)
    return {
        "batch": BATCHES[-1],
        "milliseconds": round(1000 * float(np.median(taken)), 3),
        "cores": os.cpu_count(),
        "processor": platform.machine(),
    }


def _text(certificate: Mapping[str, Any]) -> str:
    return json.dumps(certificate, indent=2) + "\n"


def _sha256(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
