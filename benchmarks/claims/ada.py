"""As diffaugment.py, for ADA."""

from __future__ import annotations

from collections.abc import Iterator

import diffaugment


def claim(seed: int) -> Iterator[dict[str, object]]:
    yield from diffaugment.claim(seed, "ada")
