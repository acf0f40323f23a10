"""How many of the ring's eight modes are found with the penalty, beside the same game without?

A mode counts if 20 of 2,500 samples are within three standard deviations of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pacgan import RECIPE
from rings import found

import ganzoo
from ganzoo.data import toys


def claim(seed: int, steps: int = 5000) -> Iterator[dict[str, object]]:
    penalised, alone = (
        found(ganzoo.get("dragan", penalties=penalties, seed=seed, **RECIPE), toys.ring(), steps)
        for penalties in ({"dragan": 1.0}, {})
    )
    for measure, bar in (("modes", "> beside"), ("mode_kl", "< beside")):
        yield {
            "measure": f"{measure} of the ring with the penalty",
            "value": penalised[measure],
            "bar": bar,
            "beside": "without",
            "value_beside": alone[measure],
            "steps": steps,
        }
