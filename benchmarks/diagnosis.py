"""Does the diagnosis find failures that were built, and leave healthy trainings alone?

    python benchmarks/diagnosis.py --seeds 7 8 9            # the results; about two hours
    python benchmarks/diagnosis.py --seeds 1 --cases far_better_d healthy:lsgan --out try.csv
    python benchmarks/diagnosis.py --overhead               # results/diagnosis_overhead.csv

Each failure is built in one way: a minimax game with a far better D; a G that ignores its latents;
a G that is trained far faster than D; rates at which training oscillates or diverges; and 40
training images. Each is then trained again with the mend that the diagnosis gave. The healthy
trainings are of every registered GAN, on the 8×8 digits. All have validation data.

The thresholds of `ganzoo.diagnosis.rules` were chosen on seeds 1 to 3, and the results are of seeds
7 to 9. Rows go to results/diagnosis.csv, in place of those of the same case and seed:

- `failure`: what was built; `verdict`, `since`: what the diagnosis said at the end, and since when.
- `mend`: the keywords that it gave; `mended`: the verdict of the training with them.
- `coverage`, `mended_coverage`: the share of 500 held-out samples that have a generated one near,
  in pixels: a measure of how good the samples are that the diagnosis doesn't know.

After them the command prints the confusion table of all rows in the file.
"""

import argparse
import csv
import json
import os
import platform
import shlex
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import ganzoo
from ganzoo import evaluation
from ganzoo.diagnosis import mends
from ganzoo.foundation import registry
from ganzoo.testing.checks import Subject

RESULTS = Path(__file__).parent.parent / "results"
BATCH, STEPS = 64, 800
FEW = 1600  # steps on few images, which D learns by heart in hundreds of passes
SLOW = {  # of networks that take long on a CPU; the others are trained for STEPS
    "stylegan2": 300, "biggan": 300, "sagan": 300, "fastgan": 150, "cyclegan": 300,
    "reacgan": 400, "projection_gan": 400, "sngan": 400, "srgan": 400, "pix2pix": 400,
    "unrolled_gan": 500, "wgan": 500, "wgan_gp": 500,
}  # fmt: skip


def digits(subject, few=None):
    """Training rows and 500 held-out ones, as the GAN takes them."""
    images, labels = (
        x.numpy() for x in next(iter(ganzoo.data.load("digits").batch(1797))).values()
    )
    if len(subject.samples) > 1:
        images = np.pad(images, [(0, 0), (4, 4), (4, 4), (0, 0)])
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order]
    train = slice(500, 500 + few if few else None)
    return subject.rows(images[train], labels[train]), subject.rows(images[:500], labels[:500])


def blind(shape, width=64):
    """Networks of which G ignores its latents."""
    latent = keras.Input([16])
    x = keras.layers.Rescaling(0.0)(latent)
    for _ in range(2):
        x = keras.layers.LeakyReLU()(keras.layers.Dense(width)(x))
    x = keras.layers.Dense(int(np.prod(shape)), "tanh", bias_initializer="random_normal")(x)
    generator = keras.Model(latent, keras.layers.Reshape(shape)(x))
    features = keras.Sequential([keras.Input(shape), keras.layers.Flatten()])
    for _ in range(2):
        features.add(keras.layers.Dense(width))
        features.add(keras.layers.LeakyReLU())
    return generator, features


# case: failure, name, hyper-parameters, rows of the training data
BUILT = {
    "far_better_d": (
        "vanishing_gradients", "minimax_gan",
        {"discriminator_learning_rate": 1e-3, "generator_learning_rate": 2e-5, "critic_steps": 5},
        None,
    ),
    "far_better_d_conv": (
        "vanishing_gradients", "dcgan",
        {"objective": "minimax", "discriminator_learning_rate": 2e-3, "critic_steps": 3,
         "width": 16, "discriminator_normalization": "none"}, None,
    ),
    "blind_g": ("mode_collapse", "gan", {"architecture": blind, "latent_dim": 16}, None),
    "blind_g_lsgan": ("mode_collapse", "lsgan", {"architecture": blind, "latent_dim": 16}, None),
    "fast_g": (
        "mode_collapse", "gan",
        {"generator_learning_rate": 5e-3, "discriminator_learning_rate": 1e-4}, None,
    ),
    "fast_g_hinge": (
        "mode_collapse", "dcgan",
        {"generator_learning_rate": 3e-3, "discriminator_learning_rate": 3e-5,
         "objective": "hinge", "architecture": "mlp"}, None,
    ),
    "leaping": (
        "convergence_failure", "gan",
        {"generator_learning_rate": 0.1, "discriminator_learning_rate": 0.1}, None,
    ),
    "oscillating": (
        "convergence_failure", "gan",
        {"generator_learning_rate": 0.02, "discriminator_learning_rate": 0.02, "beta_1": 0.9},
        None,
    ),
    "few_images": (
        "overfitting", "dcgan", {"width": 16}, 40,
    ),
    "few_images_mlp": ("overfitting", "gan", {}, 40),
}  # fmt: skip


def cases():
    return [*BUILT, *(f"healthy:{name}" for name in ganzoo.names())]


def subject_of(name):
    return Subject(registry.find(name))


def train(name, chosen, few, seed, steps, keep=None):
    subject = subject_of(name)
    x, held_out = digits(subject, few)
    if callable(chosen.get("architecture")):
        keras.utils.set_random_seed(seed)
        chosen = chosen | {"architecture": chosen["architecture"]((8, 8, 1))}
    gan = ganzoo.get(name, seed=seed, **chosen)
    callback = ganzoo.callbacks.Diagnose(keep)
    began = time.perf_counter()
    batch = min(BATCH, few or BATCH)
    epoch = 100
    try:
        gan.fit(
            x, batch_size=batch, epochs=-(-steps // epoch), steps_per_epoch=epoch, verbose=0,
            validation_data=held_out, validation_freq=1000, callbacks=[callback],
        )  # fmt: skip
    except ganzoo.callbacks.Diverged as error:
        print(error)
    return gan, subject, held_out, time.perf_counter() - began


def coverage(gan, subject, held_out, seed):
    """The share of held-out samples that have a generated one near, in pixels."""
    rows = held_out if isinstance(held_out, dict) else {gan.output_name: held_out[0]}
    fake = gan.sample(len(next(iter(rows.values()))), seed, **gan.given(rows))
    flat = [x.reshape(len(x), -1).astype("float64") for x in (rows[gan.output_name], fake)]
    try:
        found = evaluation.neighbours.precision_recall_density_coverage(*flat)
    except ValueError:
        return float("nan")
    return round(float(found["coverage"]), 3)


def run(case, seed, keep, mend=True):
    if case.startswith("healthy:"):
        failure, name, chosen, few = "healthy", case.partition(":")[2], {}, None
        known = registry.find(name).hyperparameters()
        small = {"width": 16, "blocks": 1} if name in SLOW and name != "unrolled_gan" else {}
        chosen = {k: v for k, v in small.items() if k in known}
    else:
        failure, name, chosen, few = BUILT[case]
    steps = FEW if few else SLOW.get(name, STEPS)
    file = keep and Path(keep) / f"{case.replace(':', '-')}-{seed}.csv"
    if file:
        file.unlink(missing_ok=True)
    gan, subject, held_out, seconds = train(name, chosen, few, seed, steps, file)
    found = gan.diagnose()
    first = found.findings[0] if found.findings else None
    row = {
        "case": case, "name": name, "seed": seed, "steps": steps, "failure": failure,
        "verdict": found.verdict, "since": first.since if first else "",
        "also": " ".join(one.failure for one in found.findings[1:]),
        "evidence": json.dumps(first.evidence) if first else "",
        "coverage": coverage(gan, subject, held_out, seed), "mend": "", "mended": "",
        "mended_coverage": "", "seconds": round(seconds, 1),
    }  # fmt: skip
    if failure == found.verdict != "healthy" and mend:
        row["mend"] = first.mend
        mended = chosen | mends.read(first.mend)
        file = keep and Path(keep) / f"{case}-{seed}-mended.csv"
        if file:
            file.unlink(missing_ok=True)
        gan, subject, held_out, _ = train(name, mended, few, seed, steps, file)
        row["mended"] = gan.diagnose().verdict
        row["mended_coverage"] = coverage(gan, subject, held_out, seed)
    return row


def write(path, rows):
    facts = {
        "ganzoo": ganzoo.__version__,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, no GPU",
    }
    kept, again = [], {(row["case"], str(row["seed"])) for row in rows}
    if path.exists():
        with path.open(newline="") as old:
            kept = [r for r in csv.DictReader(old) if (r["case"], r["seed"]) not in again]
    new = [
        row | facts | {"command": shlex.join([
            "python", "benchmarks/diagnosis.py", "--seeds", str(row["seed"]), "--cases", row["case"]
        ])} for row in rows
    ]  # fmt: skip
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(new[0]))
        writer.writeheader()
        writer.writerows([*kept, *new])
    return [*kept, *new]


def show(rows):
    """Prints how often each failure got each verdict, and how often its mend worked."""
    verdicts = list(dict.fromkeys(row["verdict"] for row in rows))
    print("built \\ verdict".ljust(22), *(v.ljust(20) for v in verdicts), "healthy once mended")
    for failure in dict.fromkeys(row["failure"] for row in rows):
        mine = [row for row in rows if row["failure"] == failure]
        counts = [sum(row["verdict"] == v for row in mine) for v in verdicts]
        mended = [row["mended"] for row in mine if row["mend"]]
        told = f"{mended.count('healthy')} of {len(mended)}" if mended else ""
        print(failure.ljust(22), *(str(n).ljust(20) for n in counts), told)


class InTurn(ganzoo.callbacks.Diagnose):
    """Records in every second window of `every` steps, and times all windows."""

    def __init__(self, windows):
        super().__init__()
        self.windows, self.step, self.times = windows, 0, []

    def on_train_batch_begin(self, batch, logs=None):
        if self.step % self.every == 0:
            self.began = time.perf_counter(), time.process_time()
        super().on_train_batch_begin(batch, logs)

    def _is_due(self, step):
        # the first record, which is not counted, traces; the others stand within a window
        return step == 1 or step % (2 * self.every) == self.every // 2

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        self.step += 1
        if self.step % self.every == 0:
            now = time.perf_counter(), time.process_time()
            self.times.append([b - a for a, b in zip(self.began, now, strict=True)])


def overhead(rounds):
    """Seconds of 100 steps of dcgan on mnist5k with a record and without, in turn in one fit."""
    gan, x = ganzoo.get("dcgan"), ganzoo.data.load("mnist5k")
    watching = InTurn(rounds)
    steps = 2 * (rounds + 1) * watching.every
    gan.fit(x, steps_per_epoch=steps, verbose=0, callbacks=[watching])
    times = watching.times[2:]  # the first two windows trace
    rows = []
    for number in range(rounds):
        (wall, cpu), (wall_without, cpu_without) = times[2 * number : 2 * number + 2]
        rows.append({
            "gan": "dcgan", "data": "mnist5k", "round": number, "every": watching.every,
            "seconds_with": round(wall, 4), "seconds_without": round(wall_without, 4),
            "cpu_seconds_with": round(cpu, 4), "cpu_seconds_without": round(cpu_without, 4),
        })  # fmt: skip
    for row in rows:
        for kind in ("", "cpu_"):
            ratio = row[f"{kind}seconds_with"] / row[f"{kind}seconds_without"]
            row[f"{kind}overhead"] = round(ratio - 1, 4)
    numbers = [key for key in rows[0] if "seconds" in key or "overhead" in key]
    middle = {key: round(median(row[key] for row in rows), 4) for key in numbers}
    rows.append(rows[0] | {"round": "median"} | middle)
    print(rows[-1], flush=True)
    command = f"python benchmarks/diagnosis.py --overhead --rounds {rounds}"
    with (RESULTS / "diagnosis_overhead.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "command"])
        writer.writeheader()
        writer.writerows([row | {"command": command} for row in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[7, 8, 9])
    parser.add_argument("--cases", nargs="+", default=cases(), choices=cases())
    parser.add_argument("--out", type=Path, default=RESULTS / "diagnosis.csv")
    parser.add_argument("--keep", type=Path, help="a folder for the signals of all trainings")
    parser.add_argument("--no-mend", action="store_true")
    parser.add_argument("--overhead", action="store_true")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    if options.overhead:
        overhead(options.rounds)
        return
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    for case in options.cases:
        for seed in options.seeds:
            row = run(case, seed, options.keep, not options.no_mend)
            print({k: v for k, v in row.items() if v != ""}, flush=True)
            rows = write(options.out, [row])
            keras.backend.clear_session()
    show(rows)


if __name__ == "__main__":
    main()
