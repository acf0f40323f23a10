"""Do the digits differ as real ones do, and does the pulling-away term help?

The measure is the KL divergence of a judge's labels from the data's, in nats: 0 is best, and
log 10 = 2.30 is one digit only.
"""

from __future__ import annotations

from collections.abc import Iterator

import ganzoo


def claim(seed: int, steps: int = 800) -> Iterator[dict[str, object]]:
    found = []
    for weight in (0.1, 0.0):
        gan = ganzoo.get("ebgan", pulling_away=weight, seed=seed)
        digits = ganzoo.data.load("digits")
        gan.fit(digits, steps_per_epoch=steps, verbose=0)
        found.append(float(gan.evaluate(digits, seed=seed)["label_kl"]))
    yield {
        "measure": "label KL of digits",
        "value": found[0],
        "bar": "<= 0.1, < beside",
        "beside": "without the pulling-away term",
        "value_beside": found[1],
        "steps": steps,
    }
