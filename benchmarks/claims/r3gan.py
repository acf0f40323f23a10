"""R3GAN and DCGAN on emoji at 32×32, with the same convolutional networks, of width 32, and as many
images shown.

The paper's own networks are too slow for this comparison on a CPU. R3GAN's rates and γ were chosen
on another seed. DCGAN comes twice: with its paper's rates, and with five times larger ones, which
were the best of three on that seed. Measured are KID in the features of EfficientNet-Lite0, and
Fréchet ratio and recall in 64 principal components of the pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

from arrays import emoji

import ganzoo


def rates(rate: float) -> dict[str, float]:
    return {"generator_learning_rate": rate, "discriminator_learning_rate": rate}


GAMES = {
    "r3gan": ("r3gan", rates(2e-3) | {"penalties": {"r1": 0.5, "r2": 0.5}}),
    "dcgan with its paper's rates": ("dcgan", rates(2e-4)),
    "dcgan with rates of 1e-3": ("dcgan", rates(1e-3)),
}


def claim(seed: int, steps: int = 2000) -> Iterator[dict[str, object]]:
    images = emoji()
    found = {}
    for game, (name, settings) in GAMES.items():
        gan = ganzoo.get(name, width=32, seed=seed, **settings)
        gan.fit(images, batch_size=32, steps_per_epoch=steps, verbose=0)
        pixels = gan.evaluate(images, samples=900, seed=seed)
        natural = gan.evaluate(images, samples=200, seed=seed, extractor="efficientnet_lite0")
        found[game] = {
            "KID of EfficientNet-Lite0": float(natural["kid"]),
            "Fréchet ratio of pixels": pixels["frechet"].ratio,
            "recall of pixels": float(pixels["recall"]),
        }
    mine = found.pop("r3gan")
    for game, measured in found.items():
        for measure, value in measured.items():
            yield {
                "measure": f"{measure}, against {game}",
                "value": mine[measure],
                "bar": "> beside" if "recall" in measure else "< beside",
                "beside": f"{game}, as many images shown",
                "value_beside": value,
                "steps": steps,
            }
