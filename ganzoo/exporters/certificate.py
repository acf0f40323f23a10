"""The proof that an export says what Keras says, written beside it as `certificate.json`."""

import datetime
import hashlib
import importlib
import json
import platform

import numpy as np
import tensorflow as tf

SEED = 20140610  # the day "Generative Adversarial Nets" was posted
BATCHES = (1, 8)  # one row finds a batch size frozen while tracing, eight find the rest
RELATIVE = 1e-4  # of the output's range; float32 kernels that sum in another order stay near 1e-6


class ExportError(RuntimeError):
    """An export disagrees with Keras, or can't be run where it is meant to run."""


def requests(gan, rows):
    """The fixed requests: name of a signature -> (inputs by name, the tensor Keras answers).

    Arrays throughout. Keras computes on the CPU, since a GPU's TensorFloat-32 would be blamed on
    the export.
    """
    seed = tf.constant(SEED, tf.int64)
    with tf.device("/CPU:0"):
        latents = gan.draw_latents(tf.constant(rows, tf.int32), seed)
        output = gan.serve(latents)
        encode = getattr(gan, "encode_images", None)
        inferred = encode(output) if encode else None
    latents = {name: tensor.numpy() for name, tensor in latents.items()}
    output = output.numpy()
    answers = {
        "serving_default": (latents, output),
        "sample": ({"count": np.int32(rows), "seed": np.int64(SEED)}, output),
        "png": (latents, output),
    }
    if inferred is not None:
        answers["encode"] = ({gan.output_name: output}, inferred.numpy())
    return answers


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


def certify(gan, folder, signatures, run, facts):
    """Compares every signature of an export with Keras and writes `folder`/certificate.json.

    Args:
        signatures: name -> {"inputs": {name: {"dtype", "shape"}}, "outputs": likewise}.
        run: (signature, inputs by name) -> the array of its one output.
        facts: what the format adds, such as {"format": "onnx", "opset": 18, "packages": (…,)};
            packages are imported for their versions.

    Raises:
        ExportError: one sentence with the signature, the difference measured and the tolerance.
    """
    batches = [requests(gan, rows) for rows in BATCHES]
    checked = {}
    for name, signature in signatures.items():
        limit = tolerance(gan, name, batches[-1][name][1])  # one row has no spread to speak of
        differences = []
        for inputs, expected in (answers[name] for answers in batches):
            if not np.isfinite(expected).all():
                raise ExportError(
                    f"{gan.registry_name} generates values that are not finite, so its training "
                    "diverged and there is nothing to export"
                )
            differences.append(_difference(name, run(name, inputs), expected))
        largest = float(np.max(differences))  # NaN wins, unlike with max()
        if not largest <= limit:
            raise ExportError(
                f"{facts['format']} export of {gan.registry_name}: {name!r} differs from Keras "
                f"by {largest:.3g} where {limit:.3g} is allowed, so the export was deleted"
            )
        checked[name] = {**signature, "largest_difference": largest, "tolerance": limit}
    packages = ("ganzoo", "tensorflow", "keras", "numpy", *facts["packages"])
    files = {
        file.relative_to(folder).as_posix(): {
            "bytes": file.stat().st_size,
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    certificate = {
        "model": gan.registry_name,
        **facts,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "packages": {name: importlib.import_module(name).__version__ for name in packages}
        | {"python": platform.python_version()},
        "shape": list(gan.spec.shape),
        "value_range": value_range(gan),
        "latents": dict(gan.latent_ranges),
        "seed": SEED,
        "batches": list(BATCHES),
        "largest_difference": checked["serving_default"]["largest_difference"],
        "tolerance": checked["serving_default"]["tolerance"],
        "signatures": checked,
        "bytes": sum(entry["bytes"] for entry in files.values()),
        "files": files,
    }
    (folder / "certificate.json").write_text(json.dumps(certificate, indent=2) + "\n")


def value_range(gan):
    """What the numbers of the output mean, in words."""
    return "[-1, 1]" if gan.output_name == "image" else "the data's own units"


def _difference(signature, got, expected):
    if signature == "png":
        pixels = np.stack([tf.io.decode_png(png).numpy() for png in got])
        got = (pixels / 127.5 - 1).astype(np.float32)
    # Before subtracting, because broadcasting would hide a wrong shape.
    if (got.shape, got.dtype) != (expected.shape, expected.dtype):
        raise ExportError(
            f"{signature!r} answers {got.dtype} {got.shape} where Keras answers "
            f"{expected.dtype} {expected.shape}, so the export was deleted"
        )
    return float(np.abs(got - expected).max())
