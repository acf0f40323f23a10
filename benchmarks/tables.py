"""The tables in results/: new rows take the place of their own kind."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a table, none if there is no such file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(
    path: Path, rows: Sequence[Mapping[str, Any]], key: Sequence[str], order: Sequence[str] = ()
) -> list[dict[str, str]]:
    """Puts rows in place of those with the same `key`, sorts by `order`, and returns them all."""
    new = {tuple(str(row[column]) for column in key) for row in rows}
    kept = [row for row in read(path) if tuple(row[column] for column in key) not in new]
    merged = [{k: str(v) for k, v in row.items()} for row in [*kept, *rows]]
    merged.sort(key=lambda row: [row[column] for column in order])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, merged[0], restval="")
        writer.writeheader()
        writer.writerows(merged)
    return merged
