"""PSNR of digits that were mapped both ways against the truth, learned from two sets without pairs.

The data set is unpaired_digits: one half of the digits, and the other half moved and inverted. Of
each half a part is held out. What G makes of held-out digits is compared with what the known map
makes of them, and what F makes of that, with the digits themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import ganzoo
from ganzoo import evaluation
from ganzoo.data import toys


def claim(seed: int, steps: int = 600) -> Iterator[dict[str, object]]:
    sets = ganzoo.data.load("unpaired_digits")
    a, b = (next(iter(sets[name].batch(2000)))["image"].numpy() for name in "ab")
    order = np.random.default_rng(seed).permutation(len(a) - 1)
    train, held_out = order[:700], a[order[700:]]
    truth = toys.moved_negative(held_out)
    rates = dict.fromkeys(("generator_learning_rate", "discriminator_learning_rate"), 1e-3)
    small = {"width": 16, "blocks": 2, "cycle_weight": 2.0, "identity_weight": 0.0}
    gan = ganzoo.get("cyclegan", seed=seed, **small, **rates)
    gan.fit({"a": a[train], "b": b[train]}, batch_size=8, steps_per_epoch=steps, verbose=0)
    for measure, made, true, source in (
        ("PSNR of a→b in dB", gan.sample(a=held_out), truth, held_out),
        ("PSNR of b→a in dB", gan.encode(truth), held_out, truth),
    ):
        yield {
            "measure": measure,
            "value": float(evaluation.psnr(made, true, (0, 255))),
            "bar": "> 20, > beside",
            "beside": "PSNR of the source itself",
            "value_beside": float(evaluation.psnr(source, true, (0, 255))),
            "steps": steps,
        }
