"""Recorded signals as rows and as columns; reading them needs no TensorFlow."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

Row = dict[str, float]


def read(path: Path) -> list[Row]:
    """The rows of a signals.csv: `step` and the signals by name, NaN where one is missing. Empty if
    there is no such file.

    Raises:
        ValueError: the file can't be read.
    """
    if not path.exists():
        return []
    try:
        with path.open(newline="") as file:
            rows = [
                {key: float(value or "nan") for key, value in row.items()}
                for row in csv.DictReader(file)
            ]
        if any(np.isnan(row["step"]) for row in rows):
            raise ValueError("step")
    except (KeyError, TypeError, ValueError, AttributeError, csv.Error) as error:
        raise ValueError(
            f"{path} can't be read: it isn't as ganzoo wrote it; move it away to go on."
        ) from error
    return rows


class Columns(dict[str, np.ndarray]):
    """Signals by name, float64 [records]. One that was never recorded is all NaN."""

    def __init__(self, rows: Sequence[Row]):
        super().__init__()
        names = dict.fromkeys(key for row in rows for key in row)
        for key in names:
            self[key] = np.array([row.get(key, np.nan) for row in rows], float)
        self.count = len(rows)

    def __missing__(self, key: str) -> np.ndarray:
        return np.full(self.count, np.nan)
