"""200 digits, with and without DiffAugment: Fréchet ratio and KID against 1,597 others, and whether
samples are moved as the augmented images are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from arrays import arrays

import ganzoo
from ganzoo.foundation.randomness import Noise

FEW = 200


def centres(images: np.ndarray) -> np.ndarray:
    """The centres of mass of bright pixels, [N, 2], in pixels."""
    images = images[..., 0].astype(float)
    mass = images.sum((1, 2))[:, None] + 1e-9
    places = np.stack(np.meshgrid(*map(np.arange, images.shape[1:]), indexing="ij"), -1)
    return np.einsum("nij,ijc->nc", images, places) / mass


def outside(images: np.ndarray, limits: np.ndarray) -> float:
    """The share of images whose centre of mass is beyond the limits."""
    found = centres(images)
    return float(((found < limits[0]) | (found > limits[1])).any(1).mean())


def claim(
    seed: int, augment: object = "diffaugment", steps: int = 3000
) -> Iterator[dict[str, object]]:
    """Rows of a claim on the augmentation `augment`."""
    x, _ = arrays("digits")
    chosen = np.random.default_rng(seed).permutation(len(x))
    few, others = chosen[:FEW], chosen[FEW:]
    found = {}
    for name, used in (("with", augment), ("without", "none")):
        gan = ganzoo.get("dcgan", augment=used, seed=seed)
        gan.fit(x[few], steps_per_epoch=steps, verbose=0)
        found[name] = gan.evaluate(x[others], samples=1500, seed=seed), gan.sample(1500, seed=seed)
        if name == "with":
            trained = gan
    for measure in ("frechet", "kid"):
        values = {
            name: result[measure].ratio if measure == "frechet" else float(result[measure])
            for name, (result, _) in found.items()
        }
        yield {
            "measure": "Fréchet ratio" if measure == "frechet" else "KID",
            "value": values["with"],
            "bar": "< beside",
            "beside": f"without augmentation, on the same {FEW} digits",
            "value_beside": values["without"],
            "steps": steps,
        }
    seen = trained._augmentation(trained.spec.encode(x[others]), Noise(seed))
    limits = np.quantile(centres(x[others]), [0.005, 0.995], axis=0)
    yield {
        "measure": "share of samples whose centre of mass is beyond that of 99% of digits",
        "value": outside(found["with"][1], limits),
        "bar": "<= 0.06",
        "beside": "share of augmented digits",
        "value_beside": outside(trained.spec.decode(seen.numpy()), limits),
        "steps": steps,
    }
