"""What watches a training run: Keras callbacks, for `gan.fit(..., callbacks=[...])`.

Of several workers only the chief writes and shows anything.
"""

from __future__ import annotations

import csv
import math
import os
import signal
import threading
import time
from pathlib import Path

import keras
import rich.progress
from rich.console import Console
from rich.table import Column

from ganzoo.devices import strategies
from ganzoo.foundation import files
from ganzoo.reporting import plots
from ganzoo.training.checkpoints import Checkpoints, StopAtStep

__all__ = [
    "Checkpoints",
    "Diverged",
    "HistoryCSV",
    "Progress",
    "SamplePictures",
    "StopAtStep",
    "StopOnDivergence",
    "StopOnInterrupt",
]


class Diverged(RuntimeError):
    """A loss is no longer finite, so nothing that follows means anything."""


def _is_chief(callback: keras.callbacks.Callback) -> bool:
    return strategies.is_chief(callback.model.distribute_strategy)


class _EveryFewEpochs(keras.callbacks.Callback):
    """Calls `write(epoch)` every `every` epochs, and for the last epoch at the end."""

    def __init__(self, every: int):
        super().__init__()
        if every < 1:
            raise ValueError(f"every={every!r} won't do: it takes an int of at least 1.")
        self.every, self._last, self._written = every, None, None

    def write(self, epoch: int) -> None:
        raise NotImplementedError

    def due(self, epoch: int) -> bool:
        return epoch % self.every == 0

    def on_epoch_end(self, epoch, logs=None):
        self._last = epoch + 1
        if self.due(self._last):
            self._write_once()

    def on_train_end(self, logs=None):
        self._write_once()

    def _write_once(self):
        if self._last != self._written and _is_chief(self):
            self.write(self._last)
        self._written = self._last


class SamplePictures(_EveryFewEpochs):
    """Writes `folder/epoch_0005.png` and so on, each of the same latents, so that one can watch
    them change: after the first epoch, every `every` epochs and at the end.

    Args:
        every: epochs between pictures.
        seed, count, real: see `ganzoo.reporting.plots.save_picture`.
    """

    def __init__(self, folder: str | os.PathLike, every: int = 1, *, seed=0, count=64, real=None):
        super().__init__(every)
        self.folder, self.seed, self.count, self.real = Path(folder), seed, count, real

    def due(self, epoch):
        return epoch == 1 or super().due(epoch)

    def write(self, epoch):
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

    A file that is there is continued; rows of epochs that are made again, after a training died
    between two checkpoints, are replaced. keras.callbacks.CSVLogger counts from 0, knows no seconds
    and adds an empty `val_` column for each log.
    """

    def __init__(self, path: str | os.PathLike):
        super().__init__()
        self.path, self._rows = Path(path), []

    def on_train_begin(self, logs=None):
        if self.path.exists():
            with self.path.open(newline="") as file:
                self._rows = list(csv.DictReader(file))

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.perf_counter()
        self._rows = [row for row in self._rows if int(row["epoch"]) <= epoch]

    def on_epoch_end(self, epoch, logs=None):
        seconds = round(time.perf_counter() - self._began, 3)
        self._rows.append({"epoch": epoch + 1, "seconds": seconds, **(logs or {})})
        if not _is_chief(self):
            return
        # written anew, since a full disk would leave half a row at the end of an appended file
        with files.replacing(self.path) as draft, draft.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self._rows[-1]), extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self._rows)


class StopOnDivergence(keras.callbacks.Callback):
    """Raises `Diverged` after the first step with a loss that is not finite.

    keras.callbacks.TerminateOnNaN looks only at a log called "loss", which GANs don't have.
    """

    def on_train_batch_end(self, batch, logs=None):
        for name, value in (logs or {}).items():
            if not math.isfinite(value):
                raise Diverged(
                    f"training diverged at step {self.model.step}, where {name} became "
                    f"{float(value)}: try lower learning rates or a penalty."
                )


class StopOnInterrupt(keras.callbacks.Callback):
    """While entered, Ctrl-C ends training after the step in hand, so that what is then saved is
    the state after a whole step; a second Ctrl-C ends it at once.

        with StopOnInterrupt() as stop:
            gan.fit(data, callbacks=[stop])

    Attributes:
        interrupted: whether Ctrl-C was pressed.
    """

    def __init__(self):
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

    def __exit__(self, *exception) -> None:
        if self._active:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, number, frame) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, self._previous)

    def on_train_batch_end(self, batch, logs=None):
        if self.interrupted:
            self.model.stop_training = True


class Progress(keras.callbacks.Callback):
    """Shows epoch, steps per second, time left and the losses: a bar on a terminal, and lines,
    not more often than every few seconds, where the output is a file or a pipe.

    Use it as a context manager, or the bar stays up when training fails.

    Args:
        console: where to show it.
        steps: how many steps there will be, where it isn't epochs × steps per epoch.
    """

    SECONDS_BETWEEN_LINES = 5

    def __init__(self, console: Console | None = None, steps: int | None = None):
        super().__init__()
        self.console, self.steps = console or Console(stderr=True), steps
        self._bar = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception) -> None:
        self._close()

    def on_train_begin(self, logs=None):
        self._began = time.perf_counter()
        self._printed, self._done, self._line = -math.inf, 0, ""
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
            # the first step takes as long as hundreds of others
            waiting = {"epoch": f"1/{epochs}", "rate": "", "losses": "tracing the first step"}
            self._task = self._bar.add_task(
                "", total=self._total, completed=self._before, **waiting
            )

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = f"{epoch + 1}/{self.params['epochs']}"

    def on_train_batch_end(self, batch, logs=None):
        self._done += 1
        if self._done == 1:
            self._began = time.perf_counter()
        if self._bar:
            self._bar.update(
                self._task,
                advance=1,
                epoch=self._epoch,
                rate=f"{self._rate():.3g} steps/s" if self._done > 1 else "",
                losses=self._losses(logs),
            )

    def on_epoch_end(self, epoch, logs=None):
        if self._bar:
            return
        parts = [f"epoch {self._epoch}", f"step {self.model.step}"]
        if self._done > 1:
            parts.append(f"{self._rate():.3g} steps/s")
            if self._total and (steps := self._total - self._before - self._done) > 0:
                left = round(steps / self._rate())
                parts.append(f"{left // 60}:{left % 60:02} left")
        self._line = "  ".join([*parts, self._losses(logs)])
        if time.perf_counter() - self._printed >= self.SECONDS_BETWEEN_LINES:
            self._print_line()

    def on_train_end(self, logs=None):
        self._print_line()
        self._close()

    def _rate(self) -> float:
        return (self._done - 1) / max(time.perf_counter() - self._began, 1e-9)

    @staticmethod
    def _losses(logs) -> str:
        return "  ".join(f"{name} {float(value):.3f}" for name, value in (logs or {}).items())

    def _print_line(self) -> None:
        if self._line:
            self.console.print(self._line, markup=False, highlight=False, soft_wrap=True)
        self._line, self._printed = "", time.perf_counter()

    def _close(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None
