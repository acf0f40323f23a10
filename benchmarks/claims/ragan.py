"""Are digits nearer to real ones than those of the same networks with the non-saturating losses?

The measure is the Fréchet distance over that of real samples, 1 at best.
"""

from __future__ import annotations

from collections.abc import Iterator

import ganzoo


def claim(seed: int, name: str = "ragan", steps: int = 600) -> Iterator[dict[str, object]]:
    ratios = []
    for game in (name, "dcgan"):
        gan = ganzoo.get(game, width=32, seed=seed)
        digits = ganzoo.data.load("digits")
        gan.fit(digits, steps_per_epoch=steps, verbose=0)
        ratios.append(gan.evaluate(digits, seed=seed)["frechet"].ratio)
    yield {
        "measure": "Fréchet ratio on digits",
        "value": ratios[0],
        "bar": "< beside",
        "beside": "the non-saturating losses",
        "value_beside": ratios[1],
        "steps": steps,
    }
