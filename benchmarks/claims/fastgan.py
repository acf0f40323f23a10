"""FastGAN and DCGAN on 200 digits, with the same number of images shown: Fréchet ratio and KID
against 1,597 others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from arrays import arrays

import ganzoo

FEW = 200


def claim(seed: int, steps: int = 400) -> Iterator[dict[str, object]]:
    x, _ = arrays("digits")
    chosen = np.random.default_rng(seed).permutation(len(x))
    found = {}
    for name in ("fastgan", "dcgan"):
        gan = ganzoo.get(name, ema=0.99, seed=seed)
        gan.fit(x[chosen[:FEW]], steps_per_epoch=steps, verbose=0)
        found[name] = gan.evaluate(x[chosen[FEW:]], samples=1500, seed=seed)
    for measure, value in (
        ("Fréchet ratio", lambda name: found[name]["frechet"].ratio),
        ("KID", lambda name: float(found[name]["kid"])),
    ):
        yield {
            "measure": measure,
            "value": value("fastgan"),
            "bar": "< beside",
            "beside": "dcgan with the same EMA on the same digits",
            "value_beside": value("dcgan"),
            "steps": steps,
        }
