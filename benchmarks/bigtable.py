"""A large table in little memory: a million rows of a file, learned and trained on.

    python benchmarks/bigtable.py                    # some minutes
    python benchmarks/bigtable.py --rows 100000 --ending csv

`ganzoo.data.toys.customers` are written to a .csv and a .parquet file, and `ctgan` is trained on
each for 200 steps of 500 rows, in a process of its own. Rows go to results/bigtable.csv, in place
of those of the same file. Per row: `file_mb`; `load`, seconds of `ganzoo.data.load`; `first_step`,
seconds from the call of `fit` to the end of its first step, with learning the columns and tracing;
`steps_per_second` of the others; `rss_before`, `rss_loaded`, `rss_step` and `rss_end`, the resident
memory before loading, after it, after the first step and at the end, and `peak`, the most of it, in
MB (10⁶ bytes).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tables

PATH = Path(__file__).parents[1] / "results" / "bigtable.csv"
PART = 100_000


def write(path: Path, count: int) -> None:
    import pandas as pd

    from ganzoo.data import toys

    parts = [toys.customers(min(PART, count - first), first) for first in range(0, count, PART)]
    frame = pd.concat(parts, ignore_index=True).astype({"segment": str})
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)


def resident() -> float:
    import psutil

    return round(psutil.Process().memory_info().rss / 1e6)


def measure(path: str, steps: int) -> dict[str, float]:
    import keras

    import ganzoo

    gan = ganzoo.get("ctgan", packing=1)
    keras.layers.Dense(1).build((1, 1))  # TensorFlow is there before memory is measured
    found: dict[str, float] = {"rss_before": resident()}
    began = time.perf_counter()
    frame = ganzoo.data.load(f"table:{path}")
    found |= {"load": round(time.perf_counter() - began, 1), "rss_loaded": resident()}
    began = time.perf_counter()
    gan.fit(frame, steps_per_epoch=1, verbose=0)
    found |= {"first_step": round(time.perf_counter() - began, 1), "rss_step": resident()}
    began = time.perf_counter()
    gan.fit(frame, steps_per_epoch=steps, verbose=0)
    found["steps_per_second"] = round(steps / (time.perf_counter() - began), 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 * 1.048576
    return found | {"rss_end": resident(), "peak": round(peak)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--ending", nargs="+", default=["csv", "parquet"])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        print(json.dumps(measure(chosen.measure, chosen.steps)))
        return
    import pandas

    with tempfile.TemporaryDirectory() as folder:
        for ending in chosen.ending:
            path = Path(folder, f"customers.{ending}")
            write(path, chosen.rows)
            command = [sys.executable, __file__, "--measure", str(path)]
            command += ["--steps", str(chosen.steps)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            row = {"file": ending, "rows": chosen.rows, "steps": chosen.steps}
            row |= {"file_mb": round(path.stat().st_size / 1e6)}
            row |= json.loads(done.stdout.splitlines()[-1])
            row |= tables.facts(pandas)
            row["command"] = f"python benchmarks/bigtable.py --rows {chosen.rows}"
            print(row, flush=True)
            tables.write(PATH, [row], ("file", "rows"), ("file", "rows"))


if __name__ == "__main__":
    main()
