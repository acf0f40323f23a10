"""Which modes does every unconditional GAN find, where the density is known?

    python benchmarks/modes.py                  # everything, three seeds: about three hours
    python benchmarks/modes.py --data ring      # or grid, or stacked_digits, of which
                                                # benchmarks/stacked.py tells
    python benchmarks/modes.py --recipe own         # each name with the defaults of its card
    python benchmarks/modes.py --data grid --names infogan --set objective=relativistic …
                                                # the recipe with other hyper-parameters: a row
                                                # of its own, by the whole command

Eight Gaussians on a ring and 25 on a grid, as PacGAN has them. All names get one recipe, which was
chosen on seeds 0 to 6 and 10: batches of 128, the budget of each task, networks of width 64, 16
latents, Adam with β 0.5 and 0.9 at rates of 2e-3 for G and 4e-3 for D that fall linearly to 0 over
the second half, and D judges pairs (`packing=2`) where that is defined. What makes a game itself
stays as its file has it, such as `wgan`'s optimizer; `r3gan`'s γ falls as in its paper, by the
task's `gamma`. The γ, the rates, the steps and the packing were chosen with `r3gan`, and the steps
with `lsgan` too, which is an advantage of theirs over the others.
results/modes.md tells what else was tried.

Rows go to results/modes.csv, in place of those of the same data, names and recipe: what
`ganzoo.evaluation.mode_coverage` says of 2,500 samples, and the medians over seeds. The samples of
the first seed over the true density go to results/modes-DATA.png, if all names were run. Where
there are no convolutions, `dcgan` is the game of `gan`.
"""

import argparse
import os
import shlex
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import stacked
import tables

import ganzoo
from ganzoo import evaluation
from ganzoo.foundation import keywords, schedules

RESULTS = Path(__file__).parent.parent / "results"
KEYS = ("data", "name", "recipe", "set")


class Mixture:
    """Gaussians whose means and deviation are known."""

    samples, batch_size = 2500, 128

    def __init__(self):
        self.truth = getattr(ganzoo.data.toys, self.data)()
        self.of = self.truth.num_modes

    def hyperparameters(self, name):
        half = self.steps // 2
        gan = ganzoo.get(name)
        updates = half * gan.critic_steps  # a rate counts the updates of its player
        chosen = {
            "width": 64,
            "latent_dim": 16,
            "beta_1": 0.5,
            "beta_2": 0.9,
            "generator_learning_rate": schedules.linear(2e-3, 0.0, half, begin=half),
            "discriminator_learning_rate": schedules.linear(4e-3, 0.0, updates, begin=updates),
        }
        if not gan.judges_one:
            chosen["packing"] = 2
        if name == "r3gan":
            gamma = schedules.exponential(*self.gamma, self.steps)
            chosen["penalties"] = {"r1": gamma, "r2": gamma}
        return {key: value for key, value in chosen.items() if key in gan.hyperparameters()}

    def measure(self, samples):
        return evaluation.mode_coverage(samples, self.truth.means, self.truth.sigma)

    def draw(self, drawn, path):
        """The samples of each GAN over three standard deviations of each mode."""
        far = 1.25 * np.abs(self.truth.means).max()
        columns = 5
        height = -(-len(drawn) // columns)
        figure, axes = plt.subplots(height, columns, figsize=(8.5, 2 * height), squeeze=False)
        for axis in axes.flat:
            axis.axis("off")
        for axis, (name, samples) in zip(axes.flat, drawn.items(), strict=False):
            axis.axis("on")
            for mean in self.truth.means:
                spot = plt.Circle(mean, 3 * self.truth.sigma, color="#b9c8b0", linewidth=0)
                axis.add_patch(spot)
            axis.plot(*samples.T, ",", color="#8a3a12", alpha=0.6)
            axis.set(xlim=(-far, far), ylim=(-far, far), xticks=[], yticks=[], aspect="equal")
            axis.set_title(name, fontsize=9, pad=3)
        figure.tight_layout(pad=0.4, h_pad=1)
        figure.savefig(path, dpi=110)


class Ring(Mixture):
    data, steps, gamma = "ring", 9_000, (0.05, 3e-5)


class Grid(Mixture):
    data, steps, gamma = "grid", 30_000, (0.03, 3e-4)


TASKS = {task.data: task for task in (Ring, Grid, stacked.Digits)}


def trained(name, task, seed, recipe="common", settings=()):
    common = task.hyperparameters(name) if recipe == "common" else {}
    gan = ganzoo.get(name, **common | keywords.read(name, settings, seed))
    start = time.perf_counter()
    examples = ganzoo.data.load(task.data)
    gan.fit(examples, batch_size=task.batch_size, steps_per_epoch=task.steps, verbose=0)
    return gan, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    unconditional = [name for name in ganzoo.names() if not ganzoo.card(name).conditional]
    parser.add_argument("--data", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--names", nargs="+", default=unconditional, choices=unconditional)
    parser.add_argument("--seeds", nargs="+", type=int, default=[7, 8, 9])
    parser.add_argument("--recipe", default="common", choices=["common", "own"])
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    for data in options.data:
        task, rows, drawn = TASKS[data](), [], {}
        for name in options.names:
            if reason := refused(name, data):
                print(f"{name} is left out: {reason}", flush=True)
                continue
            for seed in options.seeds:
                gan, seconds = trained(name, task, seed, options.recipe, options.set)
                samples = gan.sample(task.samples, seed=seed)
                drawn.setdefault(name, samples)
                rows.append({"data": data, "name": name, "recipe": options.recipe})
                rows[-1]["set"] = " ".join(options.set)
                rows[-1] |= {"seed": seed, "of": task.of}
                measured = task.measure(samples)
                rows[-1] |= {key: round(float(v), 4) for key, v in measured.items()}
                rows[-1] |= {"steps": task.steps, "seconds": round(seconds, 1)}
                rows[-1] |= {"samples": len(samples)}
                print(rows[-1], flush=True)
            mine = [row for row in rows if row["name"] == name]
            write(mine + medians(mine))
        if drawn.keys() >= {row["name"] for row in rows_of(data)}:
            task.draw(drawn, RESULTS / f"modes-{data}.png")


def refused(name, data):
    """Why a GAN can't be trained on these data; None if it can."""
    try:
        ganzoo.get(name).build_from(ganzoo.data.load(data))
    except ValueError as error:
        return str(error)
    return None


def rows_of(data):
    """The rows of the results with the common recipe and nothing set."""
    rows = tables.read(RESULTS / "modes.csv")
    return [r for r in rows if (r["data"], r["recipe"], r["set"]) == (data, "common", "")]


def medians(rows):
    """One row for each name and data set, with the median of each number over the seeds."""
    found = []
    for data, name in dict.fromkeys((row["data"], row["name"]) for row in rows):
        mine = [row for row in rows if (row["data"], row["name"]) == (data, name)]
        middle = {
            key: round(float(np.median([row.get(key, 0) for row in mine])), 4)
            for key in ("modes", "modes_lenient", "high_quality", "mode_kl", "mode_std", "seconds")
        }
        found.append(mine[0] | middle | {"seed": "median"})
    return found


def write(rows):
    facts = tables.facts()
    new = [row | facts | {"command": command(row)} for row in rows]
    tables.write(RESULTS / "modes.csv", new, KEYS)


def command(row):
    settings = ["--set", *row["set"].split()] if row["set"] else []
    recipe = ["--recipe", "own"] * (row["recipe"] == "own")
    words = ["--data", row["data"], "--names", row["name"], *recipe, *settings]
    return shlex.join(["python", "benchmarks/modes.py", *words])


if __name__ == "__main__":
    main()
