"""R3GAN and DCGAN on emoji, with the same convolutional networks, of width 32, and as many images
shown.

The paper's own networks are too slow for this comparison on a CPU.

Measured are KID in the features of EfficientNet-Lite0, and Fréchet ratio and recall in 64 principal
components of the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import ganzoo


def claim(seed: int, steps: int = 800) -> Iterator[dict[str, object]]:
    emoji = ganzoo.data.load("emoji")
    found = {}
    for name in ("r3gan", "dcgan"):
        gan = ganzoo.get(name, width=32, seed=seed)
        gan.fit(emoji, batch_size=32, steps_per_epoch=steps, verbose=0)
        pixels = gan.evaluate(emoji, samples=900, seed=seed)
        natural = gan.evaluate(emoji, samples=200, seed=seed, extractor="efficientnet_lite0")
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
