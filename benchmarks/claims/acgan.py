"""2,000 digits drawn of classes that were asked for: the share that a judge names as asked."""

from __future__ import annotations

from collections.abc import Iterator

from asked import as_asked


def claim(seed: int, steps: int = 1600) -> Iterator[dict[str, object]]:
    yield as_asked("acgan", seed, steps, samples=2000)
