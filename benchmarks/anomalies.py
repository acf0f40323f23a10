"""One digit is normal, and the nine others are anomalies: who tells them apart?

    python benchmarks/anomalies.py --seeds 7 8 9            # all digits and methods
    python benchmarks/anomalies.py --digits 2 8 --methods pca svm --seeds 1

Each digit of the bundled MNIST digits (`mnist5k`, 500 rows of each) is the normal class once. The
seed splits its rows: 350 to train on, 50 that give a threshold, and 100 that are scored together
with all 4,500 rows of the other digits. No method sees an anomaly, and none sees the 100 rows
before it is scored. The threshold is the 95% quantile of the scores of the 50 rows.

Rows go to results/anomalies.csv, in place of those of the same digit, method and seed:

- `auroc`, with its interval over the rows.
- `false_alarms` and `found`: the shares of the normal and of the other rows above the threshold.
- `cpu_seconds`: of training, of all threads.

The methods are `gan.anomaly_score` of `bigan` (EGBAD) and of `lsgan` with a fitted encoder
(f-AnoGAN); beside them the squared error of a reconstruction from principal components, and
scikit-learn's OneClassSVM on pixels. The recipes of the GANs were chosen on digit 2 of seed 1, for
ten seconds of a core, and those of the others on all digits of seeds 1 and 2. The picture has the
least and the most anomalous test rows of each digit of the first seed.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import sklearn
import tables
from sklearn.decomposition import PCA
from sklearn.svm import OneClassSVM

import ganzoo
from ganzoo.evaluation import anomaly_threshold, auroc
from ganzoo.reporting import grids

RESULTS = Path(__file__).parents[1] / "results"
TRAIN, VALIDATION, SHOWN = 350, 50, 8
Score = Callable[..., np.ndarray]

SHARED: dict[str, Any] = {
    "width": 8, "penalties": {"r1": 0.1}, "regularise_every": 4, "fakes": "shared", "ema": 0.99,
    "generator_learning_rate": 3e-3, "discriminator_learning_rate": 3e-3,
}  # fmt: skip
GANS = {  # batch size, steps of the GAN and of its encoder, hyper-parameters
    "bigan": (64, 800, 0, {"latent_dim": 16, **SHARED}),
    "lsgan": (32, 800, 500, {"latent_dim": 32, **SHARED}),
}
COMPONENTS = 32
NU, GAMMA = 0.1, 4.0  # γ in units of 1 / (pixels · their variance), scikit-learn's "scale"


def trained(name: str, train: np.ndarray, seed: int) -> Score:
    """The anomaly score of a GAN that was trained on normal rows."""
    batch_size, steps, encoder_steps, chosen = GANS[name]
    gan = ganzoo.get(name, seed=seed, **chosen)
    gan.fit(train, batch_size=batch_size, steps_per_epoch=steps, verbose=0)
    if encoder_steps:
        gan.fit_encoder(train, batch_size=batch_size, steps=encoder_steps)
    return gan.anomaly_score


def flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1) / 255


def pca(train: np.ndarray, seed: int) -> Score:
    """The squared distance to the plane of the largest components."""
    fitted = PCA(COMPONENTS, random_state=seed).fit(flat(train))
    return lambda x: np.square(flat(x) - fitted.inverse_transform(fitted.transform(flat(x)))).mean(
        1
    )


def svm(train: np.ndarray, seed: int) -> Score:
    pixels = flat(train)
    fitted = OneClassSVM(nu=NU, gamma=GAMMA / (pixels.shape[1] * pixels.var())).fit(pixels)
    return lambda x: -fitted.decision_function(flat(x))


def settings(method: str) -> str:
    if method in GANS:
        batch_size, steps, encoder_steps, chosen = GANS[method]
        named = {"batch_size": batch_size, "steps": steps, "encoder_steps": encoder_steps} | chosen
        named["penalties"] = "r1:0.1"
        return " ".join(f"{key}={value}" for key, value in named.items())
    return f"components={COMPONENTS}" if method == "pca" else f"nu={NU} gamma={GAMMA:g}*scale"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--digits", nargs="+", type=int, default=list(range(10)))
    parser.add_argument("--methods", nargs="+", default=["pca", "svm", *GANS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--picture", metavar="METHOD", help="draw results/anomalies.png of it")
    chosen = parser.parse_args()
    (rows,) = ganzoo.data.load("mnist5k").batch(5000).as_numpy_iterator()
    images, labels = rows["image"], rows["label"]
    shown = []
    for seed in chosen.seeds:
        for digit in chosen.digits:
            mine = np.random.default_rng(seed).permutation(np.flatnonzero(labels == digit))
            train, validation, normal = np.split(images[mine], [TRAIN, TRAIN + VALIDATION])
            others = images[labels != digit]
            for method in chosen.methods:
                began = time.process_time()
                fit = {"pca": pca, "svm": svm}.get(method)
                score = fit(train, seed) if fit else trained(method, train, seed)
                spent = time.process_time() - began
                threshold = anomaly_threshold(score(validation))
                scores = score(normal), score(others)
                area = auroc(*scores)
                row = {
                    "digit": digit, "method": method, "seed": seed, "set": settings(method),
                    "auroc": round(float(area), 4), "auroc_low": round(area.low, 4),
                    "auroc_high": round(area.high, 4),
                    "false_alarms": round((scores[0] > threshold).mean(), 4),
                    "found": round((scores[1] > threshold).mean(), 4),
                    "train": len(train), "normal": len(normal), "others": len(others),
                    "cpu_seconds": round(spent, 1), **tables.facts(sklearn),
                    "command": "python benchmarks/anomalies.py --digits "
                    f"{digit} --methods {method} --seeds {seed}",
                }  # fmt: skip
                print(*list(row.values())[:10], row["cpu_seconds"], flush=True)
                key = ("digit", "method", "seed")
                tables.write(RESULTS / "anomalies.csv", [row], key, ("method", "digit", "seed"))
                if method == chosen.picture and seed == chosen.seeds[0]:
                    test, order = np.concatenate([normal, others]), np.concatenate(scores)
                    ranked = test[np.argsort(order, kind="stable")]
                    shown.append(np.concatenate([ranked[:SHOWN], ranked[-SHOWN:]]))
    if shown:
        names = [str(digit) for digit in chosen.digits]
        figure = grids.labelled(np.stack(shown), rows=names, gap_after=SHOWN)
        figure.savefig(RESULTS / "anomalies.png", dpi=100)


if __name__ == "__main__":
    main()
