"""Does R1 make the Dirac-GAN converge, through the real `fit`?

The data are 0, G(z) = θ and D(x) = ψx. The measure is the distance of (θ, ψ) from the equilibrium
(0, 0) after training, over that before, with R1 of weight 1 and, beside it, without.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

import ganzoo


def claim(seed: int, steps: int = 500) -> Iterator[dict[str, object]]:
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi)
    start = np.array([np.cos(angle), np.sin(angle)])
    yield {
        "measure": "distance from the equilibrium of the Dirac-GAN, last over first",
        "value": distance(start, {"r1": 1.0}, steps),
        "bar": "< 0.001",
        "beside": "without R1",
        "value_beside": distance(start, {}, steps),
        "steps": steps,
    }


def distance(start: np.ndarray, penalties: dict[str, float], steps: int) -> float:
    generator = keras.Sequential([keras.Input([1]), keras.layers.Rescaling(0.0), Bias()])
    critic = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    generator.set_weights([start[:1]])
    critic.set_weights([start[1:, None]])
    gan = ganzoo.get(
        "r1gan", architecture=(generator, critic), latent_dim=1, penalties=penalties, ema=0.0
    )
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    gan.fit(np.zeros([4, 1], "float32"), batch_size=4, steps_per_epoch=steps, verbose=0)
    return float(np.hypot(generator.weights[0][0], critic.weights[0][0, 0]))


class Bias(keras.layers.Layer):
    """x + θ."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.theta = self.add_weight(shape=(1,), initializer="zeros")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return x + self.theta
