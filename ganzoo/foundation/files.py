"""Files that appear whole or not at all, and the folder for those that can be made again."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a draft to write instead of `path`, which takes its place if the block succeeds."""
    path = Path(path)
    draft = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield draft
        os.replace(draft, path)
    except OSError as error:  # the draft's name means nothing to the user
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
