"""Does the critic's loss follow the Wasserstein distance W1 on one-dimensional data?

The data are N(0, 1). G gives N(θ, 1) and stays as it is, while the critic is trained for each of
eight θ in turn. W1 is mean |sort x − sort y| of 5,000 samples. Beside it is the same for the
discriminator of `gan`, whose loss says less and less as the distance grows.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from fgan import Shift

import ganzoo

SHIFTS = (6.0, 4.0, 3.0, 2.0, 1.5, 1.0, 0.5, 0.25)


def claim(seed: int, steps: int = 80) -> Iterator[dict[str, object]]:
    x, z = np.random.default_rng(seed).standard_normal((2, 5000, 1)).astype("float32")
    x = (x - x.mean()) / x.std()
    followed = [correlation(name, x, z, steps, seed) for name in ("wgan", "gan")]
    yield {
        "measure": "correlation of -L_D with W1 over eight distances",
        "value": followed[0],
        "bar": ">= 0.95, > beside",
        "beside": "the same of the original GAN",
        "value_beside": followed[1],
        "steps": (steps + 20) * len(SHIFTS),
    }


def correlation(name: str, x: np.ndarray, z: np.ndarray, steps: int, seed: int) -> float:
    generator = keras.Sequential([keras.Input([1]), Shift()])
    layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(64, "relu")]
    critic = keras.Sequential([keras.Input([1]), *layers, keras.layers.Dense(1)])
    gan = ganzoo.get(name, architecture=(generator, critic), latent_dim=1, seed=seed)
    gan.compile(generator_optimizer=keras.optimizers.SGD(0.0))
    gan.build_from(x)
    losses, distances = [], []
    for shift in SHIFTS:
        gan.generator.set_weights([np.array([shift])])
        gan.fit(x, batch_size=256, steps_per_epoch=steps, verbose=0)
        last = gan.fit(x, batch_size=256, steps_per_epoch=20, verbose=0).history["discriminator"]
        losses.append(-last[0])
        distances.append(np.mean(np.abs(np.sort(x, 0) - np.sort(z + shift, 0))))
    return float(np.corrcoef(losses, distances)[0, 1])
