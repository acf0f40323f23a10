"""Data of claims."""

from __future__ import annotations

import numpy as np

import ganzoo


def arrays(name: str) -> tuple[np.ndarray, np.ndarray]:
    batch = next(iter(ganzoo.data.load(name).batch(10_000)))
    return batch["image"].numpy(), batch["label"].numpy()
