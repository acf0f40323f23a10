"""Whether equal trainings end bit for bit the same on one CPU, and what that costs.

    python benchmarks/repeats.py                     # all of it, in 15 minutes
    python benchmarks/repeats.py --data points

The same training, same seed, again and again: as `ganzoo.strategies.in_order` has it, which runs
the operations of a step one after another where its graph sums three terms or more, and all at
once, as TensorFlow would run them. Both take turns.
Rows go to results/repeats.csv, in place of those of the same data. Per row:

- `trainings`, each of `steps`; `others`: those that ended with other weights than most did.
- `steps_per_second`, the median, without the first two steps; `of_at_once`: of that of all at once.
"""

import argparse
import collections
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tables

import ganzoo
from ganzoo.devices import strategies

PATH = Path(__file__).parent.parent / "results" / "repeats.csv"
ORDERS = {"in order": strategies.in_order, "at once": lambda function: function}
# name of the GAN, of its data, hyper-parameters, steps, trainings
TASKS = {
    "points": ("r3gan", "ring", {"width": 8}, 1000, 100),
    "digits": ("lsgan", "digits", {}, 100, 10),
    "mnist5k": ("lsgan", "mnist5k", {}, 50, 10),
    "mnist5k_penalties": ("r3gan", "mnist5k", {}, 30, 10),
}


def train(name, data, hyperparameters, steps, seed):
    """The weights that a training ends with, as bytes, and its steps per second."""
    gan = ganzoo.get(name, seed=seed, **hyperparameters)
    gan.fit(data, steps_per_epoch=2, verbose=0)
    start = time.perf_counter()
    gan.fit(data, steps_per_epoch=steps - 2, verbose=0)
    speed = (steps - 2) / (time.perf_counter() - start)
    return b"".join(weight.tobytes() for weight in gan.get_weights()), speed


def measure(task, trainings, seed):
    name, source, hyperparameters, steps, usual = TASKS[task]
    data = ganzoo.data.load(source)
    ends = {order: collections.Counter() for order in ORDERS}
    speeds = {order: [] for order in ORDERS}
    for _ in range(trainings or usual):
        for order, strategies.in_order in ORDERS.items():
            weights, speed = train(name, data, hyperparameters, steps, seed)
            ends[order][weights] += 1
            speeds[order].append(speed)
    for order in ORDERS:
        yield {
            "gan": name,
            "steps": steps,
            "operations": order,
            "trainings": ends[order].total(),
            "others": ends[order].total() - max(ends[order].values()),
            "steps_per_second": round(np.median(speeds[order]), 2),
            "of_at_once": round(np.median(speeds[order]) / np.median(speeds["at once"]), 3),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--trainings", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for task in options.data:
        rows = [
            {"data": task}
            | row
            | {
                "seed": options.seed,
                **tables.facts(),
                "command": f"python benchmarks/repeats.py --data {task}"
                + (f" --trainings {options.trainings}" if options.trainings else "")
                + f" --seed {options.seed}",
            }
            for row in measure(task, options.trainings, options.seed)
        ]
        print(*rows, sep="\n", flush=True)
        tables.write(PATH, rows, ("data",))


if __name__ == "__main__":
    main()
