"""ONNX Runtime for browsers: a few files of one pinned npm package, kept in the user's cache."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from ganzoo.foundation import files, packages

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
# What npm publishes for this version as `dist.integrity`.
INTEGRITY = "sha512-" + (
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
# Name of a file in the package's folder `dist` -> its SHA-256. With these three files ONNX Runtime
# works offline, on one thread.
FILES = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": (
        "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b"
    ),
    "ort-wasm-simd-threaded.wasm": (
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
}
# Those that compute on a GPU too. A browser asks for them only where it has one.
WEBGPU_FILES = {
    "ort.webgpu.min.mjs": "3dffff71811bc13a3a3d9591c57ca5ee5735b8f5f3eaf789510b02bb040ae3a0",
    "ort-wasm-simd-threaded.asyncify.mjs": (
        "3d1c85995364bb643302fc6fd877a0c3ba5ae72401815e0f24828a53d9191e28"
    ),
    "ort-wasm-simd-threaded.asyncify.wasm": (
        "39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da"
    ),
}
MEND = (
    "run the export once where npm and a network are available, or unpack the package yourself and "
    "name its folder with runtime=FOLDER (--runtime FOLDER on the command line)"
)


def load(folder: str | os.PathLike | None = None, webgpu: bool = False) -> dict[str, bytes]:
    """Returns the content of each of `FILES` by name, with `webgpu` of `WEBGPU_FILES` too.

    Without `folder` they are read from the user's cache (`files.cache()`). If they are not there,
    `npm` downloads the pinned package, which is checked against `INTEGRITY` and put into the cache.
    Later calls need neither npm nor a network.

    Args:
        folder: a folder that holds the files, such as `dist` of the unpacked package, or the
            package's own folder.
        webgpu: whether the files for GPUs are wanted, which have 27 MB.

    Raises:
        ValueError: the files are not in `folder`, have another version, or can't be downloaded. The
            message says what is missing and how to provide it.
    """
    hashes = FILES | (WEBGPU_FILES if webgpu else {})
    if folder is not None:
        return _named(folder, hashes)
    cached = files.cache() / f"{PACKAGE}-{VERSION}"
    found = {
        name: content
        for name, digest in hashes.items()
        if (content := _content(cached / name, digest)) is not None
    }
    if len(found) < len(hashes):
        found = _downloaded(hashes)
        with contextlib.suppress(OSError):  # the export works without a cache
            cached.mkdir(parents=True, exist_ok=True)
            for name, content in found.items():
                with files.replacing(cached / name) as draft:
                    draft.write_bytes(content)
    return found


def _content(file: Path, digest: str) -> bytes | None:
    """The file's content, or None if it can't be read or has another SHA-256."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == digest else None


def _named(folder: str | os.PathLike, hashes: Mapping[str, str]) -> dict[str, bytes]:
    if not isinstance(folder, str | os.PathLike) or "\0" in os.fsdecode(folder):
        raise ValueError(f"runtime={folder!r} is not a path: name a folder with {PACKAGE}")
    folder = Path(folder)
    found = folder / "dist" if (folder / "dist").is_dir() else folder
    contents = {}
    for name, digest in hashes.items():
        content = _content(found / name, digest)
        if content is None:
            seen = "is not the file of" if (found / name).exists() else "is missing from"
            raise ValueError(
                f"{found / name} {seen} {PACKAGE} {VERSION}: name the folder of that unpacked npm "
                f"package, which holds {', '.join(hashes)} in its folder dist"
            )
        contents[name] = content
    return contents


def _downloaded(names: Iterable[str]) -> dict[str, bytes]:
    try:
        content = packages.npm(PACKAGE, VERSION, INTEGRITY)
    except packages.NotFetched as error:
        raise ValueError(
            f"the web page needs {PACKAGE} {VERSION}, which is not in the cache, and {error}: "
            f"{MEND}"
        ) from error
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = {name: archive.extractfile(f"package/dist/{name}") for name in names}
        return {name: file.read() for name, file in members.items() if file is not None}
