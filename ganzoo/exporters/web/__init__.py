"""Exports a web page that runs the generator in the browser. Any static web server can serve it."""

from __future__ import annotations

import importlib.resources
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime

from ganzoo.exporters import onnx
from ganzoo.exporters.web import runtime as ort

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

PAGE = ("index.html", "page.css", "page.js")
LICENSE = "LICENSE.onnxruntime"

opened = onnx.opened  # the page runs the ONNX file


def check(
    gan: GAN, runtime: str | os.PathLike | None = None, webgpu: bool = False, **_: Any
) -> None:
    """Checks that `write` can export this GAN, and downloads ONNX Runtime for browsers if needed.

    Args:
        gan: a built GAN.
        runtime, webgpu: as for `write`.

    Raises:
        ValueError: the GAN generates vectors or series, or images that do not have 1, 3 or 4
            channels, or ONNX Runtime for browsers can't be downloaded.
    """
    if not gan.spec.is_image:
        raise ValueError(
            f"{gan.registry_name} generates {gan.spec.kind} and a web page shows images: "
            "export it as 'onnx' or 'tf_saved_model'"
        )
    if (channels := gan.spec.shape[-1]) not in (1, 3, 4):
        raise ValueError(
            f"{gan.registry_name} generates {channels} channels and a browser shows 1 (grey), "
            "3 (RGB) or 4 (RGBA): export it as 'onnx' or 'tf_saved_model'"
        )
    ort.load(runtime, webgpu)


def write(
    gan: GAN,
    folder: Path,
    runtime: str | os.PathLike | None = None,
    webgpu: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Writes `folder`/model.onnx, the page and ONNX Runtime for browsers.

    The page reads model.onnx and certificate.json from its own folder and makes no requests to
    other hosts.

    Args:
        gan: a built GAN that passed `check`.
        folder: an existing folder.
        runtime: a folder with ONNX Runtime for browsers; by default the user's cache, see
            `runtime.load`.
        webgpu: whether the page may compute on a GPU. Where the browser has one, it makes the same
            picture on both, and stays with the GPU if no pixel differs by a grey level and the GPU
            was faster.
        options: as for `onnx.write`.

    Returns:
        The entries that the format adds to the certificate.

    Raises:
        ValueError: as for `runtime.load` and `onnx.write`.
        ExportError: as for `onnx.write`.
    """
    page = contents(runtime, webgpu)
    facts = onnx.write(gan, folder, **options)
    for name, content in page.items():
        (folder / name).write_bytes(content)
    return facts | {"onnxruntime_web": ort.VERSION, "webgpu": webgpu}


def contents(runtime: str | os.PathLike | None = None, webgpu: bool = False) -> dict[str, bytes]:
    """The page's files by name, without a model.

    Raises:
        ValueError: as for `runtime.load`.
    """
    found = ort.load(runtime, webgpu)
    ours = importlib.resources.files(__package__)
    found |= {name: (ours / name).read_bytes() for name in PAGE}
    # The npm package has no licence file. The Python package has one, with the same licence.
    found[LICENSE] = (importlib.resources.files(onnxruntime) / "LICENSE").read_bytes()
    # The source maps are not exported, and browsers would report them as missing.
    return {
        name: re.sub(rb"\n//# sourceMappingURL=.*", b"", content)
        if name.endswith(".mjs")
        else content
        for name, content in found.items()
    }
