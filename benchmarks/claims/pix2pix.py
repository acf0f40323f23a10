"""PSNR of images that were not trained on against the truth, beside that of the source itself.

The data set is digit_pairs: digits and their blurred, moved and inverted images.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

import ganzoo
from ganzoo import evaluation


def claim(seed: int, steps: int = 600) -> Iterator[dict[str, object]]:
    pairs = next(iter(ganzoo.data.load("digit_pairs").batch(2000)))
    pairs = {name: x.numpy() for name, x in pairs.items()}
    order = np.random.default_rng(seed).permutation(len(pairs["source"]))
    train, held_out = (
        {k: x[part] for k, x in pairs.items()} for part in (order[:1300], order[1300:])
    )
    gan = ganzoo.get("pix2pix", width=16, seed=seed)
    gan.fit(train, batch_size=16, steps_per_epoch=steps, verbose=0)
    psnr = functools.partial(
        evaluation.psnr, truth=held_out["target"], value_range=gan.spec.value_range
    )
    yield {
        "measure": "PSNR of the mapped images in dB",
        "value": float(psnr(gan.sample(source=held_out["source"]))),
        "bar": "> 25, > beside",
        "beside": "PSNR of the source itself",
        "value_beside": float(psnr(held_out["source"])),
        "steps": steps,
    }
