"""Does the critic's loss follow the Wasserstein distance W1 on one-dimensional data?

G starts far from the data and learns slowly. After each epoch −L_D is compared with
W1 = mean |sort x − sort y| of 5,000 samples.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import spearmanr

import ganzoo


def claim(seed: int, epochs: int = 40, steps: int = 25) -> Iterator[dict[str, object]]:
    random = np.random.default_rng(seed)
    x = np.where(random.random(5000) < 0.7, -1.0, 2.0) + 0.3 * random.standard_normal(5000)
    x = x.astype("float32")[:, None]
    gan = ganzoo.get("wgan", width=64, latent_dim=4, generator_learning_rate=1e-4, seed=seed)
    losses, distances = [], []
    gan.build_from(x)
    for _ in range(epochs):
        history = gan.fit(x, batch_size=256, steps_per_epoch=steps, verbose=0).history
        losses.append(-history["discriminator"][0])
        y = gan.sample(5000, seed=seed)
        distances.append(np.mean(np.abs(np.sort(x, 0) - np.sort(y, 0))))
    yield {
        "measure": "correlation of -L_D with W1 over 40 points in training",
        "value": float(np.corrcoef(losses, distances)[0, 1]),
        "bar": ">= 0.9",
        "beside": "rank correlation",
        "value_beside": float(spearmanr(losses, distances).statistic),
        "steps": epochs * steps,
    }
    yield {
        "measure": "last W1 over first W1",
        "value": float(distances[-1] / distances[0]),
        "bar": "< 0.5",
        "beside": "last -L_D over first",
        "value_beside": losses[-1] / losses[0],
        "steps": epochs * steps,
    }
