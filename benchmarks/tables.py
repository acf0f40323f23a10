"""The tables in results/: new rows take the place of their own kind, and say what measured them."""

from __future__ import annotations

import csv
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any


def versions(*more: ModuleType) -> str:
    """The versions of ganzoo, TensorFlow, Keras and `more` that are running."""
    import keras
    import tensorflow as tf

    import ganzoo

    return " ".join(f"{m.__name__} {m.__version__}" for m in (ganzoo, tf, keras, *more))


def facts(*more: ModuleType) -> dict[str, str]:
    """`versions`, and the `machine`: its cores are those that this process may use."""
    cores = len(os.sched_getaffinity(0))
    machine = f"{cores} core{'s' * (cores > 1)}, {platform.machine()}, no GPU"
    return {"versions": versions(*more), "machine": machine}


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a table, none if there is no such file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(
    path: Path, rows: Sequence[Mapping[str, Any]], key: Sequence[str], order: Sequence[str] = ()
) -> list[dict[str, str]]:
    """Puts rows in place of those with the same `key`, sorts by `order`, and returns them all. The
    columns are those of the new rows, and those of old rows that hold something."""
    new = {tuple(str(row[column]) for column in key) for row in rows}
    kept = [row for row in read(path) if tuple(row[column] for column in key) not in new]
    merged = [{k: str(v) for k, v in row.items()} for row in [*kept, *rows]]
    merged.sort(key=lambda row: [row[column] for column in order])
    columns = [k for row in rows for k in row] + [k for row in kept for k, v in row.items() if v]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, dict.fromkeys(columns), restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(merged)
    return merged
