"""Does the diagnosis find failures that were built, and leave healthy trainings alone?

    python benchmarks/diagnosis.py --seeds 7 8 9            # the results; about two hours
    python benchmarks/diagnosis.py --seeds 1 --cases far_better_d healthy:lsgan --out try.csv
    python benchmarks/diagnosis.py --judge FOLDER           # once more, without training
    python benchmarks/diagnosis.py --overhead               # results/diagnosis_overhead.csv

Each failure of benchmarks/failures.py is built in one way: a minimax game with a far better D; a D
that has won; a G that ignores its latents; a G that is trained far faster than D; a G that keeps
some of eight modes; rates at which training circles or diverges; and 40 training samples. Each is
then trained again with the mend that the diagnosis gave. The healthy trainings are of every
registered GAN, on the 8×8 digits. All have validation data.

The thresholds of `ganzoo.diagnosis.rules` and the mends were chosen on seeds 1 to 3, and the
results are of seeds 7 to 9. Rows go to results/diagnosis.csv, in place of those of the same case
and seed:

- `failure`: what was built; `verdict`, `since`: what the diagnosis said at the end, and since when.
- `mend`: the keywords that it gave; `mended`: the verdict of the training with them.
- `coverage`, `mended_coverage`: how good the samples are, by a measure that the diagnosis doesn't
  know: the share of held-out samples that have a generated one near, in pixels; on the ring the
  share of its modes that are nearest to at least half as many samples as they should be.

After them the command prints the confusion table of all rows in the file.

The signals of all trainings stay in the folder `--keep`, with the rows in rows.csv. `--judge`
applies the rules and mends as they are now to such a folder. It can't tell whether a mend works
that was not trained with: then `mended` is empty.
"""

import argparse
import json
import os
import shlex
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import failures
import keras
import numpy as np
import tables

import ganzoo
from ganzoo import diagnosis, evaluation
from ganzoo.diagnosis import mends, table
from ganzoo.foundation import registry

RESULTS = Path(__file__).parent.parent / "results"
KEPT = Path(tempfile.gettempdir()) / "ganzoo-diagnosis"
EPOCH = 100  # steps


def file_of(folder, case, seed, mended=False):
    return folder / f"{case.replace(':', '-')}-{seed}{'-mended' if mended else ''}.csv"


def train(case, chosen, seed, file):
    """Trains, with the signals in `file`; returns the diagnosis, the coverage and the seconds."""
    built = failures.find(case)
    x, held_out = built.data(built.name)
    if callable(chosen.get("architecture")):
        keras.utils.set_random_seed(seed)
        shape = (x[0] if isinstance(x, tuple) else x).shape[1:]
        chosen = chosen | {"architecture": chosen["architecture"](shape)}
    gan = ganzoo.get(built.name, seed=seed, **chosen)
    file.unlink(missing_ok=True)
    began = time.perf_counter()
    try:
        gan.fit(
            x, batch_size=built.batch, epochs=-(-built.steps // EPOCH), steps_per_epoch=EPOCH,
            verbose=0, validation_data=held_out, validation_freq=1000,
            callbacks=[ganzoo.callbacks.Diagnose(file)],
        )  # fmt: skip
    except ganzoo.callbacks.Diverged as error:
        print(error)
    seconds = time.perf_counter() - began
    return gan.diagnose(), coverage(gan, built, held_out, seed), seconds


def coverage(gan, built, held_out, seed):
    """How good the samples are, in [0, 1]: see above."""
    rows = held_out if isinstance(held_out, dict) else {
        gan.output_name: held_out[0] if isinstance(held_out, tuple) else held_out
    }  # fmt: skip
    fake = gan.sample(len(next(iter(rows.values()))), seed, **gan.given(rows))
    if built.data is failures.ring:
        means = ganzoo.data.toys.ring().means
        nearest = np.linalg.norm(fake[:, None] - means, axis=2).argmin(1)
        counts = np.bincount(nearest, minlength=len(means))
        return float(np.mean(counts >= len(fake) / len(means) / 2))
    flat = [x.reshape(len(x), -1).astype("float64") for x in (rows[gan.output_name], fake)]
    try:
        found = evaluation.neighbours.precision_recall_density_coverage(*flat)
    except ValueError:
        return float("nan")
    return round(float(found["coverage"]), 3)


def told(found):
    """What a diagnosis said, as columns."""
    first = found.findings[0] if found.findings else None
    return {
        "verdict": found.verdict, "since": first.since if first else "",
        "also": " ".join(one.failure for one in found.findings[1:]),
        "evidence": json.dumps(first.evidence) if first else "",
    }  # fmt: skip


def run(case, seed, folder, mend=True):
    built = failures.find(case)
    found, covered, seconds = train(case, built.chosen, seed, file_of(folder, case, seed))
    row = {
        "case": case, "name": built.name, "seed": seed, "steps": built.steps,
        "failure": built.failure, **told(found), "coverage": covered, "mend": "", "mended": "",
        "mended_coverage": "", "seconds": round(seconds, 1),
    }  # fmt: skip
    if built.failure == found.verdict != "healthy" and mend and found.findings[0].mend:
        row["mend"] = found.findings[0].mend
        chosen = built.chosen | mends.read(row["mend"])
        mended, covered, _ = train(case, chosen, seed, file_of(folder, case, seed, mended=True))
        row |= {"mended": mended.verdict, "mended_coverage": covered}
    return row


def judge(folder):
    """The rows of a folder of signals, by the rules as they are now."""
    rows = []
    for row in tables.read(folder / "rows.csv"):
        case, seed = row["case"], row["seed"]
        built = failures.find(case)
        declared = registry.find(built.name).hyperparameters()
        usual = {key: one.default for key, one in declared.items()}
        own = {key: "own" for key, value in built.chosen.items() if callable(value)}
        facts = mends.Facts(usual | built.chosen | own, usual, built.is_image)
        found = diagnosis.diagnose(table.read(file_of(folder, case, seed)), facts)
        row |= told(found)
        mend = found.findings[0].mend if built.failure == found.verdict != "healthy" else ""
        if mend and mend == row["mend"]:
            again = table.read(file_of(folder, case, seed, mended=True))
            row["mended"] = diagnosis.diagnose(again, facts).verdict
        elif mend != row["mend"]:
            row |= {"mend": mend, "mended": "", "mended_coverage": ""}
            print(f"{case}, seed {seed}: the mend is another now; train again.")
        rows.append(row)
    return rows


def write(path, rows):
    facts = tables.facts()
    new = [
        row | facts | {"command": shlex.join([
            "python", "benchmarks/diagnosis.py", "--seeds", str(row["seed"]), "--cases", row["case"]
        ])} for row in rows
    ]  # fmt: skip
    return tables.write(path, new, ("case", "seed"))


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
    facts = tables.facts()
    facts["command"] = f"python benchmarks/diagnosis.py --overhead --rounds {rounds}"
    tables.write(RESULTS / "diagnosis_overhead.csv", [row | facts for row in rows], ("gan", "data"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[7, 8, 9])
    every = failures.names()
    parser.add_argument("--cases", nargs="+", default=every, choices=every, metavar="CASE")
    parser.add_argument("--out", type=Path, default=RESULTS / "diagnosis.csv")
    parser.add_argument(
        "--keep", type=Path, default=KEPT, help=f"a folder for the signals; by default {KEPT}"
    )
    parser.add_argument("--judge", type=Path, metavar="FOLDER", help="judge kept signals again")
    parser.add_argument("--no-mend", action="store_true")
    parser.add_argument("--overhead", action="store_true")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    if options.overhead:
        overhead(options.rounds)
        return
    if options.judge:
        show(write(options.out, judge(options.judge)))
        return
    options.keep.mkdir(parents=True, exist_ok=True)
    for case in options.cases:
        for seed in options.seeds:
            row = run(case, seed, options.keep, not options.no_mend)
            print({k: v for k, v in row.items() if v != ""}, flush=True)
            write(options.keep / "rows.csv", [row])
            rows = write(options.out, [row])
            keras.backend.clear_session()
    show(rows)


if __name__ == "__main__":
    main()
