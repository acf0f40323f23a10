"""Codes of digits that were not trained on: whether they are distributed as the latents, N(0, 1),
and how well they are decoded, beside as many principal components.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from arrays import arrays
from sklearn.decomposition import PCA

import ganzoo


def claim(seed: int, steps: int = 3000) -> Iterator[dict[str, object]]:
    x, _ = arrays("digits")
    order = np.random.default_rng(seed).permutation(len(x))
    train, held_out = x[order[:1300]], x[order[1300:]]
    gan = ganzoo.get("aae", seed=seed)
    gan.fit(train, steps_per_epoch=steps, verbose=0)
    codes = gan.encode(held_out)
    decoded = gan.sample(len(codes), latent=codes)
    pca = PCA(gan.latent_dim).fit(train.reshape(len(train), -1))
    flat = held_out.reshape(len(held_out), -1)
    linear = pca.inverse_transform(pca.transform(flat))

    def error(made: np.ndarray) -> float:
        return float(np.sqrt(np.mean(np.square(made.reshape(flat.shape).astype(float) - flat))))

    covariance = np.cov(codes, rowvar=False)
    for measure, value, bar, beside, other in (
        ("largest |mean| of a code", np.abs(codes.mean(0)).max(), "< 0.3", "", None),
        (
            "smallest eigenvalue of the covariance",
            np.linalg.eigvalsh(covariance)[0],
            "> 0.4",
            "",
            None,
        ),
        (
            "largest eigenvalue of the covariance",
            np.linalg.eigvalsh(covariance)[-1],
            "< 2",
            "",
            None,
        ),
        (
            "root mean squared error of 255",
            error(decoded),
            "< 1.1 beside",
            "that of PCA",
            error(linear),
        ),
    ):
        row = {
            "measure": measure,
            "value": float(value),
            "bar": bar,
            "beside": beside,
            "steps": steps,
        }
        yield row if other is None else row | {"value_beside": other}
