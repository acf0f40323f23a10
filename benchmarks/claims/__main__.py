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
import importlib
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
tables = importlib.import_module("tables")
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
    of_all = tables.facts()
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
            rows = [{key: row.get(key, "") for key in COLUMNS} for row in rows]
            tables.write(OUT, rows, ("claim", "seed"), ("claim", "seed"))


if __name__ == "__main__":
    main()
