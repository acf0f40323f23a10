"""Keras callbacks that watch a training, for `gan.fit(..., callbacks=[...])`.

Of several workers only the chief writes files and shows progress.
"""

from __future__ import annotations

import csv
import math
import os
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import keras
import rich.progress
from rich.console import Console
from rich.table import Column

from ganzoo.core.fitting import Diverged
from ganzoo.data.checks import check_int
from ganzoo.devices import strategies
from ganzoo.diagnosis import Diagnosis
from ganzoo.foundation import files
from ganzoo.reporting import mapped, plots
from ganzoo.training.best import BestSamples
from ganzoo.training.checkpoints import Checkpoints, StopAtStep
from ganzoo.training.diagnose import Diagnose
from ganzoo.training.tensorboard import TensorBoard

__all__ = [
    "BestSamples",
    "Checkpoints",
    "Diagnose",
    "Diverged",
    "HistoryCSV",
    "Progress",
    "SamplePictures",
    "StopAtStep",
    "StopOnInterrupt",
    "TensorBoard",
]


def _is_chief(callback: keras.callbacks.Callback) -> bool:
    return strategies.is_chief(callback.model.distribute_strategy)


class _EveryFewEpochs(keras.callbacks.Callback):
    """Calls `write(epoch)` every `every` epochs, and for the last epoch at the end."""

    def __init__(self, every: int):
        super().__init__()
        check_int("every", every, 1)
        self.every, self._last, self._written = every, 0, 0

    def write(self, epoch: int) -> None:
        raise NotImplementedError

    def due(self, epoch: int) -> bool:
        return epoch % self.every == 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._last = epoch + 1
        if self.due(self._last):
            self._write_once()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._write_once()

    def _write_once(self) -> None:
        if self._last != self._written and _is_chief(self):
            self.write(self._last)
        self._written = self._last


class SamplePictures(_EveryFewEpochs):
    """Writes pictures `folder/epoch_0005.png` and so on, all of the same latents.

    There is one after the first epoch, every `every` epochs, and at the end of training. A
    generator that maps samples, as pix2pix does, needs some in `real`.

        pictures = ganzoo.callbacks.SamplePictures("samples", every=5)
        gan.fit(images, epochs=50, callbacks=[pictures])

    Args:
        folder: where the pictures are written; it is made if it doesn't exist.
        every: epochs between pictures, at least 1.
        seed, count, real: see `ganzoo.reporting.plots.save_picture`.

    Raises:
        ValueError: `every` is not an int of at least 1, or, before the first step, the generator
            maps samples and `real` has none.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        every: int = 1,
        *,
        seed: int = 0,
        count: int = 64,
        real: Any = None,
    ):
        super().__init__(every)
        self.folder, self.seed, self.count, self.real = Path(folder), seed, count, real

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        mapped.check_given(self.model, self.real)

    def due(self, epoch: int) -> bool:
        return epoch == 1 or super().due(epoch)

    def write(self, epoch: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        plots.save_picture(
            self.model,
            self.folder / f"epoch_{epoch:04}.png",
            count=self.count,
            seed=self.seed,
            real=self.real,
        )


class HistoryCSV(keras.callbacks.Callback):
    """Keeps a CSV file with a row per epoch: `epoch` from 1, `seconds` it took, then the logs.

    An existing file is continued. Rows of epochs that are repeated, after a training was stopped
    between two checkpoints, are replaced. In contrast, keras.callbacks.CSVLogger counts from 0,
    writes no seconds and adds an empty `val_` column for each log.

        gan.fit(images, epochs=20, callbacks=[ganzoo.callbacks.HistoryCSV("history.csv")])

    Args:
        path: the file, in a folder that exists.

    Raises:
        OSError: the file can't be written.
    """

    def __init__(self, path: str | os.PathLike):
        super().__init__()
        self.path = Path(path)
        self._rows: list[dict[str, Any]] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self.path.exists():
            with self.path.open(newline="") as file:
                self._rows = list(csv.DictReader(file))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._began = time.perf_counter()
        self._rows = [row for row in self._rows if int(row["epoch"]) <= epoch]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = round(time.perf_counter() - self._began, 3)
        self._rows.append({"epoch": epoch + 1, "seconds": seconds, **(logs or {})})
        if not _is_chief(self):
            return
        # rewritten, because appending to a file on a full disk would leave half a row
        with files.replacing(self.path) as draft, draft.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self._rows[-1]), extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self._rows)


class StopOnInterrupt(keras.callbacks.Callback):
    """A context manager in which Ctrl-C stops training after the current step, so that the state
    after a whole step can be saved. A second Ctrl-C stops it at once.

        with StopOnInterrupt() as stop:
            gan.fit(data, callbacks=[stop])

    Attributes:
        interrupted: whether Ctrl-C was pressed.
    """

    reads_logs = False

    def __init__(self) -> None:
        super().__init__()
        self.interrupted = False

    def __enter__(self) -> StopOnInterrupt:
        self._previous = signal.getsignal(signal.SIGINT)
        # only the main thread may handle signals, and a background job ignores this one
        main = threading.current_thread() is threading.main_thread()
        self._active = main and self._previous not in (None, signal.SIG_IGN)
        if self._active:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._active:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, self._previous)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.interrupted:
            self.model.stop_training = True


class Progress(keras.callbacks.Callback):
    """Shows epoch, steps per second, time left, the verdict of a `Diagnose` whose `tell` is
    `Progress.tell`, and the losses by name: a bar on a terminal, and lines, not more often than
    every few seconds, where the output is a file or a pipe. A line after the first steps says how
    long the training will take.

    Use it as a context manager, so that the bar is removed when training fails.

    Args:
        console: where progress is shown; standard error by default.
        steps: the step at which training ends; epochs × steps per epoch by default.
        rows: the rows of the data in one step; images (or rows) per second are then shown too.

    Attributes:
        verdict: words that are shown before the losses, such as a diagnosis; a callback or the user
            may set them at any time.
    """

    SECONDS_BETWEEN_LINES = 5
    STEPS_TO_ESTIMATE = 10

    verdict = ""

    def __init__(
        self, console: Console | None = None, steps: int | None = None, rows: int | None = None
    ):
        super().__init__()
        self.console, self.steps, self.rows = console or Console(stderr=True), steps, rows
        self._bar: rich.progress.Progress | None = None

    def tell(self, diagnosis: Diagnosis) -> None:
        """Shows the verdict of a diagnosis from now on."""
        verdict = diagnosis.verdict
        self.verdict = "" if verdict == "too_early" else verdict.replace("_", " ")

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._began = time.perf_counter()
        self._printed, self._done, self._line = -math.inf, 0, ""
        # The first steps take as long as hundreds of later ones, because they are traced. With lazy
        # regularisation the second one has a trace of its own.
        self._traced = 2 if self.model.regularise_every > 1 else 1
        self._before = self.model.step if self.steps else 0  # of a training that goes on
        epochs, steps = self.params.get("epochs"), self.params.get("steps")
        self._total = self.steps or (epochs * steps if epochs and steps else None)
        if self.console.is_interactive:
            self._bar = rich.progress.Progress(
                rich.progress.TextColumn("epoch {task.fields[epoch]}"),
                rich.progress.BarColumn(bar_width=None),
                rich.progress.TextColumn("{task.fields[rate]}"),
                rich.progress.TimeRemainingColumn(compact=True),
                rich.progress.TextColumn(
                    "{task.fields[losses]}", table_column=Column(no_wrap=True, overflow="ellipsis")
                ),
                console=self.console,
                expand=True,
            )
            self._bar.start()
            waiting: dict[str, Any] = {
                "epoch": f"1/{epochs}",
                "rate": "",
                "losses": "tracing the first step",
            }
            self._task = self._bar.add_task(
                "", total=self._total, completed=self._before, **waiting
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = f"{epoch + 1}/{self.params['epochs']}"

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._done += 1
        if self._done == self._traced:
            self._began = time.perf_counter()
        if self._done == self.STEPS_TO_ESTIMATE and self._left():
            duration = _duration(self._left() / self._rate())
            self._print(f"{self._left():,} more steps will take about {duration}")
        if self._bar:
            self._bar.update(
                self._task,
                advance=1,
                epoch=self._epoch,
                rate=self._rates() if self._done > self._traced else "",
                losses=self._words(logs),
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._bar:
            return
        parts = [f"epoch {self._epoch}", f"step {self.model.step}"]
        if self._done > self._traced:
            parts.append(self._rates())
            if self._left():
                seconds = round(self._left() / self._rate())
                parts.append(f"{seconds // 60}:{seconds % 60:02} left")
        self._line = "  ".join([*parts, self._words(logs)])
        if time.perf_counter() - self._printed >= self.SECONDS_BETWEEN_LINES:
            self._print_line()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._print_line()
        self._close()

    def _left(self) -> int:
        """The steps to come; 0 if that is not known."""
        return max(self._total - self._before - self._done, 0) if self._total else 0

    def _rate(self) -> float:
        return (self._done - self._traced) / max(time.perf_counter() - self._began, 1e-9)

    def _rates(self) -> str:
        rate = self._rate()
        if not self.rows:
            return f"{rate:.3g} steps/s"
        what = "images" if self.model.spec.is_image else "rows"
        return f"{rate:.3g} steps/s  {rate * self.rows:,.0f} {what}/s"

    def _words(self, logs: dict[str, Any] | None) -> str:
        losses = [f"{name} {float(value):.3f}" for name, value in (logs or {}).items()]
        return "  ".join([*filter(None, [self.verdict]), *losses])

    def _print_line(self) -> None:
        if self._line:
            self._print(self._line)
        self._line, self._printed = "", time.perf_counter()

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _close(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None


def _duration(seconds: float) -> str:
    """A duration in words, in its two largest units at most."""

    def counted(number: int, unit: str) -> str:
        return f"{number} {unit}{'s' * (number != 1)}"

    if seconds < 90:
        return counted(max(round(seconds), 1), "second")
    minutes = round(seconds / 60)
    if minutes < 90:
        return counted(minutes, "minute")
    return f"{counted(minutes // 60, 'hour')} and {counted(minutes % 60, 'minute')}"
