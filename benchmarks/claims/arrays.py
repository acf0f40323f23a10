"""Data of claims."""

from __future__ import annotations

import numpy as np

import ganzoo


def arrays(name: str) -> tuple[np.ndarray, np.ndarray]:
    batch = next(iter(ganzoo.data.load(name).batch(10_000)))
    return batch["image"].numpy(), batch["label"].numpy()


def emoji() -> np.ndarray:
    """The 1,871 emoji that `ganzoo data get emoji` fetches, uint8 [1871, 32, 32, 3]."""
    dataset = ganzoo.data.load("emoji", size=(32, 32))
    return next(iter(dataset.batch(10_000)))["image"].numpy()
