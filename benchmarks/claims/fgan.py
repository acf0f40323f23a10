"""Does −L_D approach the known divergence of two Gaussians, for each of the six divergences?

The data are N(0, 1). G gives N(1, 1) and stays as it is, so that D alone learns. The bound is that
on 20,000 samples of each that were not trained on.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from scipy.stats import norm

import ganzoo
from ganzoo.losses import objectives

KNOWN = {
    "kl": 0.5,
    "reverse_kl": 0.5,
    "pearson": np.e - 1,
    "squared_hellinger": 2 - 2 * np.exp(-1 / 8),
    "jensen_shannon": 0.22284,  # twice the JSD, by integration
    "total_variation": 2 * norm.cdf(0.5) - 1,
}


class Shift(keras.layers.Layer):
    """z + θ."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.theta = self.add_weight(shape=(1,), initializer="ones")

    def call(self, z: keras.KerasTensor) -> keras.KerasTensor:
        return z + self.theta


def claim(seed: int, steps: int = 600) -> Iterator[dict[str, object]]:
    random = np.random.default_rng(seed)
    x, held_out, z = random.standard_normal((3, 20_000, 1)).astype("float32")
    x = (x - x.mean()) / x.std()
    for divergence, known in KNOWN.items():
        critic = keras.Sequential(
            [keras.Input([1]), keras.layers.Dense(32, "tanh"), keras.layers.Dense(1)]
        )
        gan = ganzoo.get(
            "fgan",
            divergence=divergence,
            architecture=(keras.Sequential([keras.Input([1]), Shift()]), critic),
            latent_dim=1,
            seed=seed,
        )
        rates = keras.optimizers.schedules.CosineDecay(1e-2, steps)
        gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.Adam(rates))
        gan.fit(x, batch_size=512, steps_per_epoch=steps, verbose=0)
        logits = (gan.discriminate(samples, None, False)["logits"] for samples in (held_out, z + 1))
        loss = objectives.get(divergence).discriminator(*logits)
        yield {
            "measure": f"the bound on {divergence} of N(0, 1) from N(1, 1)",
            "value": -float(loss),
            "bar": "within 15% of beside",
            "beside": "the divergence",
            "value_beside": float(known),
            "steps": steps,
        }
