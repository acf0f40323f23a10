"""Training that fills the folder of a run: pictures, history, checkpoints, model and exports.

    run = runs.train("lsgan", "mnist5k")
    run = runs.resume("runs/lsgan-mnist5k-001")  # if it was stopped

`ganzoo.training.folder` describes what the folder holds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

import ganzoo
from ganzoo import data, networks
from ganzoo.data.checks import check_int
from ganzoo.devices import strategies
from ganzoo.foundation import registry, schedules
from ganzoo.reporting import plots
from ganzoo.training import callbacks, checkpoints
from ganzoo.training.checkpoints import Checkpoints
from ganzoo.training.folder import NEEDED, Run, check_free

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

__all__ = ["STEPS", "Interrupted", "Run", "load", "resume", "train"]

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


def load(path: str | os.PathLike) -> GAN:
    """Loads the GAN of a run's folder or of a `.keras` file.

    Raises:
        FileNotFoundError: `path` doesn't exist.
        ValueError: it is neither, it is damaged, or the run holds no saved GAN yet.
    """
    return Run.at(path).load() if Path(path).is_dir() else ganzoo.load(path)


def train(
    name: str,
    dataset: str | None = None,
    *,
    hyperparameters: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    size: tuple[int, int] | None = None,
    fit: str = "crop",
    flip: bool = False,
    value_range: tuple[float, float] | None = None,
    out: str | os.PathLike | None = None,
    root: str | os.PathLike = "runs",
    export: bool = True,
    strategy: tf.distribute.Strategy | None = None,
    command: str | None = None,
    console: Console | None = None,
) -> Run:
    """Trains the GAN `name` on the data set `dataset` and writes all results to a folder.

    Arguments are checked before the folder is made, and a training that fails before its first
    step leaves no folder.

    Args:
        name: a name of the registry, as in `ganzoo.get`.
        dataset: a data set, as in `ganzoo.data.load`; by default the GAN's own, `default_data`.
            Of data of several columns, such as pairs, the first eight rows (of few data at most a
            tenth of them) are held out of training, and the pictures show them.
        hyperparameters: as in `ganzoo.get`.
        epochs: passes over the data; by default as many as make about 1,600 steps.
        steps: generator updates, in place of `epochs`.
        batch_size: rows of each update; 64 by default.
        size, fit, flip: how images are resized and whether they are mirrored too, see
            `ganzoo.data.load`.
        value_range: (low, high), the values that are black and white, if images are neither bytes
            nor in [-1, 1].
        out: the run's folder, which must be new or empty; by default the next of
            `root/name-dataset-001`, `-002` and so on.
        root: where the folder is made if `out` is None.
        export: whether to export the generator as SavedModel and ONNX.
        strategy: the distribution strategy, see `ganzoo.strategies`. Several workers need `out`, a
            folder that all of them share; only the chief writes to it.
        command: the command line that the user typed, for the record.
        console: where progress is shown; None shows nothing.

    Returns:
        The run. Its `load` gives the trained GAN.

    Raises:
        ValueError: an argument is not valid; the message says what to change.
        OSError: the disk is full, read-only or otherwise refuses.
        callbacks.Diverged: a loss became NaN or infinite; the run keeps its last checkpoint.
        Interrupted: Ctrl-C was pressed; the run has everything but the exports.
    """
    for key, value in (("epochs", epochs), ("steps", steps)):
        if value is not None:
            check_int(key, value, 1)
    if epochs is not None and steps is not None:
        raise ValueError("epochs and steps were both given: leave one out.")
    strategy = strategy or tf.distribute.get_strategy()
    writes = strategies.is_chief(strategy)
    if out is None and strategies.workers(strategy) > 1:
        raise ValueError("several workers train one run: name a folder that all share in out.")
    if out is not None and writes:
        check_free(out)
    with strategy.scope():
        gan = ganzoo.get(name, **(hyperparameters or {}))
    how = {"size": size, "fit": fit, "flip": flip}
    dataset = gan.default_data if dataset is None else dataset
    training = _Training.of(gan, dataset, how, value_range, batch_size, epochs, steps)
    config = {
        "gan": name,
        "hyperparameters": {key: getattr(gan, key) for key in gan.hyperparameters()},
        "data": dataset,
        **how,
        "value_range": value_range,
        "networks": _networks(gan),
        "epochs": training.epochs,
        "steps": training.last_step,
        "batch_size": batch_size or 64,
        "replicas": strategy.num_replicas_in_sync,
        "command": command,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": {module.__name__: module.__version__ for module in (ganzoo, tf, keras, np)}
        | {"python": platform.python_version()},
    }
    if not out:
        run = Run.create(root, f"{name}-{dataset}", config)
    else:
        run = Run.new(out, config) if writes else Run(Path(out))
    if console is not None:
        _say_networks(gan, dataset, console)
    training.run_in(run, export, console)
    return run


def resume(
    path: str | os.PathLike,
    *,
    export: bool = True,
    strategy: tf.distribute.Strategy | None = None,
    console: Console | None = None,
) -> Run:
    """Continues a run that was killed, interrupted or ran out of disk space, up to the last step
    that it was begun with.

    Training continues from the newest undamaged checkpoint, or from the start if there is none.
    The weights are those of a training without the break, bit for bit under the conditions that
    `ganzoo.checkpoints` names. Rows of history.csv that are newer than the checkpoint are replaced.

    Args:
        path: the run's folder.
        export: as in `train`.
        strategy: as in `train`. It may differ from the strategy before; with the same batch size
            the weights are then the same up to rounding.
        console: as in `train`.

    Returns:
        The run.

    Raises:
        ValueError: the folder is no run, the run has made all of its steps, another process is
            training it, or its data, checkpoints or configuration can't be read.
        OSError, callbacks.Diverged, Interrupted: as in `train`.
    """
    run = Run.at(path)
    config = run.config
    if missing := [key for key in NEEDED if key not in config]:
        raise run.unreadable(f"it has no {missing[0]}")
    run.history  # noqa: B018  a history that can't be read is refused before any step
    name, steps = config["gan"], config["steps"]
    read = {key: config[key] and tuple(config[key]) for key in ("size", "value_range")}
    chosen = _as_given(name, config["hyperparameters"])
    if chosen.get("architecture") == "own":
        raise ValueError(
            f"{run.path} was trained with networks of your own, which its configuration can't "
            "hold: continue in Python, with gan.fit(..., checkpoint=…)."
        )
    with (strategy or tf.distribute.get_strategy()).scope():
        gan = ganzoo.get(name, **chosen)
    checkpoints.at(run.checkpoints).restore(gan)
    if _is_finished(run, gan, steps):
        raise ValueError(f"{run.path} has made all of its {steps} steps: train a new run.")
    how = {"size": read["size"]} | {key: config[key] for key in ("fit", "flip") if key in config}
    value_range, batch_size = read["value_range"], config["batch_size"]
    training = _Training.of(gan, config["data"], how, value_range, batch_size, None, steps)
    if console is not None:
        console.print(f"continuing from step {gan.step:,} of {steps:,}")
    training.run_in(run, export, console)
    return run


def _as_given(name: str, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """The hyper-parameters of a config.json, with their schedules parsed."""
    declared = registry.find(name).hyperparameters()

    def read(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: read(member) for key, member in value.items()}
        return schedules.parse(value) if isinstance(value, str) else value

    return {
        key: read(value) if key in declared and (declared[key].scheduled or isinstance(value, dict))
        else value
        for key, value in hyperparameters.items()
    }  # fmt: skip


def _networks(gan: GAN) -> str:
    """The name of the architecture that `gan` trains; "own" for the user's own networks."""
    if gan.architecture != "auto":
        return gan.architecture
    if gan.architecture_of_images not in networks.NAMED:  # networks that only this game has
        return gan.architecture_of_images
    chosen = networks.choose("auto", gan.spec.shape, gan.architecture_of_images)
    return next(name for name, module in networks.NAMED.items() if module is chosen)


def _say_networks(gan: GAN, dataset: str, console: Console) -> None:
    """Says which networks are trained, and why if these are not the paper's."""
    name, papers, why = _networks(gan), gan.architecture_of_images, ""
    if gan.architecture == "auto" and name != papers:
        shape = " × ".join(map(str, gan.spec.shape))
        why = f", because the {papers} networks can't make samples of shape {shape}"
    line = f"{gan.registry_name} trains {name} networks on {dataset}{why}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _is_finished(run: Run, gan: GAN, last_step: int) -> bool:
    return gan.step >= last_step and (run.path / "model.keras").exists()


def _length(
    epochs: int | None, steps: int | None, steps_per_epoch: int | None
) -> tuple[int, int, int]:
    """(epochs, steps per epoch, last step) of a training of so many epochs or steps."""
    known = steps_per_epoch or 100  # a data set of unknown length is repeated
    if steps is not None:
        return -(-steps // known), min(known, steps), steps
    epochs = epochs or max(1, round(STEPS / known))
    return epochs, known, epochs * known


@dataclasses.dataclass(frozen=True)
class _Training:
    """A GAN, the data and the length of its training, all checked before a folder is made."""

    gan: GAN
    examples: Any
    real: Any  # what the pictures show of the data, see `plots.save_picture`
    batch_size: int | None
    epochs: int
    steps_per_epoch: int
    last_step: int

    @classmethod
    def of(
        cls,
        gan: GAN,
        dataset: str,
        how: Mapping[str, Any],
        value_range: tuple[float, float] | None,
        batch_size: int | None,
        epochs: int | None,
        steps: int | None,
    ) -> _Training:
        """Loads a data set with the options `how` and builds the GAN for it.

        The data are batched as `gan.fit` will batch them, so that data that can't be trained on are
        refused now.
        """
        examples = shown = data.load(dataset, **how)
        several = gan.latent_dim is None  # it maps samples, and its picture shows held-out ones
        if several:
            examples, shown = data.held_out(examples, HELD_OUT)
        real: Any = None
        with data.clear_errors():
            stream = gan.batches(examples, batch_size=batch_size, value_range=value_range)
            if several:
                real = _rows(gan, shown, HELD_OUT, value_range, shuffle=False)
            elif not stream.spec.is_image:
                rows = _rows(gan, shown, plots.POINTS, value_range, shuffle=True)
                real = rows[stream.sample_name]
        if not gan.built:
            gan.build_for(stream.fields)
        length = _length(epochs, steps, stream.steps_per_epoch)
        return cls(gan, examples, real, batch_size, *length)

    def run_in(self, run: Run, export: bool, console: Console | None) -> None:
        """Trains to the last step and exports. An error gets a note that says what is kept."""
        gan = self.gan
        writes = strategies.is_chief(gan.distribute_strategy)
        try:
            with _locked(run) if writes else contextlib.nullcontext():
                self._fit(run, console)
                for format in EXPORTED if export and writes else ():
                    with _status(console, f"exporting {format}"):
                        run.export(gan, format)
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

    def _fit(self, run: Run, console: Console | None) -> None:
        """Trains, and writes model, pictures and history to the run even if Ctrl-C stops it."""
        gan = self.gan
        every = max(1, round(self.epochs / PICTURES))
        writes = strategies.is_chief(gan.distribute_strategy)
        stop = callbacks.StopOnInterrupt()
        watching = [
            callbacks.StopAtStep(self.last_step),
            stop,
            callbacks.HistoryCSV(run.path / "history.csv"),
            callbacks.SamplePictures(run.path / "samples", every, real=self.real),
        ]
        with contextlib.ExitStack() as active:
            active.enter_context(stop)
            if console is not None:
                progress = callbacks.Progress(console, self.last_step)
                watching.append(active.enter_context(progress))
            try:
                gan.fit(
                    self.examples,
                    epochs=self.epochs if gan.step < self.last_step else 0,
                    batch_size=self.batch_size,
                    steps_per_epoch=self.steps_per_epoch,
                    callbacks=watching,
                    checkpoint=Checkpoints(run.path / "checkpoints", every),
                    verbose=0,
                )
                if writes:
                    gan.save(run.path / "model.keras")  # first, because the disk may be nearly full
                    plots.save_picture(gan, run.path / "samples.png", real=self.real)
            finally:
                if writes and (history := run.history):
                    plots.save_history(history, run.path / "losses.png")
        if stop.interrupted:
            raise self._interrupted(run)

    def _interrupted(self, run: Run) -> Interrupted:
        finished = _is_finished(run, self.gan, self.last_step)
        message = f"stopped at step {self.gan.step} of {self.last_step}."
        return Interrupted(message, run, finished)


class _Busy(ValueError):
    """Another process is training this run."""


@contextlib.contextmanager
def _locked(run: Run) -> Iterator[None]:
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


def _status(console: Console | None, text: str) -> contextlib.AbstractContextManager[Any]:
    return console.status(text) if console else contextlib.nullcontext()
