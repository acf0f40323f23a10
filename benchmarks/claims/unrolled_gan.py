"""Are the ring's modes found with five unrolled steps, beside the same game without?

The ring is the paper's, with the radius 2 and σ = 0.02. A mode counts if 20 of 2,500 samples are
within three standard deviations of it. The KL divergence is that of the modes that are nearest to
the samples from eight equal ones.
"""

from __future__ import annotations

from collections.abc import Iterator

from rings import found

import ganzoo
from ganzoo.data import toys


def claim(seed: int, steps: int = 5000) -> Iterator[dict[str, object]]:
    ring = toys.Mixture(2.0 * toys.ring().means, 0.02)
    unrolled, plain = (
        found(ganzoo.get("unrolled_gan", width=128, unrolled_steps=k, seed=seed), ring, steps)
        for k in (5, 0)
    )
    for measure, bar in (("modes", "> beside"), ("mode_kl", "< beside")):
        yield {
            "measure": f"{measure} of the ring with five unrolled steps",
            "value": unrolled[measure],
            "bar": bar,
            "beside": "without",
            "value_beside": plain[measure],
            "steps": steps,
        }
