"""Records the signals of a GAN's training, and keeps them in a file."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ganzoo.diagnosis import signals
from ganzoo.diagnosis.table import Row, read
from ganzoo.foundation import files

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

Rows = Mapping[str, tf.Tensor]


class Recorder:
    """Signals of one GAN, step by step, always on the same rows and latents.

    Args:
        path: a CSV file that is continued and kept up to date; None keeps the rows in memory.

    Attributes:
        rows: one dict for each record, `step` and the signals by name.
    """

    def __init__(self, path: Path | None = None):
        self.path, self.rows = path, list[Row]()
        self._of: Any = None
        self._next = 0.0  # the time from which on writing is cheap again
        self._chosen: tuple[Rows, Rows | None] | None = None

    def begin(self, step: int) -> None:
        """Goes on from this step: later rows are dropped, and those of the file are read."""
        if self.path is not None and not self.rows:
            self.rows = read(self.path)
        self.rows = [row for row in self.rows if row["step"] <= step]

    def record(
        self,
        gan: GAN,
        seen: Callable[[], Rows | None],
        held_out: Callable[[], Rows] | None = None,
        before: Mapping[str, list[tf.Tensor]] | None = None,
    ) -> Row | None:
        """Measures the signals now, and returns them; None if there are no rows to measure on.

        Args:
            seen: returns rows of the training data; it is called once for each GAN.
            held_out: returns rows that are held out, likewise.
            before: what `signals.weights` gave before the step.
        """
        if self._of is not gan:
            rows = seen()
            if rows is None:
                return None
            self._chosen = (
                signals.few(gan, rows),
                signals.few(gan, held_out()) if held_out else None,
            )
            self._measure = tf.function(
                lambda rows, held, before: signals.measure(gan, rows, held, before),
                autograph=False,
            )
            self._of = gan
        assert self._chosen is not None
        measured = self._measure(*self._chosen, before)
        row = {"step": float(gan.step)}
        row |= {key: float(measured.get(key, float("nan"))) for key in signals.NAMES}
        self.rows.append(row | {"diverged": 0.0})
        return self.rows[-1]

    def diverged(self, step: int) -> None:
        """Notes that training stopped at this step because a number was not finite."""
        nothing = dict.fromkeys(signals.NAMES, float("nan"))
        self.rows.append(nothing | {"step": float(step), "diverged": 1.0})

    def write(self, always: bool = True) -> None:
        """Writes the file, whole or not at all.

        Args:
            always: if False, nothing is written where that would take over 1% of the time.
        """
        began = time.monotonic()
        if self.path is None or not self.rows or (not always and began < self._next):
            return
        with files.replacing(self.path) as draft, draft.open("w", newline="") as file:
            writer = csv.writer(file)
            names = ["step", *signals.NAMES]
            writer.writerow(names)
            for row in self.rows:
                writer.writerow([
                    int(row["step"]),
                    *("" if signals.missing(row[key]) else f"{row[key]:.7g}" for key in names[1:]),
                ])  # fmt: skip
        self._next = began + 100 * (time.monotonic() - began)
