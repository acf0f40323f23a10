"""Writing files atomically, addresses of object storage, and the folder for files that can be made
again."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path to write to, which replaces `path` if the block succeeds.

    If the block fails, the temporary file is removed and `path` stays as it was.

    Raises:
        OSError: the file cannot be written.

    Example:
        >>> with replacing("digits.npy") as draft:
        ...     np.save(draft, digits)
    """
    path = Path(path)
    draft = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield draft
        with open(draft, "rb") as written:  # or a power cut leaves the name and not the bytes
            os.fsync(written.fileno())
        os.replace(draft, path)
    except OSError as error:  # the message must name the user's path, not the draft
        reason = error.strerror or str(error)
        raise OSError(f"{path} was not written: {reason}.") from error
    finally:
        draft.unlink(missing_ok=True)


def is_path(path: Any) -> bool:
    """Whether it can be the name of a file: a path, an address such as `s3://bucket/file`, or what
    `at` makes of them."""
    if isinstance(path, str | os.PathLike):
        return "\0" not in os.fsdecode(path)
    return hasattr(path, "fs")


def at(path: str | os.PathLike[str]) -> Any:
    """A `pathlib.Path`, or for an address a path of universal_pathlib, which has its methods.

    An address begins with the name of its storage, such as `s3://`, `gs://` or `az://`; fsspec
    reaches them, with the settings and the credentials that each storage takes from the
    environment, such as AWS_ENDPOINT_URL.

    Raises:
        ValueError: the packages for this storage are missing.
    """
    if hasattr(path, "fs"):
        return path  # made already
    if not isinstance(path, str) or "://" not in path:
        return Path(path)
    try:
        from upath import UPath

        found = UPath(path, use_listings_cache=False)  # others write there too
        found.fs  # noqa: B018  made now, and not when the first file is read
    except (ImportError, ValueError) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise ValueError(
            f"{path} can't be reached ({reason}): pip install universal_pathlib s3fs, which is "
            "enough for s3://, and what fsspec names for other storages."
        ) from error
    return found


@contextlib.contextmanager
def local(path: Any) -> Iterator[Path]:
    """A file of this machine with the content of `path`, which `at` made: the file itself, or a
    copy that is removed afterwards."""
    if isinstance(path, Path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        path.fs.get_file(path.path, str(copy))
        yield copy


@contextlib.contextmanager
def storing(path: Any) -> Iterator[Path]:
    """Yields a local path to write to. If the block succeeds, it becomes `path`, which `at` made.

    On object storage a file is one object, which appears when all of it has arrived. One of more
    than 50 MB is sent in parts; the storage keeps the parts of one that was broken off, unseen,
    until a rule of the bucket removes them.

    Raises:
        OSError: the file cannot be written.
    """
    if isinstance(path, Path):
        with replacing(path) as draft:
            yield draft
        return
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, path.name)
        yield draft
        try:
            path.fs.put_file(str(draft), path.path)
        except Exception as error:  # each storage has errors of its own
            raise OSError(f"{path} was not written: {error}.") from error


def cache() -> Path:
    """The user's folder for what can be made or downloaded again; it may not exist yet.

    It is `$GANZOO_CACHE`, or `ganzoo` in `$XDG_CACHE_HOME` or in `~/.cache`.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("GANZOO_CACHE") or Path(home) / "ganzoo")
