"""Writing files atomically, and the folder for files that can be made again."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


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
        os.replace(draft, path)
    except OSError as error:  # the message must name the user's path, not the draft
        reason = error.strerror or str(error)
        raise OSError(f"{path} was not written: {reason}.") from error
    finally:
        draft.unlink(missing_ok=True)


def cache() -> Path:
    """The user's folder for what can be made or downloaded again; it may not exist yet.

    It is `$GANZOO_CACHE`, or `ganzoo` in `$XDG_CACHE_HOME` or in `~/.cache`.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("GANZOO_CACHE") or Path(home) / "ganzoo")
