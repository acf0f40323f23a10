"""Distance of enlarged MNIST digits from the true ones in a classifier's features, beside bicubic.

The digits were not trained on, and were made four times smaller by the mean of blocks. The
classifier is the judge of `gan.evaluate`, trained on other digits. PSNR is given too.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from arrays import arrays

import ganzoo
from ganzoo import evaluation
from ganzoo.evaluation.extractors import Judge


def claim(seed: int, steps: int = 600) -> Iterator[dict[str, object]]:
    x, y = arrays("mnist5k")
    order = np.random.default_rng(seed).permutation(len(x))
    train, held_out = order[:4000], order[4000:]
    gan = ganzoo.get("srgan", scale=4, width=16, blocks=2, seed=seed)
    gan.fit(x[train], batch_size=16, steps_per_epoch=steps, verbose=0)
    truth = x[held_out]
    small = gan.given({"image": truth})["source"]
    bicubic = tf.image.resize(small, truth.shape[1:3], "bicubic").numpy()
    bicubic = np.clip(np.rint(bicubic), 0, 255).astype("uint8")
    judge = Judge.of(gan.spec, x[train], y[train])

    def distance(made: np.ndarray) -> float:
        return float(np.linalg.norm(judge.features(made) - judge.features(truth), axis=1).mean())

    def psnr(made: np.ndarray) -> float:
        return float(evaluation.psnr(made, truth, (0, 255)))

    enlarged = gan.sample(source=small)
    for measure, found, bar in (
        ("mean distance in the judge's features", distance, "< beside"),
        ("PSNR in dB", psnr, ""),
    ):
        yield {
            "measure": measure,
            "value": found(enlarged),
            "bar": bar,
            "beside": "bicubic",
            "value_beside": found(bicubic),
            "steps": steps,
        }
