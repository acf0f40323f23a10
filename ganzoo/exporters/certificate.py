"""The proof that an export says what Keras says: `certificate.json`, and the questions and answers
of `parity.npz`, both written beside the model, so that anyone can check again later, anywhere."""

import datetime
import hashlib
import importlib
import json
import os
import platform
import time
import zipfile
from pathlib import PurePosixPath

import numpy as np
import tensorflow as tf

import ganzoo

SEED = 20140610  # the day "Generative Adversarial Nets" was posted
BATCHES = (1, 8)  # one row finds a batch size frozen while tracing, eight find the rest
RELATIVE = 1e-4  # of the output's range; float32 kernels that sum in another order stay near 1e-6
FILE, RECORD = "certificate.json", "parity.npz"
LONGEST = 2**20  # bytes of a certificate; ours have a few thousand


class ExportError(RuntimeError):
    """An export disagrees with Keras, can't be run where it is meant to run, or was altered."""


def certify(gan, folder, signatures, run, facts):
    """Compares every signature of an export with Keras and writes `folder`/certificate.json.

    Args:
        signatures: name -> {"inputs": {name: {"dtype", "shape"}}, "outputs": likewise}.
        run: (signature, inputs by name) -> the array of its one output.
        facts: what the format adds, such as {"format": "onnx", "opset": 18, "packages": (…,)};
            packages are imported for their versions. With "least_psnr", in dB, that is the bound
            in place of the `tolerance` of float32.

    Returns:
        The certificate.

    Raises:
        ExportError: one sentence with the signature, the difference measured and the bound.
    """
    record = {f"{rows}/{key}": v for rows in BATCHES for key, v in _answers(gan, rows).items()}
    if not all(np.isfinite(array).all() for array in record.values()):
        raise ExportError(
            f"{gan.registry_name} generates values that are not finite, so its training "
            "diverged and there is nothing to export"
        )
    certificate = {
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
    }
    for name, signature in signatures.items():
        asked = _asked(record, name, gan.output_name)
        if "least_psnr" in facts:
            bound = {"least_psnr": facts["least_psnr"]}
        else:
            bound = {"tolerance": tolerance(gan, name, asked[-1][1])}  # one row has no spread
        try:
            measured = _agreement(name, asked, run, bound, gan.output_name)
        except ExportError as error:
            reason = f"{facts['format']} export of {gan.registry_name}: {error}"
            raise ExportError(f"{reason}, so the export was deleted") from error
        certificate["signatures"][name] = signature | measured | bound
    served = certificate["signatures"]["serving_default"]
    certificate |= {key: served[key] for key in served if key not in ("inputs", "outputs")}
    certificate["speed"] = _speed(run, _asked(record, "serving_default", gan.output_name)[-1][0])
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


def read(folder):
    """The certificate of an export, once its own hash and every file's have been checked.

    Nothing is read that the certificate doesn't list, nor anything outside `folder`.

    Raises:
        ExportError: something is missing, was added or was altered.
    """
    file = folder / FILE
    if not file.is_file():
        raise ExportError(f"{file} is missing")
    try:
        if file.stat().st_size > LONGEST:
            raise ValueError("too long to be one")
        text = file.read_text()
        certificate = json.loads(text)
        stated = certificate.pop("sha256")
        files = {
            name: (entry["bytes"], entry["sha256"]) for name, entry in certificate["files"].items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ExportError(f"{file} is no certificate, or is damaged") from error
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


def recheck(folder, certificate, signatures, run):
    """Asks an export again what `certify` asked, and compares with the answers recorded then.

    Args:
        certificate: as `read` returns it.
        signatures, run: as in `certify`.

    Returns:
        name of a signature -> {"largest_difference": …} or {"psnr": …, …}, as measured now.

    Raises:
        ExportError: names, shapes or answers differ from what was certified.
    """
    stated = certificate["signatures"]
    if stated.keys() != signatures.keys():
        raise ExportError(
            f"{folder} has the signatures {', '.join(signatures)} where its certificate has "
            f"{', '.join(stated)}"
        )
    try:
        (output,) = stated["serving_default"]["outputs"]
        record = _recorded(folder / RECORD)
        questions = {name: _asked(record, name, output) for name in stated}
    except (ValueError, KeyError, OSError, MemoryError, zipfile.BadZipFile) as error:
        raise ExportError(f"{folder / RECORD} is no record of this export") from error
    measured = {}
    for name, entry in stated.items():
        for side in ("inputs", "outputs"):
            if entry[side] != signatures[name][side]:
                raise ExportError(f"{folder}: the {side} of {name!r} are not those certified")
        try:
            measured[name] = _agreement(name, questions[name], run, entry, output)
        except ExportError as error:
            raise ExportError(f"{folder}: {error}") from error
    return measured


def requests(gan, rows):
    """The fixed requests: name of a signature -> (inputs by name, the array Keras answers)."""
    record = {f"{rows}/{key}": value for key, value in _answers(gan, rows).items()}
    signatures = ["serving_default", "sample", "png"]
    if f"{rows}/encoded" in record:
        signatures.append("encode")
    return {name: _asked(record, name, gan.output_name)[0] for name in signatures}


def tolerance(gan, signature, expected):
    """The largest absolute difference that passes, given what Keras answered.

    1e-4 of the range of 2 for images; of the standard deviation for vectors and for inferred
    latents, whose units are the data's own, and never less than 32 float32 roundings of the largest
    value, or a generator that collapsed to one point could not be exported. A PNG may also round
    half a grey level.
    """
    if signature == "encode" or gan.output_name == "vector":
        rounding = 32 * np.finfo(np.float32).eps * np.abs(expected).max()
        return float(max(RELATIVE * expected.std(), rounding))
    return 2 * RELATIVE + (1 / 255 if signature == "png" else 0)


def psnr(squared_errors, expected, output):
    """Peak signal-to-noise ratio in dB: 10·log10(peak² / mean squared error), where the peak is the
    range of 2 for images and what Keras's answers span for vectors; 200 at most, since JSON has no
    infinity."""
    peak = 2.0 if output == "image" else float(np.ptp(expected))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.minimum(10 * np.log10(np.square(peak) / np.mean(squared_errors)), 200))


def value_range(gan):
    """What the numbers of the output mean, in words."""
    return "[-1, 1]" if gan.output_name == "image" else "the data's own units"


def metadata(gan):
    """What a model file says of itself where its format has a place for it: text by name."""
    return {
        "name": gan.registry_name,
        "ganzoo_version": ganzoo.__version__,
        "value_range": value_range(gan),
        "shape": json.dumps(list(gan.spec.shape)),
        "latents": json.dumps(dict(gan.latent_ranges)),
    }


def _answers(gan, rows):
    """What Keras is asked and what it answers, as arrays: `inputs/NAME`, `output` and, where
    latents are inferred, `encoded`.

    On the CPU, since a GPU's TensorFloat-32 would be blamed on the export.
    """
    with tf.device("/CPU:0"):
        latents = gan.draw_latents(tf.constant(rows, tf.int32), tf.constant(SEED, tf.int64))
        output = gan.serve(latents)
        encode = getattr(gan, "encode_images", None)
        encoded = {"encoded": encode(output)} if encode else {}
    tensors = {f"inputs/{name}": tensor for name, tensor in latents.items()}
    return {key: value.numpy() for key, value in (tensors | {"output": output} | encoded).items()}


def _asked(record, signature, output):
    """[(inputs by name, the answer of Keras), …] of a signature, one for each of the batches."""
    asked = []
    for rows in sorted({int(key.split("/")[0]) for key in record}):
        answer = record[f"{rows}/output"]
        if signature == "sample":
            inputs = {"count": np.int32(rows), "seed": np.int64(SEED)}
        elif signature == "encode":
            inputs, answer = {output: answer}, record[f"{rows}/encoded"]
        else:
            start = f"{rows}/inputs/"
            inputs = {k.removeprefix(start): v for k, v in record.items() if k.startswith(start)}
        asked.append((inputs, answer))
    return asked


def _recorded(file):
    with zipfile.ZipFile(file) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("compressed, so of unknown size")  # ours never is
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _agreement(signature, asked, run, bound, output):
    """How far the answers are from Keras's: the largest difference, or, in reduced precision,
    also their PSNR.

    Raises:
        ExportError: further than `bound` allows.
    """
    differences = [_differences(signature, run(signature, x), y) for x, y in asked]
    largest = float(np.max([difference.max() for difference in differences]))  # NaN wins
    measured = {"largest_difference": largest}
    if "least_psnr" in bound:
        squares = np.concatenate([np.square(d.astype(float)).ravel() for d in differences])
        measured["psnr"] = round(psnr(squares, asked[-1][1], output), 2)
        if not measured["psnr"] >= bound["least_psnr"]:
            raise ExportError(
                f"{signature!r} is {measured['psnr']:.1f} dB from Keras (largest difference "
                f"{largest:.3g}) where {bound['least_psnr']:g} dB are asked for"
            )
    elif not largest <= bound["tolerance"]:
        raise ExportError(
            f"{signature!r} differs from Keras by {largest:.3g} where "
            f"{bound['tolerance']:.3g} is allowed"
        )
    return measured


def _differences(signature, got, expected):
    if signature == "png":
        pixels = np.stack([tf.io.decode_png(png).numpy() for png in got])
        got = (pixels / 127.5 - 1).astype(np.float32)
    # Before subtracting, because broadcasting would hide a wrong shape.
    if (got.shape, got.dtype) != (expected.shape, expected.dtype):
        raise ExportError(
            f"{signature!r} answers {got.dtype} {got.shape} where Keras answers "
            f"{expected.dtype} {expected.shape}"
        )
    return np.abs(got - expected)


def _speed(run, inputs, seconds=0.2):
    """The median of as many calls as fit into `seconds`, of a batch of `BATCHES[-1]`."""
    taken, end = [], time.perf_counter() + seconds
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


def _text(certificate):
    return json.dumps(certificate, indent=2) + "\n"


def _sha256(file):
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
