"""Does each game do what its paper is about? Small claims on fresh seeds, a minute or a few each.

    python benchmarks/claims                    # all, three seeds
    python benchmarks/claims sgan --seeds 4

A claim is a file of this folder with a function `claim(seed)` that trains a GAN, measures it, and
yields rows: `measure` and its `value`; `bar`, what the paper's claim asks of the value (">= 0.95");
`beside` and `value_beside`, what it is compared with; `steps`. Settings were chosen on other seeds.

Rows go to results/claims.csv, in place of those of the same claim and seed.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import os
import platform
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import ganzoo

OUT = Path(__file__).parents[2] / "results" / "claims.csv"
COLUMNS = (
    "claim", "seed", "measure", "value", "bar", "beside", "value_beside", "steps", "seconds",
    "versions", "machine", "command",
)  # fmt: skip
CLAIMS = sorted(
    path.stem for path in Path(__file__).parent.glob("*.py") if "\ndef claim(" in path.read_text()
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("claims", nargs="*", default=CLAIMS, metavar="CLAIM")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7, 8, 9])
    chosen = parser.parse_args()
    of_all = {
        "versions": " ".join(f"{m.__name__} {m.__version__}" for m in (ganzoo, tf, keras)),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, no GPU",
    }
    for claim in chosen.claims:
        for seed in chosen.seeds:
            began = time.monotonic()
            rows = list(importlib.import_module(claim).claim(seed))
            seconds = round(time.monotonic() - began, 1)
            for row in rows:
                row |= {"claim": claim, "seed": seed, "seconds": seconds} | of_all
                row["command"] = f"python benchmarks/claims {claim} --seeds {seed}"
                for key in {"value", "value_beside"} & row.keys():
                    row[key] = f"{row[key]:.4f}"
                print(*(row.get(key, "") for key in COLUMNS[:7]), seconds, flush=True)
            write(claim, seed, rows)


def write(claim: str, seed: int, rows: list[dict[str, Any]]) -> None:
    kept = []
    if OUT.exists():
        with OUT.open(newline="") as file:
            kept = [
                r for r in csv.DictReader(file) if (r["claim"], r["seed"]) != (claim, str(seed))
            ]
    with OUT.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(sorted([*kept, *rows], key=lambda r: (r["claim"], int(r["seed"]))))


if __name__ == "__main__":
    main()
