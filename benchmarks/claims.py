"""Does each game do what its paper is about? Small claims on fresh seeds, a minute or a few each.

    python benchmarks/claims.py                    # all, three seeds
    python benchmarks/claims.py sgan --seeds 4

- acgan: 2,000 digits drawn of classes that were asked for; the share that a judge of at least 97%
  names as asked.
- pix2pix: the data set digit_pairs, digits and their blurred, moved and inverted pictures; PSNR of
  pictures that were not trained on against the truth, beside that of the source itself.
- sgan: MNIST digits of which 100 have a label; accuracy on others, beside that of the same
  classifier trained on the 100 alone.

Rows go to results/claims.csv, in place of those of the same claim.
"""

from __future__ import annotations

import argparse
import csv
import functools
import os
import platform
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import ganzoo
from ganzoo import evaluation

OUT = Path(__file__).parents[1] / "results" / "claims.csv"
COLUMNS = (
    "claim", "seed", "measure", "value", "beside", "value_beside", "steps", "seconds", "versions",
    "machine", "command",
)  # fmt: skip


def arrays(name: str) -> tuple[np.ndarray, np.ndarray]:
    batch = next(iter(ganzoo.data.load(name).batch(10_000)))
    return batch["image"].numpy(), batch["label"].numpy()


def acgan(seed: int, steps: int = 1600) -> dict[str, object]:
    x, y = arrays("digits")
    gan = ganzoo.get("acgan", seed=seed)
    gan.fit(x, y, steps_per_epoch=steps, verbose=0)
    agreement = gan.evaluate(x, y, samples=2000, seed=seed)["agreement"]
    return {
        "measure": "share named as asked",
        "value": float(agreement),
        "beside": "accuracy of the judge on real digits",
        "value_beside": agreement.reference,
        "steps": steps,
    }


def pix2pix(seed: int, steps: int = 600) -> dict[str, object]:
    pairs = next(iter(ganzoo.data.load("digit_pairs").batch(2000)))
    pairs = {name: x.numpy() for name, x in pairs.items()}
    order = np.random.default_rng(seed).permutation(len(pairs["source"]))
    train, held_out = (
        {k: x[part] for k, x in pairs.items()} for part in (order[:1300], order[1300:])
    )
    gan = ganzoo.get("pix2pix", width=16, seed=seed)
    gan.fit(train, batch_size=16, steps_per_epoch=steps, verbose=0)
    black_and_white = gan.spec.value_range
    psnr = functools.partial(evaluation.psnr, truth=held_out["target"], value_range=black_and_white)
    return {
        "measure": "PSNR of the mapped pictures in dB",
        "value": float(psnr(gan.sample(source=held_out["source"]))),
        "beside": "PSNR of the source itself",
        "value_beside": float(psnr(held_out["source"])),
        "steps": steps,
    }


def sgan(seed: int, steps: int = 800) -> dict[str, object]:
    x, y = arrays("mnist5k")
    order = np.random.default_rng(seed).permutation(len(x))
    train, test = order[:4000], order[4000:]
    labelled = np.concatenate([train[y[train] == k][:10] for k in range(10)])
    few = np.full(len(train), -1)
    few[np.isin(train, labelled)] = y[train][np.isin(train, labelled)]
    # Half of each batch has a label.
    rows = np.concatenate([np.arange(4000), np.repeat(np.flatnonzero(few >= 0), 40)])
    gan = ganzoo.get("sgan", seed=seed)
    gan.fit(x[train][rows], few[rows], steps_per_epoch=steps, verbose=0)
    accuracy = np.mean(gan.classify(x[test]) == y[test])

    alone = ganzoo.get("sgan", seed=seed)
    alone.build_for(gan.fields)
    classifier = keras.Model(alone.discriminator.input, alone.discriminator.output["class"])
    classifier.compile(
        keras.optimizers.Adam(1e-3, 0.5),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    encode = alone.spec.encode
    data = tf.data.Dataset.from_tensor_slices((encode(x[labelled]), y[labelled]))
    data = data.shuffle(100, seed=seed).repeat().batch(64)
    classifier.fit(data, steps_per_epoch=steps, verbose=0)
    _, supervised = classifier.evaluate(encode(x[test]), y[test], verbose=0)
    return {
        "measure": "accuracy on 1,000 others with 100 labels and 3,900 digits without",
        "value": float(accuracy),
        "beside": "accuracy of the same classifier with the 100 labels alone",
        "value_beside": float(supervised),
        "steps": steps,
    }


CLAIMS = {"acgan": acgan, "pix2pix": pix2pix, "sgan": sgan}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("claims", nargs="*", default=list(CLAIMS), metavar="CLAIM")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    chosen = parser.parse_args()
    kept = []
    if OUT.exists():
        with OUT.open(newline="") as file:
            kept = [row for row in csv.DictReader(file) if row["claim"] not in chosen.claims]
    of_all = {
        "versions": " ".join(f"{m.__name__} {m.__version__}" for m in (ganzoo, tf, keras)),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, no GPU",
    }
    for claim in chosen.claims:
        for seed in chosen.seeds:
            began = time.monotonic()
            row = {"claim": claim, "seed": seed} | CLAIMS[claim](seed) | of_all
            row["seconds"] = round(time.monotonic() - began, 1)
            row["command"] = f"python benchmarks/claims.py {claim} --seeds {seed}"
            for key in ("value", "value_beside"):
                row[key] = f"{row[key]:.4f}"
            print(claim, seed, row["value"], row["value_beside"], row["seconds"], flush=True)
            kept.append(row)
            with OUT.open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(kept)


if __name__ == "__main__":
    main()
