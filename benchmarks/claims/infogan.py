"""Does the category find the classes of MNIST digits without labels, as in the paper's experiment,
and does each code follow one factor of `shapes`?

Of the digits, the measure is the share whose class is told by the category that Q reads, one class
for each category; beside it is k-means of the pixels. Of the shapes, it is the mutual information
gap on scenes that were not trained on, 1 if each factor is told by one code and by no other; beside
it are the same networks before their training. The scenes differ in the shape and its place; all
other factors are the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from arrays import arrays
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

import ganzoo
from ganzoo.core.gan import GAN
from ganzoo.data import shapes
from ganzoo.evaluation import mutual_information_gap

ROWS, HELD_OUT = 10_000, 2_000
FACTORS = ("shape", "x", "y")
FIXED = {"size": 0.2, "orientation": 0.0, "hue": 0.15, "background_hue": 0.6}


def read(gan: GAN, images: np.ndarray) -> np.ndarray:
    """The category and the continuous codes that Q finds in images, [N, 1 + codes]."""
    found = gan.discriminator.predict(gan.spec.encode(images), batch_size=256, verbose=0)
    return np.column_stack([found["category"].argmax(1), found["code"]])


def told(groups: np.ndarray, classes: np.ndarray) -> float:
    """The share of rows whose group is matched to their class, with the best matching."""
    counts = np.zeros((10, 10))
    np.add.at(counts, (groups, classes), 1)
    return float(counts[linear_sum_assignment(-counts)].sum() / len(classes))


def of_digits(seed: int, steps: int = 3600) -> Iterator[dict[str, object]]:
    x, y = arrays("mnist5k")
    gan = ganzoo.get("infogan", categories=10, codes=2, seed=seed)
    gan.fit(x, steps_per_epoch=steps, verbose=0)
    clusters = KMeans(10, n_init=10, random_state=seed).fit_predict(x.reshape(len(x), -1))
    yield {
        "measure": "share of digits whose class the category tells, without labels",
        "value": told(read(gan, x)[:, 0].astype(int), y),
        "bar": "> beside",
        "beside": "k-means of the pixels",
        "value_beside": told(clusters, y),
        "steps": steps,
    }


def of_shapes(seed: int, steps: int = 2400) -> Iterator[dict[str, object]]:
    factors = shapes.factors(np.arange(ROWS + HELD_OUT), seed)
    factors |= {name: np.full(ROWS + HELD_OUT, value) for name, value in FIXED.items()}
    images = shapes.render(factors, size=32)
    truth = np.column_stack([factors[name][ROWS:] for name in FACTORS])
    gan = ganzoo.get(
        "infogan",
        categories=5,
        codes=2,
        latent_dim=2,
        width=32,
        penalties={"r1": 0.1},  # without it G draws noise in colour
        seed=seed,
    )
    gan.build_from(images[:ROWS])
    before = mutual_information_gap(read(gan, images[ROWS:]), truth)
    gan.fit(images[:ROWS], steps_per_epoch=steps, verbose=0)
    after = mutual_information_gap(read(gan, images[ROWS:]), truth)
    yield {
        "measure": "mutual information gap of the codes and the factors of shapes",
        "value": float(after),
        "bar": "> beside",
        "beside": "untrained networks",
        "value_beside": float(before),
        "steps": steps,
    }


def claim(seed: int) -> Iterator[dict[str, object]]:
    yield from of_digits(seed)
    yield from of_shapes(seed)
