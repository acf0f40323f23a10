"""The callback that keeps the best GAN of a training, and stops when it no longer improves."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path
from typing import Any

import keras

from ganzoo.data.checks import check_int
from ganzoo.devices import strategies
from ganzoo.evaluation import quality
from ganzoo.evaluation.quality import SampleQuality
from ganzoo.foundation import keras_compat
from ganzoo.training.curve import Curve, Measurement


class BestSamples(keras.callbacks.Callback):
    """Measures the samples every few epochs and at the end of training, and keeps the best GAN in a
    file, so that a collapse later in training costs nothing.

        best = ganzoo.callbacks.BestSamples("best.keras", images, patience=5)
        gan.fit(images, epochs=100, callbacks=[best])
        gan = ganzoo.load("best.keras")

    All measurements use the same real rows and the same latents, and change no draw and no weight
    of the training. The file is written whole or not at all, and a CSV file with the same stem
    holds a row per measurement: `step`, `epoch`, the metric, `best` (its best value so far) and
    `seconds` (what measuring and saving took). The logs of an epoch have the metric too, for all
    callbacks that come later in the list. A value that is NaN is never the best.

    A training that continues from a checkpoint continues the CSV file: rows that are newer than the
    checkpoint are dropped and measured again. The file of the best GAN may come from such a newer
    step. It is replaced as soon as a measurement is better than all remaining rows.

    Of several workers the chief measures and writes.

    Args:
        path: a `.keras` file for the best GAN, which is replaced if it exists.
        x, y, value_range: data as in `gan.fit`: the training data, or better held-out data where
            the generator maps given samples. Or a `ganzoo.evaluation.SampleQuality` as `x`, which
            brings all of the arguments below but `every`, `patience` and `restore`.
        metric, samples, extractor, seed: see `ganzoo.evaluation.SampleQuality`.
        every: epochs between measurements.
        patience: training stops after so many measurements in succession that are not better than
            the best one; None never stops it.
        restore: whether the GAN becomes the best one at the end. It is then exactly the GAN of the
            file: the weights, their averages, the state of the game and of both optimizers, and the
            step are those of the best step. A further `fit` continues from there, and drops the
            later rows of the curve; with `checkpoint=` it continues from the newest checkpoint
            instead. Not possible with several workers.

    Attributes:
        curve: all measurements, a `ganzoo.training.curve.Curve`.

    Raises:
        ValueError: an argument is not valid, or, before the first step, the data don't fit the GAN
            or are too few.
    """

    reads_logs = False

    def __init__(
        self,
        path: str | os.PathLike,
        x: Any,
        y: Any = None,
        *,
        metric: str = "auto",
        every: int = 1,
        samples: int = quality.SAMPLES,
        patience: int | None = None,
        restore: bool = False,
        extractor: Any = None,
        value_range: tuple[float, float] | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.path = Path(path)
        if self.path.suffix != ".keras":
            raise ValueError(f"{str(path)!r} is no name for a saved model: end it in .keras.")
        check_int("every", every, 1)
        if patience is not None:
            check_int("patience", patience, 1)
        quality.check_metric(metric)
        check_int("samples", samples, quality.LEAST)
        check_int("seed", seed, 0, 2**63 - 1)
        options = {
            "metric": metric, "samples": samples, "extractor": extractor,
            "value_range": value_range, "seed": seed,
        }  # fmt: skip
        self._quality = x if isinstance(x, SampleQuality) else None
        given = [key for key, value in options.items() if value != _default(key)]
        if self._quality and (given or y is not None):
            raise ValueError(
                f"{[*given, 'y'][0]}= was given with a SampleQuality, which has its own: leave it "
                "out."
            )
        self._data, self._options = (x, y), options
        self.every, self.patience, self.restore = every, patience, restore
        self.curve = Curve(self._quality.metric if self._quality else metric)

    @property
    def csv(self) -> Path:
        """The file of the curve."""
        return self.path.with_suffix(".csv")

    @property
    def is_over(self) -> bool:
        """Whether `patience` is exhausted."""
        return self.patience is not None and self.curve.since_best >= self.patience

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        gan = self.model
        strategy = gan.distribute_strategy
        if self.restore and strategies.workers(strategy) > 1:
            raise ValueError(
                f"restore=True works with one worker only: load {self.path} after training instead."
            )
        if self._quality is None:
            self._quality = SampleQuality(gan, *self._data, **self._options)
        self._writes = strategies.is_chief(strategy)
        self.curve = Curve(self._quality.metric)
        if self._writes:
            self.path.parent.mkdir(parents=True, exist_ok=True)  # fail now, not after an epoch
            self.curve = self._continued(gan.step)
        self._stop_if_over()
        self._skips = gan.stop_training
        if self._skips:  # Keras would make one more step before it looks
            keras_compat.begin_at(gan, self.params["epochs"])
        self._epoch = self.curve.last.epoch if self.curve.last else 0

    def _continued(self, step: int) -> Curve:
        """What the file holds of the training up to `step`."""
        empty = self.curve
        if not step or not self.csv.exists():
            return empty
        found = Curve.read(self.csv)
        if found.metric != empty.metric:
            raise ValueError(
                f"{self.csv} holds {found.metric} and not {empty.metric}: name another file, or "
                f"choose {found.metric}."
            )
        found = found.up_to(step)
        return found if found.best is None or self.path.exists() else empty

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch + 1
        if self._epoch % self.every == 0:
            self._measure(logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        gan = self.model
        if self._skips:
            keras_compat.begin_at(gan, 0)
        last, best = self.curve.last, self.curve.best
        if gan.step and (last is None or last.step != gan.step):
            self._measure(None)
            best = self.curve.best
        if self.restore and best and best.step != gan.step:
            with warnings.catch_warnings():
                # Keras skips variables that the file lacks, such as an optimizer's state
                warnings.filterwarnings("error", "Skipping (nested|variable)", UserWarning)
                gan.load_weights(self.path)

    def _measure(self, logs: dict[str, Any] | None) -> None:
        if self._writes:
            assert self._quality is not None  # made when training began
            gan, best, began = self.model, self.curve.best, time.perf_counter()
            value = self._quality(gan)
            so_far = best.best if best else float("nan")
            if self._quality.better(value, so_far):
                gan.save(self.path)
                so_far = value
            seconds = round(time.perf_counter() - began, 3)
            row = Measurement(gan.step, self._epoch, value, so_far, seconds)
            self.curve = Curve(self.curve.metric, (*self.curve.rows, row))
            self.curve.write(self.csv)
            if logs is not None:
                logs[self.curve.metric] = value
        self._stop_if_over()

    def _stop_if_over(self) -> None:
        if self.patience is None:
            return
        strategy = self.model.distribute_strategy
        if strategies.from_chief(strategy, self._writes and self.is_over):
            self.model.stop_training = True


def _default(option: str) -> Any:
    return {"metric": "auto", "samples": quality.SAMPLES, "seed": 0}.get(option)
