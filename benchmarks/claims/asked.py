"""The claim of games that are told the class."""

from __future__ import annotations

from typing import Any

from arrays import arrays

import ganzoo


def as_asked(
    name: str, seed: int, steps: int, samples: int = 1000, **hyperparameters: Any
) -> dict[str, object]:
    x, y = arrays("digits")
    gan = ganzoo.get(name, seed=seed, **hyperparameters)
    gan.fit(x, y, steps_per_epoch=steps, verbose=0)
    agreement = gan.evaluate(x, y, samples=samples, seed=seed)["agreement"]
    return {
        "measure": "share named as asked",
        "value": float(agreement),
        "bar": ">= 0.95",
        "beside": "accuracy of the judge on real digits",
        "value_beside": agreement.reference,
        "steps": steps,
    }
