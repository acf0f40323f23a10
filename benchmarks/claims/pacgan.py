"""How many of the ring's eight modes are found with packs of two, beside the same game without?

A mode counts if 20 of 2,500 samples are within three standard deviations of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from rings import found

import ganzoo
from ganzoo.data import toys


def claim(seed: int, steps: int = 2500) -> Iterator[dict[str, object]]:
    packed, alone = (
        found(ganzoo.get("pacgan", packing=size, seed=seed, **RECIPE), toys.ring(), steps)
        for size in (2, 1)
    )
    for measure, bar in (("modes", "> beside"), ("mode_kl", "< beside")):
        yield {
            "measure": f"{measure} of the ring with packs of two",
            "value": packed[measure],
            "bar": bar,
            "beside": "without packs",
            "value_beside": alone[measure],
            "steps": steps,
        }


RECIPE = {
    "width": 64,
    "latent_dim": 16,
    "generator_learning_rate": 1e-3,
    "discriminator_learning_rate": 1e-3,
}
