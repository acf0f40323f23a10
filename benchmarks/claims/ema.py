"""Fréchet ratio of digits with and without an average of G's weights, in the same training.

The average changes no update, so that both trainings make the same steps. It helps where the
weights move around a good point, and not while they still approach one.
"""

from __future__ import annotations

from collections.abc import Iterator

import ganzoo


def claim(seed: int, steps: int = 1500) -> Iterator[dict[str, object]]:
    ratios = []
    for decay in (0.99, 0.0):
        gan = ganzoo.get(
            "dcgan", width=32, ema=decay, generator_learning_rate=1e-3,
            discriminator_learning_rate=1e-3, seed=seed,
        )  # fmt: skip
        digits = ganzoo.data.load("digits")
        gan.fit(digits, steps_per_epoch=steps, verbose=0)
        ratios.append(gan.evaluate(digits, seed=seed)["frechet"].ratio)
    yield {
        "measure": "Fréchet ratio on digits with ema=0.99",
        "value": ratios[0],
        "bar": "< beside",
        "beside": "the weights themselves",
        "value_beside": ratios[1],
        "steps": steps,
    }
