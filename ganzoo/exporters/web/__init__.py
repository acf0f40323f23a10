"""A folder for any static web server: a page that runs the generator in the browser."""

from __future__ import annotations

import importlib.resources
import os
import re
from pathlib import Path
from typing import Any

import onnxruntime

from ganzoo.exporters import onnx
from ganzoo.exporters.web import runtime as ort

PAGE = ("index.html", "page.css", "page.js")
LICENSE = "LICENSE.onnxruntime"

opened = onnx.opened  # what the browser runs is the ONNX file


def check(gan: Any, runtime: str | os.PathLike | None = None, **_: Any) -> None:
    """Makes sure that `write` has all it needs, and fills the cache if need be.

    Args:
        gan: a built GAN.
        runtime: as for `write`.

    Raises:
        ValueError: the GAN generates vectors, or images that a browser has no colours for, or ONNX
            Runtime for browsers can't be had.
    """
    if not gan.spec.is_image:
        raise ValueError(
            f"{gan.registry_name} generates vectors and a web page shows images: "
            "export it as 'onnx' or 'tf_saved_model'"
        )
    if (channels := gan.spec.shape[-1]) not in (1, 3, 4):
        raise ValueError(
            f"{gan.registry_name} generates {channels} channels and a browser shows 1 (grey), "
            "3 (RGB) or 4 (RGBA): export it as 'onnx' or 'tf_saved_model'"
        )
    ort.load(runtime)


def write(
    gan: Any, folder: Path, runtime: str | os.PathLike | None = None, **options: Any
) -> dict[str, Any]:
    """Writes `folder`/model.onnx, the page and ONNX Runtime for browsers; returns the facts.

    The page reads model.onnx and certificate.json beside it, and asks nothing of other hosts.

    Args:
        gan: a built GAN that passed `check`.
        folder: an existing folder.
        runtime: a folder with ONNX Runtime for browsers; by default the user's cache, see
            `runtime.load`.
        options: as for `onnx.write`.

    Raises:
        ValueError: as for `runtime.load` and `onnx.write`.
        ExportError: as for `onnx.write`.
    """
    contents = ort.load(runtime)
    facts = onnx.write(gan, folder, **options)
    ours = importlib.resources.files(__package__)
    contents |= {name: (ours / name).read_bytes() for name in PAGE}
    # The npm package has no licence file. The Python package has the same licence of ONNX Runtime.
    contents[LICENSE] = (importlib.resources.files(onnxruntime) / "LICENSE").read_bytes()
    for name, content in contents.items():
        if name.endswith(".mjs"):  # the source map is not exported, and a console would miss it
            content = re.sub(rb"\n//# sourceMappingURL=.*", b"", content)
        (folder / name).write_bytes(content)
    return facts | {"onnxruntime_web": ort.VERSION}
