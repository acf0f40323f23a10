"""Suggestions for misspelled names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str:
    """The words " (did you mean …?)" with the nearest names, or "" if none is near."""
    near = difflib.get_close_matches(name, names, n=2)
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
