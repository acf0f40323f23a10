"""Digits to their blurred, shifted and inverted pictures: PSNR of pictures that were not trained on
against the truth, beside that of the source itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.ndimage
from arrays import arrays

import ganzoo


def mapped(x: np.ndarray) -> np.ndarray:
    """The known map: grey pictures uint8 [N, H, W, 1] -> blurred, moved down by two, inverted."""
    blurred = scipy.ndimage.gaussian_filter(x.astype("float32"), (0, 1.0, 1.0, 0))
    return np.rint(255 - np.roll(blurred, 2, axis=1)).astype("uint8")


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = np.mean((one.astype("float64") - other.astype("float64")) ** 2)
    return float(10 * np.log10(255**2 / error))


def claim(seed: int, steps: int = 600) -> Iterator[dict[str, object]]:
    x = np.pad(arrays("mnist5k")[0], [(0, 0), (2, 2), (2, 2), (0, 0)])
    order = np.random.default_rng(seed).permutation(len(x))
    source, held_out = x[order[:2000]], x[order[2000:2500]]
    gan = ganzoo.get("pix2pix", width=16, seed=seed)
    gan.fit(
        {"source": source, "target": mapped(source)},
        batch_size=16,
        steps_per_epoch=steps,
        verbose=0,
    )
    truth = mapped(held_out)
    yield {
        "measure": "PSNR of the mapped pictures in dB",
        "value": psnr(gan.sample(source=held_out), truth),
        "bar": "> 25, > beside",
        "beside": "PSNR of the source itself",
        "value_beside": psnr(held_out, truth),
        "steps": steps,
    }
