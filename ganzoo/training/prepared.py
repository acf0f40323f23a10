"""One training that fills the folder of a run, checked before the folder is made."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from ganzoo import data
from ganzoo.devices import strategies
from ganzoo.evaluation import SampleQuality, TooFew, quality
from ganzoo.reporting import plots
from ganzoo.training import callbacks
from ganzoo.training.folder import Run

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

STEPS = 1600  # enough for recognisable digits; a minute or two on two cores
PICTURES = 10
HELD_OUT = 8  # rows that a game on several samples shows in its pictures and never trains on
EXPORTED = ("tf_saved_model", "onnx")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C stopped a training.

    Attributes:
        run: its folder, with what was saved before.
        finished: whether all steps were made and the model was saved, so that there is nothing
            for `resume` to do.
    """

    def __init__(self, message: str, run: Run, finished: bool = False):
        super().__init__(message)
        self.run, self.finished = run, finished


def is_finished(run: Run, gan: GAN, last_step: int) -> bool:
    curve = run.curve
    stopped = run.stopped_early and curve and curve.last and curve.last.step == gan.step
    made = gan.step >= last_step or stopped
    return bool(made) and (run.path / "model.keras").exists()


def length(
    epochs: int | None, steps: int | None, steps_per_epoch: int | None
) -> tuple[int, int, int]:
    """(epochs, steps per epoch, last step) of a training of so many epochs or steps."""
    known = steps_per_epoch or 100  # a data set of unknown length is repeated
    if steps is not None:
        return -(-steps // known), min(known, steps), steps
    epochs = epochs or max(1, round(STEPS / known))
    return epochs, known, epochs * known


@dataclasses.dataclass(frozen=True)
class Training:
    """A GAN, the data and the length of its training, all checked before a folder is made."""

    gan: GAN
    examples: Any
    real: Any  # what the pictures show of the data, see `plots.save_picture`
    batch_size: int | None
    epochs: int
    steps_per_epoch: int
    last_step: int
    rows_per_step: int
    quality: SampleQuality | None = None  # None: no best GAN is kept
    patience: int | None = None

    @classmethod
    def of(
        cls,
        gan: GAN,
        examples: Any,
        value_range: tuple[float, float] | None,
        batch_size: int | None,
        epochs: int | None,
        steps: int | None,
        metric: str,
        patience: int | None,
    ) -> Training:
        """Builds the GAN for the data.

        The data are batched as `gan.fit` will batch them, so that data that can't be trained on are
        refused now.
        """
        shown = examples
        several = gan.latent_dim is None  # it maps samples, and its picture shows held-out ones
        if several:
            examples, shown = data.held_out(examples, HELD_OUT)
        real: Any = None
        with data.clear_errors():
            stream = gan.batches(examples, batch_size=batch_size, value_range=value_range)
            if not gan.built:
                gan.build_for(stream.fields)
            if several:
                real = _rows(gan, shown, HELD_OUT, value_range, shuffle=False)
            elif not stream.spec.is_image:
                rows = _rows(gan, shown, plots.POINTS, value_range, shuffle=True)
                real = rows[stream.sample_name]
        planned = length(epochs, steps, stream.steps_per_epoch)
        rows = stream.dataset.element_spec[stream.sample_name].shape[0]
        measured = _quality(gan, examples, shown, metric, patience, value_range)
        return cls(gan, examples, real, batch_size, *planned, rows, measured, patience)

    def run_in(self, run: Run, export: bool, console: Console | None) -> None:
        """Trains to the last step and exports. An error gets a note that says what is kept."""
        gan = self.gan
        writes = strategies.is_chief(gan.distribute_strategy)
        try:
            with locked(run) if writes else contextlib.nullcontext():
                best = self._fit(run, console)
                for format in EXPORTED if export and writes else ():
                    with _status(console, f"exporting {format}"):
                        run.export(best, format)
                # The others wait for the chief: a worker that ends early would count as lost.
                with contextlib.suppress(*[strategies.WorkerLost] * writes):
                    strategies.check_together(gan.distribute_strategy, gan.step)
        except KeyboardInterrupt as stop:
            if not gan.step:
                if run.is_new:
                    run.discard()
                raise
            if isinstance(stop, Interrupted):
                raise
            raise self._interrupted(run) from None
        except _Busy:
            raise
        except BaseException as error:
            if gan.step:
                error.add_note(f"{run.path} keeps what was written up to then.")
            elif run.is_new:
                run.discard()
            raise

    def _fit(self, run: Run, console: Console | None) -> GAN:
        """Trains, and writes model, pictures and history to the run even if Ctrl-C stops it.
        Returns the best GAN on the chief, and the trained one on other workers."""
        gan = best = self.gan
        every = max(1, round(self.epochs / PICTURES))
        writes = strategies.is_chief(gan.distribute_strategy)
        checkpoints = run.checkpoints
        checkpoints.every = every
        stop = callbacks.StopOnInterrupt()
        watching = [
            callbacks.StopAtStep(self.last_step),
            stop,
            callbacks.HistoryCSV(run.path / "history.csv"),
            callbacks.SamplePictures(run.path / "samples", every, real=self.real),
        ]
        if self.quality is not None:
            path = run.path / "best.keras"
            watching.append(
                callbacks.BestSamples(path, self.quality, every=every, patience=self.patience)
            )
        with contextlib.ExitStack() as active:
            active.enter_context(stop)
            diagnose = callbacks.Diagnose(run.path / "signals.csv")
            watching.append(diagnose)
            if console is not None:
                progress = callbacks.Progress(console, self.last_step, self.rows_per_step)
                watching.append(active.enter_context(progress))
                diagnose.tell = progress.tell
            try:
                gan.fit(
                    self.examples,
                    epochs=self.epochs if gan.step < self.last_step else 0,
                    batch_size=self.batch_size,
                    steps_per_epoch=self.steps_per_epoch,
                    callbacks=watching,
                    checkpoint=checkpoints,
                    verbose=0,
                )
                if writes:
                    gan.save(run.path / "model.keras")  # first, because the disk may be nearly full
                    if run.model.name == "best.keras":
                        best = run.load()
                    plots.save_picture(best, run.path / "samples.png", real=self.real)
            finally:
                if writes and (history := run.history):
                    plots.save_history(history, run.path / "losses.png")
                if writes and (curve := run.curve):
                    points = [
                        {"epoch": row.epoch, "best so far": row.best, curve.metric: row.value}
                        for row in curve.rows
                    ]
                    plots.save_history(points, run.path / "best.png")
        if stop.interrupted:
            raise self._interrupted(run)
        return best

    def _interrupted(self, run: Run) -> Interrupted:
        finished = is_finished(run, self.gan, self.last_step)
        message = f"stopped at step {self.gan.step} of {self.last_step}."
        return Interrupted(message, run, finished)


class _Busy(ValueError):
    """Another process is training this run."""


@contextlib.contextmanager
def locked(run: Run) -> Iterator[None]:
    """Prevents a second process from training the same run. The lock ends with this process, in
    whatever way that ends. On a system without such locks, nothing is prevented."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with (run.path / "config.json").open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _Busy(f"{run.path} is being trained by another process: wait for it.") from None
        except OSError:  # a file system without locks
            pass
        yield


def _rows(
    gan: GAN, examples: Any, most: int, value_range: tuple[float, float] | None, shuffle: bool
) -> dict[str, np.ndarray]:
    """At most so many rows of each sample that the GAN plays on."""
    found = gan.batches(
        examples, batch_size=1, steps=1, replicas=1, shuffle=shuffle, value_range=value_range
    )
    rows = list(found.dataset.take(min(most, found.steps_per_epoch or most)))
    names = [name for name, field in found.fields.items() if not field.is_label]
    return {name: np.concatenate([row[name] for row in rows]) for name in names}


def _quality(
    gan: GAN,
    examples: Any,
    held_out: Any,
    metric: str,
    patience: int | None,
    value_range: tuple[float, float] | None,
) -> SampleQuality | None:
    """What measures the samples during training; None if that is not asked for, or if nothing was
    asked for and the data have too few rows.

    Outputs are compared with their targets on the rows that aren't trained on. These are too few
    for the metrics of features.
    """
    if metric == "none":
        return None
    chosen = quality.suitable_metric(metric, gan)
    rows = held_out if quality.METRICS[chosen].measure is None else examples
    try:
        with data.clear_errors():
            return SampleQuality(gan, rows, metric=chosen, value_range=value_range)
    except TooFew:
        if metric != "auto" or patience is not None:
            raise
        return None


def _status(console: Console | None, text: str) -> contextlib.AbstractContextManager[Any]:
    return console.status(text) if console else contextlib.nullcontext()
