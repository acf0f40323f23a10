"""200 emoji at 32×32, with and without DiffAugment: are samples nearer to 1,671 others, and are
they moved as the augmented images are?

The game is `dcgan`. DiffAugment has its translation only: with all three parts it takes more steps
to get as far. KID and recall are measured against the others, KID in the features of
EfficientNet-Lite0 and recall in 64 principal components of the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from arrays import emoji

import ganzoo
from ganzoo.augmentation import DiffAugment
from ganzoo.foundation.randomness import Noise

FEW = 200


def coloured_edge(images: np.ndarray) -> float:
    """The share of the outermost pixels that aren't white. Emoji have white ones nearly everywhere,
    and what a translation leaves empty is grey."""
    edges = [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]
    return float((np.concatenate(edges, 1).mean(-1) < 230).mean())


def claim(seed: int, augment: object = None, steps: int = 3000) -> Iterator[dict[str, object]]:
    """Rows of a claim on an augmentation, DiffAugment's translation by default."""
    augment = augment or DiffAugment(("translation",))
    x = emoji()
    chosen = np.random.default_rng(seed).permutation(len(x))
    few, others = x[chosen[:FEW]], x[chosen[FEW:]]
    rates = {"generator_learning_rate": 5e-4, "discriminator_learning_rate": 5e-4}
    found = {}
    for name, used in (("without", "none"), ("with", augment)):
        gan = ganzoo.get("dcgan", width=32, augment=used, seed=seed, **rates)
        gan.fit(few, batch_size=32, steps_per_epoch=steps, verbose=0)
        natural = gan.evaluate(others, samples=200, seed=seed, extractor="efficientnet_lite0")
        pixels = gan.evaluate(others, samples=900, seed=seed)
        found[name] = {
            "KID of EfficientNet-Lite0": float(natural["kid"]),
            "recall of pixels": float(pixels["recall"]),
            "Fréchet ratio of pixels": pixels["frechet"].ratio,
        }
    for measure, value in found["with"].items():
        yield {
            "measure": measure,
            "value": value,
            "bar": "> beside" if "recall" in measure else "< beside",
            "beside": f"without augmentation, on the same {FEW} emoji",
            "value_beside": found["without"][measure],
            "steps": steps,
        }
    # `gan` is now the augmented one.
    seen = gan.spec.decode(gan._augmentation(gan.spec.encode(others), Noise(seed)).numpy())
    yield {
        "measure": "share of the outermost pixels that aren't white",
        "value": coloured_edge(gan.sample(1500, seed=seed)),
        "bar": "< half of beside",
        "beside": "that of augmented emoji",
        "value_beside": coloured_edge(seen),
        "steps": steps,
    }
