"""Does every registered GAN train? Each on the bundled data, judged by a small classifier.

    python benchmarks/trains.py --data digits ring --steps 1600
    python benchmarks/trains.py --data mnist5k --steps 800

Rows go to results/trains.csv, pictures to results/trains/. Images: `label_kl` is the KL divergence
in nats of the judge's labels of 2,000 samples from the data's label frequencies (0 is best, log 10
= 2.30 is one digit only), `agrees` how often the judge finds the class that `cgan` was asked for,
or, for `infogan`, the digit that a one-to-one matching gives to its category. The judge is an RBF
support-vector machine on pixels; `judge_accuracy` is its own on held-out data. A judge that knows
only digits calls noise a digit too: look at the pictures. Rings: `modes` of 8 with a sample within
3σ, and the share of such samples of 2,500.
"""

import argparse
import csv
import os
import platform
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.svm import SVC

import ganzoo
from ganzoo import plots

RESULTS = Path(__file__).parent.parent / "results"
CLASSES = 10


def arrays(name):
    batch = next(iter(ganzoo.data.load(name).batch(100_000)))
    return batch["image"].numpy(), batch["label"].numpy()


class Judge:
    """An SVM trained on 85% of the data; `accuracy` is on the rest."""

    def __init__(self, name):
        x, y = arrays(name)
        order = np.random.default_rng(0).permutation(len(x))
        train, test = np.split(order, [int(0.85 * len(x))])
        self.svm = SVC(C=10).fit(self._flat(x[train]), y[train])
        self.accuracy = self.svm.score(self._flat(x[test]), y[test])
        self.frequencies = np.bincount(y, minlength=CLASSES) / len(y)

    @staticmethod
    def _flat(x):
        return x.reshape(len(x), -1) / 255.0

    def label(self, images):
        return self.svm.predict(self._flat(images))


def of_images(gan, judge):
    labels = judge.label(gan.sample(2000, seed=1))
    seen = np.bincount(labels, minlength=CLASSES) / len(labels)
    kl = np.sum(seen[seen > 0] * np.log(seen[seen > 0] / judge.frequencies[seen > 0]))
    row = {"label_kl": round(float(kl), 4), "judge_accuracy": round(judge.accuracy, 4)}
    asked = np.arange(2000) % CLASSES
    if gan.conditional:
        found = judge.label(gan.sample(2000, seed=2, labels=asked))
        row["agrees"] = round(float(np.mean(found == asked)), 4)
    elif "category" in gan.latent_spec:
        found = judge.label(gan.sample(2000, seed=2, category=asked))
        table = np.zeros((CLASSES, CLASSES))
        np.add.at(table, (asked, found), 1)
        row["agrees"] = round(float(table[linear_sum_assignment(-table)].sum()) / 2000, 4)
    return row


def of_ring(gan):
    ring = ganzoo.data.toys.ring()
    samples = gan.sample(2500, seed=1)
    distances = np.linalg.norm(samples[:, None] - np.asarray(ring.means)[None], axis=-1)
    good = distances.min(1) <= 3 * ring.sigma
    return {
        "modes": len(set(distances.argmin(1)[good])),
        "high_quality": round(float(good.mean()), 4),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="+", default=["digits"])
    parser.add_argument("--names", nargs="+", default=ganzoo.names())
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    (RESULTS / "trains").mkdir(parents=True, exist_ok=True)
    for data in options.data:
        judge = None if data == "ring" else Judge(data)
        for name in options.names:
            gan = ganzoo.get(name, seed=options.seed)
            start = time.perf_counter()
            gan.fit(ganzoo.data.load(data), steps_per_epoch=options.steps, verbose=0)
            seconds = time.perf_counter() - start
            row = {
                "name": name,
                "data": data,
                "steps": options.steps,
                "seed": options.seed,
                "seconds": round(seconds, 1),
                "label_kl": "",
                "agrees": "",
                "judge_accuracy": "",
                "modes": "",
                "high_quality": "",
                "ganzoo": ganzoo.__version__,
                "machine": f"{os.cpu_count()} cores, {platform.machine()}, no GPU",
                "command": f"python benchmarks/trains.py --data {data} --names {name} "
                f"--steps {options.steps} --seed {options.seed}",
            } | (of_ring(gan) if judge is None else of_images(gan, judge))
            plots.save_picture(gan, RESULTS / "trains" / f"{name}-{data}.png")
            write(row)
            print({key: value for key, value in row.items() if value != ""}, flush=True)


def write(row):
    """Puts the row in place of the one that the same command wrote before."""
    path, rows = RESULTS / "trains.csv", []
    if path.exists():
        with open(path, newline="") as file:
            rows = [old for old in csv.DictReader(file) if old["command"] != row["command"]]
    rows = sorted([*rows, row], key=lambda r: (r["data"], r["name"], int(r["steps"])))
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
