"""The callback that shows a training in TensorBoard, and how to use other trackers.

Weights & Biases and MLflow have Keras callbacks of their own, which work as they are:

    import wandb
    from wandb.integration.keras import WandbMetricsLogger

    with wandb.init(project="gans", config={"gan": "lsgan"}):
        gan.fit(images, epochs=20, callbacks=[best, WandbMetricsLogger()])

    import mlflow

    with mlflow.start_run() as run:
        gan.fit(images, epochs=20, callbacks=[best, mlflow.keras.MlflowCallback(run)])

Here `best = ganzoo.callbacks.BestSamples("best.keras", images)` adds its metric to the logs of all
callbacks that come after it. WandbMetricsLogger says that it can't log the learning rate, because a
GAN has one for each player; it logs everything else.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo.data.checks import check_int
from ganzoo.devices import strategies
from ganzoo.foundation import schedules
from ganzoo.reporting import mapped, plots


class TensorBoard(keras.callbacks.Callback):
    """Writes logs, sample pictures and hyper-parameters for TensorBoard, by step.

        tensorboard = ganzoo.callbacks.TensorBoard("logs/first")
        gan.fit(images, epochs=20, callbacks=[tensorboard])

    Then `tensorboard --logdir logs` compares all trainings in that folder. The logs are those of
    each epoch, with what callbacks earlier in the list added; the signals that
    `ganzoo.callbacks.Diagnose` records have `signals/` before their names. The package tensorboard
    is needed (the extra [tensorboard]).

    keras.callbacks.TensorBoard works too, but reads the logs after each step, which slows training
    down, and knows neither pictures of samples nor the hyper-parameters of a GAN.

    Of several workers only the chief writes.

    Args:
        folder: the folder of this training. If it exists, the training is continued in it.
        every: epochs between pictures. There is one after the first epoch and one at the end too.
        seed, count, real: see `ganzoo.reporting.plots.save_picture`. A generator that maps samples,
            as pix2pix does, needs some in `real`.

    Raises:
        ValueError: `every` is not an int of at least 1, tensorboard is not installed, or, before
            the first step, the generator maps samples and `real` has none.
    """

    reads_logs = False

    def __init__(
        self,
        folder: str | os.PathLike,
        every: int = 1,
        *,
        seed: int = 0,
        count: int = 64,
        real: Any = None,
    ):
        super().__init__()
        check_int("every", every, 1)
        if importlib.util.find_spec("tensorboard") is None:
            raise ValueError(
                "tensorboard is not installed, and this callback needs it: pip install tensorboard"
            )
        self.folder, self.every = Path(folder), every
        self.seed, self.count, self.real = seed, count, real
        self._writer: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        gan = self.model
        mapped.check_given(gan, self.real)
        self._shown, self._signalled = gan.step, gan.step
        if not strategies.is_chief(gan.distribute_strategy):
            return
        from tensorboard.plugins.hparams import api

        self._writer = tf.summary.create_file_writer(str(self.folder))
        chosen = {key: getattr(gan, key) for key in gan.hyperparameters()}
        with self._writer.as_default():
            api.hparams(
                {"gan": gan.registry_name} | {key: _plain(value) for key, value in chosen.items()},
                trial_id=self.folder.name,
                start_time_secs=time.time(),
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._writer is None:
            return
        step = self.model.step
        with self._writer.as_default():
            for name, value in (logs or {}).items():
                tf.summary.scalar(name, float(value), step)
            self._write_signals()
        if epoch == 0 or (epoch + 1) % self.every == 0:
            self._write_picture()
        self._writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._writer is None:
            return
        self._write_picture()
        self._writer.close()
        self._writer = None

    def _write_signals(self) -> None:
        recorder = self.model.recorder
        for row in recorder.rows if recorder else []:
            if (step := int(row["step"])) > self._signalled:
                self._signalled = step
                for name, value in row.items():
                    if name != "step":
                        tf.summary.scalar(f"signals/{name}", float(value), step)

    def _write_picture(self) -> None:
        from PIL import Image

        gan = self.model
        if self._shown == gan.step:
            return
        self._shown = gan.step
        with tempfile.TemporaryDirectory() as folder, self._writer.as_default():
            path = Path(folder) / "samples.png"
            plots.save_picture(gan, path, count=self.count, seed=self.seed, real=self.real)
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            tf.summary.image("samples", pixels[None], gan.step)


def _plain(value: Any) -> bool | int | float | str:
    """A hyper-parameter as TensorBoard can show it."""
    return value if isinstance(value, bool | int | float) else schedules.written(value)
