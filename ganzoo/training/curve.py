"""The curve of a metric over a training, as a CSV file: `step,epoch,kid,best,seconds`."""

from __future__ import annotations

import csv
import dataclasses
import math
import os
from pathlib import Path

from ganzoo.foundation import files


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One row of a curve.

    Attributes:
        step: the generator updates that had been made.
        epoch: the epoch, from 1, in which the last of them was made.
        value: the metric.
        best: the best value up to this row; NaN if there is none.
        seconds: how long the measurement took, with the saving of the GAN if it was the best.
    """

    step: int
    epoch: int
    value: float
    best: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class Curve:
    """A metric, and its values in the order of steps.

    Attributes:
        metric: its name, such as "kid".
        rows: the measurements.
    """

    metric: str
    rows: tuple[Measurement, ...] = ()

    @classmethod
    def read(cls, path: str | os.PathLike) -> Curve:
        """The curve in a CSV file.

        Raises:
            ValueError: the file can't be read, or `BestSamples` didn't write it.
            OSError: there is no such file, or it can't be opened.
        """
        try:
            with Path(path).open(newline="") as file:
                header, *lines = list(csv.reader(file))
            first, second, metric, *others = header
            if [first, second, *others] != ["step", "epoch", "best", "seconds"]:
                raise ValueError
            rows = [Measurement(int(s), int(e), *map(float, rest)) for s, e, *rest in lines]
        except (TypeError, ValueError, csv.Error) as error:
            raise ValueError(
                f"{path} can't be read: it isn't as ganzoo wrote it; move it away to go on."
            ) from error
        return cls(metric, tuple(rows))

    def write(self, path: str | os.PathLike) -> None:
        """Writes the CSV file, whole or not at all."""
        with files.replacing(path) as draft, draft.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["step", "epoch", self.metric, "best", "seconds"])
            writer.writerows(dataclasses.astuple(row) for row in self.rows)

    def up_to(self, step: int) -> Curve:
        """The curve without the rows of later steps."""
        return dataclasses.replace(self, rows=tuple(row for row in self.rows if row.step <= step))

    @property
    def best(self) -> Measurement | None:
        """The first row with the best value; None if no value is a number."""
        if not self.rows or math.isnan(self.rows[-1].best):
            return None
        return next(row for row in self.rows if row.value == self.rows[-1].best)

    @property
    def last(self) -> Measurement | None:
        """The last row."""
        return self.rows[-1] if self.rows else None

    @property
    def since_best(self) -> int:
        """The number of measurements after the best one; of all if there is no best one."""
        return len(self.rows) - (self.rows.index(self.best) + 1 if self.best else 0)
