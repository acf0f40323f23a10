"""2,000 digits drawn of classes that were asked for: the share that a judge names as asked."""

from __future__ import annotations

from collections.abc import Iterator

from arrays import arrays

import ganzoo


def claim(seed: int, steps: int = 1600) -> Iterator[dict[str, object]]:
    x, y = arrays("digits")
    gan = ganzoo.get("acgan", seed=seed)
    gan.fit(x, y, steps_per_epoch=steps, verbose=0)
    agreement = gan.evaluate(x, y, samples=2000, seed=seed)["agreement"]
    yield {
        "measure": "share named as asked",
        "value": float(agreement),
        "bar": ">= 0.95",
        "beside": "accuracy of the judge on real digits",
        "value_beside": agreement.reference,
        "steps": steps,
    }
