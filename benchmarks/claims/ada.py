"""200 digits, with and without ADA: Fréchet ratio and KID against 1,597 others, and whether samples
are moved as the augmented images are."""

from __future__ import annotations

from collections.abc import Iterator

import diffaugment


def claim(seed: int) -> Iterator[dict[str, object]]:
    yield from diffaugment.claim(seed, "ada")
