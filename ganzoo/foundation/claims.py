"""What was measured of a GAN's own claim: the rows of results/claims.csv in a checkout."""

from __future__ import annotations

import csv
from pathlib import Path

FILE = Path(__file__).parents[2] / "results" / "claims.csv"


def measured(name: str) -> tuple[str, ...]:
    """A line for each measure of the claim `name`: the mean over seeds and their range, what the
    claim asks, what it is compared with, and the command that measures it again.

    There are none where ganzoo is installed without its checkout.
    """
    if not FILE.is_file():
        return ()
    rows: dict[str, list[dict[str, str]]] = {}
    with FILE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["claim"] == name:
                rows.setdefault(row["measure"], []).append(row)
    return tuple(_line(name, measure, of_seeds) for measure, of_seeds in rows.items())


def _line(name: str, measure: str, rows: list[dict[str, str]]) -> str:
    values = [float(row["value"]) for row in rows]
    beside = [float(row["value_beside"]) for row in rows if row["value_beside"]]
    seeds = f"{len(values)} seeds" if len(values) > 1 else "one seed"
    words = [f"{min(values):.4g} to {max(values):.4g} over {seeds}"]
    if rows[0]["bar"]:
        words.append(f"asked: {rows[0]['bar'].replace('beside', 'the value beside it')}")
    if beside:
        words.append(f"beside it, {rows[0]['beside']}: {_mean(beside):.4g}")
    command = f"python benchmarks/claims {name}"
    return f"{measure}: {_mean(values):.4g} ({'; '.join(words)}), by {command}"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
