"""Does each code follow one factor of `shapes`, as Q reads it from scenes that were not trained on?

The measure is the mutual information gap, 1 if each factor is told by one code and by no other. The
same networks before their training are beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import ganzoo
from ganzoo.core.gan import GAN
from ganzoo.data import shapes
from ganzoo.evaluation import mutual_information_gap

ROWS, HELD_OUT = 20_000, 4_000
FACTORS = ("shape", "size", "x", "y", "hue", "background_hue")


def read(gan: GAN, images: np.ndarray) -> np.ndarray:
    """The category and the continuous codes that Q finds in images, [N, 1 + codes]."""
    found = gan.discriminator.predict(gan.spec.encode(images), batch_size=256, verbose=0)
    return np.column_stack([found["category"].argmax(1), found["code"]])


def claim(seed: int, steps: int = 3000, latent_dim: int = 2) -> Iterator[dict[str, object]]:
    factors = shapes.factors(np.arange(ROWS + HELD_OUT), seed)
    images = shapes.render(factors, size=32)
    truth = np.column_stack([factors[name][ROWS:] for name in FACTORS])
    gan = ganzoo.get("infogan", categories=5, codes=5, latent_dim=latent_dim, width=32, seed=seed)
    gan.build_from(images[:ROWS])
    before = mutual_information_gap(read(gan, images[ROWS:]), truth)
    gan.fit(images[:ROWS], steps_per_epoch=steps, verbose=0)
    after = mutual_information_gap(read(gan, images[ROWS:]), truth)
    yield {
        "measure": "mutual information gap of the codes and the factors of shapes",
        "value": float(after),
        "bar": "> beside",
        "beside": "untrained networks",
        "value_beside": float(before),
        "steps": steps,
    }
