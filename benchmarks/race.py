"""Quality against seconds of training: ganzoo's defaults beside what people copy from elsewhere.

    python benchmarks/race.py --picture               # all of it, about three hours
    python benchmarks/race.py --data mnist5k --engines ganzoo tutorial --seeds 7
    python benchmarks/race.py --names lsgan wgan_gp --set width=32 --engines ganzoo --out mine.csv

Engines: `ganzoo`, which trains each of `--names` as `ganzoo train NAME` does; `tutorial`, the DCGAN
of TensorFlow's tutorial; `guide`, the GAN of Keras's guide; `wgan_gp`, keras-io's example;
`pytorch`, the DCGAN of pytorch/examples. All have their own networks, rates and batch sizes, and
whatever number of steps they make in the time; race_engines.py has them, and what was adapted.

Each training runs alone in a process of its own, and for each seed all engines take turns. Building
and tracing count, drawing samples and measuring them do not. After 1/12, 1/6, 1/3, 2/3 and all of
`--seconds` each engine draws as many samples in its own way, which this process measures when that
training has ended. No engine trains on what measures it:

- the judge, a small classifier of the data's labels; `judge` has its accuracy on images that it did
  not learn. Choose settings with one `--judge-seed`, report with another. Its features give
  `judge_frechet_ratio` and `judge_kid`, its labels `label_kl`, and `confidence` is its mean
  confidence in the samples as a part of that in real images.
- EfficientNet-Lite0, where its package is installed: `frechet_ratio` and `kid`.

A Fréchet ratio is a distance to one half of the images over that of the other half, 1 at best.
A judge that knows only digits is sure of much that is none: look at the samples.

Rows go to results/race.csv, in place of those of the same engine, data and seed. `point` is the
check point and `seconds` when the step ended that passed it. `others` is how many cores other
programs used meanwhile: near 0, or the race says nothing, for what they take from one engine is not
what they take from another. PyTorch made a fifth of its steps on two cores with three busy programs
beside it. The figure that counts goes to
results/race-leads.csv: how many seconds an engine takes to the quality that the best peer has at
its last check point, of medians over the seeds, and `lead`, the best peer's seconds over them.
Between check points the logarithm of a measure is taken to be linear in time. `--picture` draws
results/race.png, and samples of the first seed after equal seconds as results/race-samples.png.

PyTorch is looked for in this Python, in `--torch-python`, and where benchmarks/speed.py installs
it.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import race_engines
import race_measures
import race_picture
import speed
import tables

ENGINES = ("ganzoo", *race_engines.PEERS)
PARTS = (12, 6, 3, 1.5, 1)
RESULTS = Path(__file__).parents[1] / "results"
STAT = Path("/proc/stat")
TOLERATED = 0.2  # cores that other programs may use


def load(name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The images of a data set, uint8 [N, height, width, channels], and its labels, if any, in a
    random order: some are sorted by their labels, and `guide` shuffles 1,024 rows at a time."""
    import ganzoo

    dataset = ganzoo.data.load(name, size=race_engines.SIZES.get(name))
    rows = list(dataset.batch(1024).as_numpy_iterator())
    columns = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
    order = np.random.default_rng(0).permutation(len(columns["image"]))
    columns = {key: column[order] for key, column in columns.items()}
    return columns["image"], columns.get("label")


def used_by_others() -> float:
    """Processor seconds that programs other than this one and its children ever used on this
    machine; 0 where the system does not tell."""
    try:
        words = STAT.read_text().split(maxsplit=8)[1:8]
    except OSError:
        return 0.0
    user, nice, system, _idle, _waiting, *interrupts = map(int, words)
    everyone = sum((user, nice, system, *interrupts)) / os.sysconf("SC_CLK_TCK")
    return everyone - sum(os.times()[:4])


def run(
    engine: str, data: str, python: str, options: argparse.Namespace, seed: int, folder: Path
) -> list[dict[str, float]]:
    """Trains one engine alone. Returns what it passed, and leaves its samples in the folder."""
    points = [f"{options.seconds / part:g}" for part in PARTS]
    command = [python, race_engines.__file__, engine, data, str(folder), "--seed", str(seed)]
    command += ["--samples", str(options.samples), "--points", *points]
    if engine not in race_engines.PEERS and options.set:
        command += ["--set", *options.set]
    began, before = time.perf_counter(), used_by_others()
    done = subprocess.run(command, capture_output=True, text=True)
    others = (used_by_others() - before) / (time.perf_counter() - began)
    if others > TOLERATED:
        print(f"Other programs used {others:.1f} cores meanwhile: race once more without them.")
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        print(f"{engine} failed with seed {seed}, so its rows are left out: {last}", flush=True)
        return []
    passed = json.loads((folder / "passed.json").read_text())
    return [point | {"others": others} for point in passed]


def with_torch(given: str | None) -> tuple[str | None, str | None]:
    """A Python that has PyTorch, and its version."""
    installed = Path.home() / ".cache" / "ganzoo" / "torch" / "bin" / "python"
    for python in (given, sys.executable, str(installed)):
        if version := speed.version_of_torch(python):
            return python, version
    return None, None


def trainings(options: argparse.Namespace) -> Iterable[tuple[str, str]]:
    """(name in the table, what race_engines.py calls it) of each engine."""
    for engine in options.engines:
        if engine in race_engines.PEERS:
            yield engine, engine
        else:
            for name in options.names:
                yield " ".join(["ganzoo", name, *options.set]), name


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--names", nargs="+", default=["lsgan"], help="of ganzoo's GANs")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="of these GANs")
    parser.add_argument("--data", nargs="+", default=["mnist5k", "fashion", "shapes"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[7, 8, 9])
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--samples", type=int, default=2500)
    parser.add_argument("--judge-seed", type=int, default=0)
    parser.add_argument("--no-efficientnet", action="store_true", help="saves time")
    parser.add_argument("--picture", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS / "race.csv", help="a .csv file")
    parser.add_argument("--torch-python", metavar="PATH", help="a Python that has PyTorch")
    return parser.parse_args(arguments)


def race(data: str, options: argparse.Namespace, facts: Mapping[str, Any]) -> dict:
    """All engines and seeds on one data set. Writes their rows as they come, and returns the
    samples of the first seed: (data, engine, check point) -> uint8 [N, height, width, channels].
    """
    try:
        images, labels = load(data)
    except ValueError as error:
        print(f"{data} is left out: {error}", flush=True)
        return {}
    if set(options.engines) != {"ganzoo"} and (
        images.shape[1] != images.shape[2] or images.shape[1] not in race_engines.SIDES
    ):
        raise SystemExit(f"{data} has images of {images.shape[1:]}: peers need 28×28 or 32×32.")
    yardsticks = race_measures.Yardsticks(
        images, labels, options.samples, options.judge_seed, not options.no_efficientnet
    )
    drawn = {}
    with tempfile.TemporaryDirectory() as parent:
        file = Path(parent, "images.npy")
        np.save(file, images)
        for seed, (label, engine) in itertools.product(options.seeds, trainings(options)):
            folder = Path(parent, f"{engine}-{seed}")
            folder.mkdir()
            source = str(file) if engine in race_engines.PEERS else data
            python = facts["python"] if engine == "pytorch" else sys.executable
            rows, measures, steps = [], {}, None
            for passed in run(engine, source, python, options, seed, folder):
                samples = np.load(folder / f"{passed['point']:g}.npy")
                if seed == options.seeds[0]:
                    drawn[data, label, passed["point"]] = samples[:100]
                if passed["steps"] != steps:  # one step may pass several check points
                    measures, steps = yardsticks.measure(samples), passed["steps"]
                row = {"data": data, "engine": label, "seed": seed, "point": f"{passed['point']:g}"}
                row |= {"seconds": round(passed["seconds"], 2), "steps": passed["steps"]}
                row |= {k: v if v == "" else f"{v:.4g}" for k, v in measures.items()}
                print(*row.values(), flush=True)
                row |= {"others": f"{passed['others']:.2f}", "samples": options.samples}
                row |= yardsticks.facts | facts["columns"]
                rows.append(row)
            if rows:
                tables.write(options.out, rows, ("data", "engine", "seed"), ("data",))
    return drawn


def main() -> None:
    options = parsed()
    python, torch = None, None
    if "pytorch" in options.engines:
        python, torch = with_torch(options.torch_python)
        if torch is None:
            print("The rows of PyTorch are left out: name a Python that has it, --torch-python.")
            options.engines.remove("pytorch")
    words = sys.argv[1:]
    columns = {
        "judge_seed": options.judge_seed,
        **speed.machine(),
        "versions": speed.versions(torch),
        "date": datetime.date.today().isoformat(),
        "command": " ".join(["python benchmarks/race.py", *words]),
    }
    drawn = {}
    for data in options.data:
        drawn |= race(data, options, {"python": python, "columns": columns})
    rows = tables.read(options.out)
    found = []
    for data in dict.fromkeys(row["data"] for row in rows):
        of_data = [row for row in rows if row["data"] == data]
        found += race_measures.leads(of_data, list(race_engines.PEERS))
    if found:
        path = options.out.with_name(f"{options.out.stem}-leads.csv")
        path.unlink(missing_ok=True)
        tables.write(path, found, ("data", "measure", "engine"))
        for row in found:
            print(*row.values())
    if options.picture and drawn:
        race_picture.draw(rows, options.out.with_suffix(".png"))
        path = options.out.with_name(f"{options.out.stem}-samples.png")
        race_picture.draw_samples(drawn, path)


if __name__ == "__main__":
    main()
