"""What each change to a step is worth: `lsgan` on MNIST digits with one thing changed at a time.

    python benchmarks/changes.py                # about seven minutes
    python benchmarks/changes.py --rounds 1 --changes none xla

`none` is `lsgan` with the networks, the penalty and the averages of its recipe, in float32, with a
penalty in each step and new fakes for G. Each change is trained in a process of its own, and in a
round all take turns. Rows go to results/changes.csv: steps per second, medians over the rounds, and
the medians of the ratios to `none` in the same round. results/speed.md tells what they mean.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tables

RESULTS = Path(__file__).parents[1] / "results"
CHANGES: dict[str, dict[str, Any]] = {
    "none": {},
    "fakes=shared": {"fakes": "shared"},
    "regularise_every=4": {"regularise_every": 4},
    "regularise_every=16": {"regularise_every": 16},
    "without penalties": {"penalties": {}},
    "precision=bfloat16": {"precision": "bfloat16"},
    "fakes=shared regularise_every=4 precision=bfloat16": {
        "fakes": "shared", "regularise_every": 4, "precision": "bfloat16"
    },
    "Keras's batch normalisation": {},
    "Keras's leaky ReLU": {},
    "Keras's Adam": {},
    "XLA": {},
}  # fmt: skip


def measure(change: str, seconds: float) -> float:
    """Steps per second in this process."""
    import keras

    import ganzoo
    from ganzoo.networks import layers

    patches = []
    if change == "Keras's batch normalisation":
        own, theirs = layers.BatchNormalization, keras.layers.BatchNormalization
        patches.append(mock.patch.object(own, "call", theirs.call))
    if change == "Keras's leaky ReLU":
        patches.append(
            mock.patch.object(layers, "leaky_relu", lambda x, s: keras.ops.leaky_relu(x, s))
        )
    if change == "Keras's Adam":
        patches.append(mock.patch("ganzoo.core.gan.Adam", keras.optimizers.Adam))
    for patch in patches:
        patch.start()
    rows = ganzoo.data.load("mnist5k").as_numpy_iterator()
    images = np.stack([row["image"] for row in rows])
    recipe = {key: value for key, value in ganzoo.get("lsgan").recipe.items() if key != "steps"}
    recipe |= {"fakes": "fresh", "regularise_every": 1, "precision": "float32"}
    gan = ganzoo.get("lsgan", seed=0, **recipe | CHANGES[change])
    if change == "XLA":
        gan.compile(jit_compile=True)

    def train(steps: int) -> float:
        began = time.perf_counter()
        gan.fit(images, batch_size=64, steps_per_epoch=steps, verbose=0)
        return time.perf_counter() - began

    train(20)
    steps = 20
    while (taken := train(steps)) < seconds:
        steps = int(steps * max(1.2, min(1.1 * seconds / taken, 20)))
    return steps / taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--changes", nargs="+", default=list(CHANGES), choices=CHANGES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.seconds)))
        return
    import speed

    found: dict[str, list[float]] = {change: [] for change in options.changes}
    for _ in range(options.rounds):
        for change, speeds in found.items():
            command = [sys.executable, __file__, "--measure", change]
            command += ["--seconds", str(options.seconds)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{change} failed:\n{done.stderr[-2000:]}")
            speeds.append(float(done.stdout.split()[-1]))
            print(change, f"{speeds[-1]:.4g}", flush=True)
    rows = [
        {
            "change": change,
            "steps_per_second": f"{median(speeds):.4g}",
            "ratio": f"{median(a / b for a, b in zip(speeds, found['none'], strict=True)):.3f}"
            if "none" in found
            else "",
            "rounds": options.rounds,
            **speed.machine(),
            "versions": speed.versions(),
            "command": f"python benchmarks/changes.py --rounds {options.rounds}",
        }
        for change, speeds in found.items()
    ]
    tables.write(RESULTS / "changes.csv", rows, ("change",), ("change",))


if __name__ == "__main__":
    main()
