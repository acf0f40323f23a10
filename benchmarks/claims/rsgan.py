"""As ragan.py, for the game that compares pairs."""

from __future__ import annotations

from collections.abc import Iterator

import ragan


def claim(seed: int) -> Iterator[dict[str, object]]:
    return ragan.claim(seed, "rsgan")
