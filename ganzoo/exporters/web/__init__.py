"""A folder for any static web server: a page that runs the generator in the browser."""

import importlib.resources
import tarfile

from ganzoo.exporters import onnx

PAGE = ("index.html", "page.css", "page.js")
RUNTIME = "1.30.0"  # of onnxruntime-web; export/web/README.md says how its archive is made

opened = onnx.opened  # what the browser runs is the ONNX file


def write(gan, folder, **options):
    """Writes `folder`/model.onnx, the page and ONNX Runtime for browsers; returns the facts.

    The page reads model.onnx and certificate.json beside it, and asks nothing of other hosts.

    Args:
        options: as for `onnx.write`.

    Raises:
        ValueError: the GAN generates vectors, or images that a browser has no colours for.
        ExportError: as for `onnx.write`.
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
    facts = onnx.write(gan, folder, **options)
    ours = importlib.resources.files(__package__)
    for name in PAGE:
        (folder / name).write_bytes((ours / name).read_bytes())
    with (
        (ours / f"onnxruntime-web-{RUNTIME}.tar.xz").open("rb") as file,
        tarfile.open(fileobj=file, mode="r:xz") as archive,
    ):
        archive.extractall(folder, filter=_of_today)
    return facts | {"onnxruntime_web": RUNTIME}


def _of_today(member, folder):
    """tarfile's "data" filter, but the files are as new as their neighbours.

    The archive's are from 1970, and a browser takes what has not changed for decades for what
    never will: it would keep an old runtime beside a new page.
    """
    return tarfile.data_filter(member, folder).replace(mtime=None, mode=None, deep=False)
