"""The callback that records the signals of a training and diagnoses it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ganzoo.data.checks import check_int
from ganzoo.devices import strategies
from ganzoo.diagnosis import Diagnosis, Recorder, signals

Rows = Mapping[str, tf.Tensor]
EVERY = 100


class Diagnose(keras.callbacks.Callback):
    """Records the signals of a training, from which `gan.diagnose()` and `ganzoo diagnose` tell
    whether it is healthy. It changes nothing of the training.

        gan.fit(data, epochs=20, callbacks=[ganzoo.callbacks.Diagnose("signals.csv")])
        print(gan.diagnose())

    A record takes about as long as a step, so that one in 100 steps costs less than 3% of the time.
    With `validation_data` it also records how held-out rows are judged, which overfitting needs.

    Args:
        path: a CSV file for the signals, which is continued if it exists; None: in memory only.
        every: steps between records. The first is that of the first step, and there are four
            times as many up to step `every`.
        tell: called with the `Diagnosis` whenever its verdict changes.

    Raises:
        ValueError: `every` is not an int of at least 1, or the file can't be read.
    """

    reads_logs = False

    def __init__(
        self,
        path: str | os.PathLike | None = None,
        every: int = EVERY,
        tell: Callable[[Diagnosis], None] | None = None,
    ):
        super().__init__()
        check_int("every", every, 1)
        self.recorder = Recorder(None if path is None else Path(path))
        self.every, self.tell = every, tell
        self._verdict = ""
        self._seen: Callable[[], Rows | None] | None = None
        self._held_out: Callable[[], Rows] | None = None

    def watch(
        self, seen: Callable[[], Rows | None], held_out: Callable[[], Rows] | None = None
    ) -> None:
        """Called by `fit` with functions that return rows of the training and the held-out data."""
        self._seen, self._held_out = seen, held_out

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._writes = strategies.is_chief(self.model.distribute_strategy)
        self.recorder.begin(self.model.step)
        self.model.recorder = self.recorder
        self._before: Mapping[str, list[tf.Tensor]] | None = None
        self._last = self.model.step

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._began = self.model.step

    def _is_due(self, step: int) -> bool:
        # More often at first, so that a short training can be judged.
        every = self.every if step > self.every else max(1, self.every // 4)
        return step == 1 or step // every > self._last // every

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        single = self.model.steps_per_execution == 1
        if self._writes and single and self._is_due(self._began + batch + 1):
            self._before = signals.weights(self.model)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        step = self._began + batch + 1
        if not self._writes or self._seen is None or not self._is_due(step):
            return
        self._last = step
        row = self.recorder.record(self.model, self._seen, self._held_out, self._before)
        self._before = None
        if row is None:
            return
        self.recorder.write(always=False)
        if self.tell and (found := self.model.diagnose()).verdict != self._verdict:
            self._verdict = found.verdict
            self.tell(found)

    def diverged(self) -> None:
        """Called by `fit` when training stops because a number is not finite."""
        if self._writes:
            self.recorder.diverged(self.model.step)
            self.recorder.write()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._writes:
            self.recorder.write()
