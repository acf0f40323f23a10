"""R3GAN and DCGAN on emoji at 32×32, with the same convolutional networks, of width 32, and as many
images shown.

The paper's own networks are too slow for this comparison on a CPU. The rates of both were chosen on
another seed, of 2e-4, 5e-4 and 1e-3. Measured are KID in the features of EfficientNet-Lite0, and
Fréchet ratio and recall in 64 principal components of the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

from arrays import emoji

import ganzoo

RATES = {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
GAMES = {"r3gan": RATES, "dcgan": RATES}


def claim(seed: int, steps: int = 2000) -> Iterator[dict[str, object]]:
    images = emoji()
    found = {}
    for name, settings in GAMES.items():
        gan = ganzoo.get(name, width=32, seed=seed, **settings)
        gan.fit(images, batch_size=32, steps_per_epoch=steps, verbose=0)
        pixels = gan.evaluate(images, samples=900, seed=seed)
        natural = gan.evaluate(images, samples=200, seed=seed, extractor="efficientnet_lite0")
        found[name] = {
            "KID of EfficientNet-Lite0": float(natural["kid"]),
            "Fréchet ratio of pixels": pixels["frechet"].ratio,
            "recall of pixels": float(pixels["recall"]),
        }
    for measure, value in found["r3gan"].items():
        yield {
            "measure": measure,
            "value": value,
            "bar": "> beside" if "recall" in measure else "< beside",
            "beside": "dcgan, as many images shown",
            "value_beside": found["dcgan"][measure],
            "steps": steps,
        }
