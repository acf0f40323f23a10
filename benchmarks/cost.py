"""What a training step costs: `dcgan` against the batch, the side of the images, and the width.

    python benchmarks/cost.py                   # about five minutes
    python benchmarks/cost.py --precision bfloat16

One of the three is changed at a time, the others are 64 images, 32×32 in three channels, and width
32. Each setting is trained in a process of its own, for `--seconds` or more after 10 steps that are
not counted, and in a round all take turns. Rows go to results/cost.csv: milliseconds of a step,
medians over the rounds, the images that a second trains on, and the most memory that the process
had. The picture is results/cost.png.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tables

RESULTS = Path(__file__).parents[1] / "results"
USUAL = {"batch": 64, "side": 32, "width": 32}
CHANGED = {"batch": (8, 16, 32, 64, 128, 256), "side": (16, 32, 64, 128), "width": (8, 16, 32, 64)}
LABELS = {"batch": "images of a batch", "side": "side of an image, pixels", "width": "width"}
WARM_UP = 10


def measure(batch: int, side: int, width: int, precision: str, seconds: float) -> dict[str, float]:
    """Milliseconds of a step, and megabytes, in this process."""
    import peers

    import ganzoo

    images = np.random.default_rng(0).integers(256, size=(2 * batch, side, side, 3), dtype=np.uint8)
    gan = ganzoo.get("dcgan", width=width, precision=precision, seed=0)

    def train(steps: int) -> float:
        return peers.seconds_of_fit(gan, images, batch_size=batch, steps_per_epoch=steps)

    train(WARM_UP)
    steps = 4
    while (taken := train(steps)) < seconds:
        steps = int(steps * max(1.5, min(1.1 * seconds / taken, 20)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"milliseconds": 1000 * taken / steps, "peak_mb": peak}


def picture(rows: list[dict[str, str]], precision: str) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(10, 3), sharey=True, layout="constrained")
    for panel, (changed, values) in zip(axes, CHANGED.items(), strict=True):
        others = {key: str(value) for key, value in USUAL.items() if key != changed}
        line = {
            int(row[changed]): float(row["milliseconds"])
            for row in rows
            if row["precision"] == precision and all(row[k] == v for k, v in others.items())
        }
        known = [value for value in values if value in line]
        panel.loglog(known, [line[value] for value in known], "o-")
        panel.set_xticks(known, map(str, known))
        panel.minorticks_off()
        panel.set_xlabel(LABELS[changed])
        panel.grid(alpha=0.3)
        panel.set_title(", ".join(f"{key} {value}" for key, value in others.items()), fontsize=9)
    axes[0].set_ylabel("milliseconds of a step")
    axes[0].set_yticks(ticks := [10, 20, 50, 100, 200, 500, 1000], map(str, ticks))
    figure.suptitle(f"dcgan, {precision}, {rows[0]['machine']}", fontsize=10)
    figure.savefig(RESULTS / "cost.png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(**json.loads(options.measure))))
        return
    settings = list(
        {tuple((USUAL | {k: v}).items()): None for k, values in CHANGED.items() for v in values}
    )
    found: dict[Any, list[dict[str, float]]] = {setting: [] for setting in settings}
    for _ in range(options.rounds):
        for setting, figures in found.items():
            about = dict(setting) | {"precision": options.precision, "seconds": options.seconds}
            command = [sys.executable, __file__, "--measure", json.dumps(about)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{setting} failed:\n{done.stderr[-2000:]}")
            figures.append(json.loads(done.stdout.splitlines()[-1]))
            print(*setting, figures[-1], flush=True)
    command = f"python benchmarks/cost.py --precision {options.precision}"
    rows = []
    for setting, figures in found.items():
        milliseconds = median(one["milliseconds"] for one in figures)
        rows.append({
            **dict(setting),
            "precision": options.precision,
            "milliseconds": f"{milliseconds:.4g}",
            "images_per_second": f"{1000 * dict(setting)['batch'] / milliseconds:.4g}",
            "peak_mb": f"{median(one['peak_mb'] for one in figures):.0f}",
            "rounds": options.rounds,
            **tables.facts(),
            "command": f"{command} --rounds {options.rounds} --seconds {options.seconds:g}",
        })  # fmt: skip
    key = (*USUAL, "precision")
    picture(tables.write(RESULTS / "cost.csv", rows, key, ("precision",)), options.precision)


if __name__ == "__main__":
    main()
