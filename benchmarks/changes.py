"""What each change to a step is worth: one thing is changed at a time, on several works.

    python benchmarks/changes.py                # about half an hour
    python benchmarks/changes.py --works ring mlp784 --rounds 1

The works are `lsgan`, on MNIST digits with the networks, the penalty and the averages of its recipe
in float32, and those of speed.py. Each is trained as ganzoo trains it (`none`), with other options,
and with one of ganzoo's own parts replaced by what Keras and TensorFlow do without it:

- `Keras's Adam`, `Keras's batch normalisation`, `Keras's dropout`, `Keras's leaky ReLU`: Keras's.
- `one kernel of Adam for all weights`: also for small ones, for which ganzoo takes Keras's.
- `resize, then convolution`: two operations, not one transposed convolution.
- `kernels turned by slices`: with negative strides, and not by tf.reverse.
- `operations one after another`: also where no order of them can change a bit.
- `trace found by tf.function`: and not called directly.
- `XLA`: the step is compiled by it.

Each training has a process of its own, and in a round all changes of a work take turns. Rows go to
results/changes.csv in place of those of the same work: steps per second, medians over the rounds,
and the medians of the ratios to `none` in the same round, with their extremes. results/speed.md
tells what they mean.
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
import speed
import tables

RESULTS = Path(__file__).parents[1] / "results"
OPTIONS: dict[str, dict[str, Any]] = {  # of `lsgan`
    "fakes=shared": {"fakes": "shared"},
    "regularise_every=4": {"regularise_every": 4},
    "regularise_every=16": {"regularise_every": 16},
    "without penalties": {"penalties": {}},
    "precision=bfloat16": {"precision": "bfloat16"},
    "fakes=shared regularise_every=4 precision=bfloat16": {
        "fakes": "shared", "regularise_every": 4, "precision": "bfloat16"
    },
}  # fmt: skip
ADAM, BATCH, RELU = "Keras's Adam", "Keras's batch normalisation", "Keras's leaky ReLU"
DROPOUT, ONE_ADAM = "Keras's dropout", "one kernel of Adam for all weights"
RESIZE, ORDER = "resize, then convolution", "operations one after another"
LOOKUP, SLICES = "trace found by tf.function", "kernels turned by slices"
WORKS = {
    "lsgan": (*OPTIONS, BATCH, RELU, ADAM, "XLA"),
    "ring": (LOOKUP, ORDER, ADAM, ONE_ADAM),
    "mlp784": (ORDER, ADAM),
    "dcgan28": (ORDER, DROPOUT, BATCH, RELU),
    "wgan_gp28": (RESIZE, SLICES, RELU),
    "sngan32": (RESIZE, SLICES),
}


def replaced(change: str) -> Any:
    """A patch that replaces one of ganzoo's own parts."""
    import keras
    import tensorflow as tf

    from ganzoo.core import adam
    from ganzoo.devices import strategies
    from ganzoo.networks import layers

    def resize_first(layer: Any, inputs: Any, kernel: Any) -> Any:
        if layer.resize:
            inputs = tf.repeat(tf.repeat(inputs, 2, axis=1), 2, axis=2)
        return keras.layers.Conv2D.convolution_op(layer, inputs, kernel)

    def sliced(x: Any, axis: Any) -> Any:
        return x[::-1, ::-1]

    def found_by_tensorflow(trace: Any) -> Any:
        return tf.function(lambda batch: trace(batch), autograph=False)

    def keras_relu(x: Any, slope: float) -> Any:
        return keras.ops.leaky_relu(x, slope)

    target, name, new = {
        ADAM: (adam.Adam, "update_step", keras.optimizers.Adam.update_step),
        ONE_ADAM: (adam, "SMALL", 0),
        BATCH: (layers.BatchNormalization, "call", keras.layers.BatchNormalization.call),
        DROPOUT: (layers.Dropout, "call", keras.layers.Dropout.call),
        RELU: (layers, "leaky_relu", keras_relu),
        SLICES: (tf, "reverse", sliced),
        RESIZE: (layers.Conv2D, "convolution_op", resize_first),
        ORDER: (strategies, "sums_of_many", lambda graph: True),
        LOOKUP: (strategies, "in_order", found_by_tensorflow),
    }[change]
    return mock.patch.object(target, name, new)


def of_lsgan(change: str) -> tuple[Any, np.ndarray, int]:
    """The GAN, its data, and the rows of a batch."""
    import ganzoo

    rows = ganzoo.data.load("mnist5k").as_numpy_iterator()
    recipe = {key: value for key, value in ganzoo.get("lsgan").recipe.items() if key != "steps"}
    recipe |= {"fakes": "fresh", "regularise_every": 1, "precision": "float32"}
    gan = ganzoo.get("lsgan", seed=0, **recipe | OPTIONS.get(change, {}))
    if change == "XLA":
        gan.compile(jit_compile=True)
    return gan, np.stack([row["image"] for row in rows]), 64


def measure(work: str, change: str, seconds: float) -> float:
    """Steps per second in this process."""
    if change not in ("none", "XLA", *OPTIONS):
        replaced(change).start()
    if work == "lsgan":
        gan, data, batch = of_lsgan(change)
    else:
        data, batch = speed.data_of(work, 0), speed.WORKS[work]["batch"]
        gan = speed.made(work, data.shape[1:], 0)

    def train(steps: int) -> float:
        began = time.perf_counter()
        gan.fit(data, batch_size=batch, steps_per_epoch=steps, verbose=0)
        return time.perf_counter() - began

    train(1)
    train(steps := speed.WARM_UP)
    while (taken := train(steps)) < seconds:
        steps = int(steps * max(1.2, min(1.1 * seconds / taken, 20)))
    return steps / taken


def measured(work: str, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """The rows of one work."""
    found: dict[str, list[float]] = {change: [] for change in ("none", *WORKS[work])}
    for _ in range(rounds):
        for change, speeds in found.items():
            command = [sys.executable, __file__, "--measure", work, change]
            command += ["--seconds", str(seconds)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{work}, {change} failed:\n{done.stderr[-2000:]}")
            speeds.append(float(done.stdout.split()[-1]))
            print(work, change, f"{speeds[-1]:.4g}", flush=True)
    rows = []
    for change, speeds in found.items():
        ratios = [a / b for a, b in zip(speeds, found["none"], strict=True)]
        row = {
            "work": work,
            "change": change,
            "steps_per_second": f"{median(speeds):.4g}",
            "ratio": f"{median(ratios):.3f}",
            "least": f"{min(ratios):.3f}",
            "most": f"{max(ratios):.3f}",
            "rounds": rounds,
        }
        row |= speed.machine() | {"versions": speed.versions()}
        rows.append(row | {"command": " ".join(["python benchmarks/changes.py", *sys.argv[1:]])})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--works", nargs="+", default=list(WORKS), choices=WORKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure, options.seconds)))
        return
    for work in options.works:
        rows = measured(work, options.rounds, options.seconds)
        tables.write(RESULTS / "changes.csv", rows, ("work",), ("work",))


if __name__ == "__main__":
    main()
