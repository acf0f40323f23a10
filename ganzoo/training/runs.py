"""Runs: a folder for each training, and the training that fills it.

    run = runs.train("lsgan", "mnist5k")
    run = runs.Run.at("runs/lsgan-mnist5k-001")
    images = run.load().sample(16, seed=0)

A run's folder:

    config.json             what was trained on what, with versions
    history.csv             a row of losses per epoch; losses.png draws it
    samples/epoch_0005.png  the same latents as training went on
    samples.png             what the trained GAN makes of them
    checkpoints/            the last three states, from which `resume` goes on
    model.keras             the trained GAN
    export/FORMAT/1/        the generator as SavedModel and as ONNX
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import json
import os
import platform
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

import ganzoo
from ganzoo import data
from ganzoo.devices import strategies
from ganzoo.foundation import registry, schedules
from ganzoo.reporting import plots
from ganzoo.training import callbacks, checkpoints
from ganzoo.training.checkpoints import Checkpoints

__all__ = ["STEPS", "Interrupted", "Run", "load", "resume", "train"]

STEPS = 1600  # by which digits are recognisable; a minute or two on two cores
PICTURES = 10
EXPORTED = ("tf_saved_model", "onnx")


def _pair(kinds) -> Callable[[Any], bool]:
    return lambda value: (
        value is None
        or (isinstance(value, list) and len(value) == 2 and all(type(n) in kinds for n in value))
    )


_CONFIG: dict[str, tuple[Callable[[Any], bool], str]] = {  # what `resume` needs
    "gan": (lambda value: isinstance(value, str), "no name"),
    "data": (lambda value: isinstance(value, str), "no name"),
    "steps": (lambda value: type(value) is int and value >= 1, "no int from 1"),
    "hyperparameters": (lambda value: isinstance(value, dict), "no object"),
    "batch_size": (lambda n: n is None or (type(n) is int and n >= 1), "no int from 1"),
    "size": (_pair((int,)), "no pair of ints"),
    "value_range": (_pair((int, float)), "no pair of numbers"),
}


class Interrupted(KeyboardInterrupt):
    """Ctrl-C ended a training. `run` is its folder, with what was learned up to then."""

    def __init__(self, message: str, run: Run):
        super().__init__(message)
        self.run = run


class Run:
    """The folder of one training. `Run.create` and `Run.new` make one, `Run.at` opens one.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path):
        self.path = path
        self._made: list[Path] = []
        self._new = False

    @classmethod
    def create(cls, root: str | os.PathLike, name: str, config: Mapping[str, Any]) -> Run:
        """A new folder `root/name-001`, or with the next number that nobody has taken.

        Raises:
            OSError: it can't be made; then nothing is left of it.
        """
        root = Path(root)
        slug = re.sub(r"[^\w.]+", "-", name).strip("-.")
        taken = [re.fullmatch(rf"{re.escape(slug)}-(\d+)", path.name) for path in _entries(root)]
        number = max((int(match[1]) for match in taken if match), default=0) + 1
        while True:
            try:
                return cls.new(root / f"{slug}-{number:03}", config, exist_ok=False)
            except FileExistsError:  # another run was quicker
                number += 1

    @classmethod
    def new(
        cls, path: str | os.PathLike, config: Mapping[str, Any], *, exist_ok: bool = True
    ) -> Run:
        """A run in exactly this folder, which must be new or, if `exist_ok`, empty.

        Raises:
            ValueError: there is something in it.
            OSError: it can't be made; then nothing is left of it.
        """
        run = cls(Path(path))
        run._new = True
        if exist_ok:
            check_free(run.path)
        run._made = [p for p in (run.path, *run.path.parents) if not p.exists()]
        try:
            run.path.mkdir(parents=True, exist_ok=exist_ok)
        except BaseException as error:
            if not isinstance(error, FileExistsError):
                run._remove_made()
            raise
        try:
            with run._file("config.json").open("x") as file:  # of two runs only one can
                json.dump(config, file, indent=2, default=str)  # schedules are text
                file.write("\n")
        except FileExistsError:
            raise ValueError(f"another run has begun in {path}: name another folder.") from None
        except BaseException:
            run.discard()
            raise
        return run

    @classmethod
    def at(cls, path: str | os.PathLike) -> Run:
        """The run in a folder that is there.

        Raises:
            ValueError: it isn't one.
        """
        run = cls(Path(path))
        if not run.path.exists():
            raise ValueError(f"there is no run at {path}.")
        if not run._file("config.json").is_file():
            raise ValueError(f"{path} is no run of ganzoo: it has no config.json.")
        return run

    @property
    def config(self) -> dict[str, Any]:
        """What was trained, and on what.

        Raises:
            ValueError: it can't be read, or isn't as ganzoo wrote it.
        """
        try:
            config = json.loads(self._file("config.json").read_text())
        except (ValueError, RecursionError) as error:
            raise self._unreadable("it is no JSON") from error
        if not isinstance(config, dict):
            raise self._unreadable("it is no JSON object")
        for key, (fits, words) in _CONFIG.items():
            if key in config and not fits(config[key]):
                raise self._unreadable(f"{key}={' '.join(repr(config[key]).split())[:80]}, {words}")
        return config

    def _unreadable(self, why: str) -> ValueError:
        return ValueError(
            f"{self._file('config.json')} can't be read ({why}): it isn't as ganzoo wrote it."
        )

    @property
    def history(self) -> list[dict[str, float]]:
        """A row per epoch: `epoch`, `seconds` and the losses by name.

        Raises:
            ValueError: it can't be read.
        """
        path = self._file("history.csv")
        if not path.exists():
            return []
        try:
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            for row in rows:
                int(row["epoch"])
            return [{key: float(v) for key, v in row.items()} for row in rows]
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise ValueError(
                f"{path} can't be read: it isn't as ganzoo wrote it; move it away to go on."
            ) from error

    @property
    def model(self) -> Path:
        """The newest of the saved GANs.

        Raises:
            ValueError: none was saved yet.
        """
        newest = self.checkpoints.newest
        for path in (self._file("model.keras"), newest):
            if path is not None and path.exists():
                return path
        raise ValueError(f"{self.path} holds no saved GAN: its training stopped before the first.")

    @property
    def checkpoints(self) -> Checkpoints:
        """Those of this training."""
        return Checkpoints(self._file("checkpoints"))

    def load(self):
        """The trained GAN, or its last checkpoint where training didn't finish."""
        return ganzoo.load(self.model)

    def export(self, gan, format: str) -> Path:
        """Exports to the run's own folder; returns the version's folder, see `gan.export`."""
        return gan.export(self.path / "export" / format, format=format)

    def discard(self) -> None:
        """Removes what this run wrote, and the folders that were made for it."""
        for entry in _entries(self.path):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self._remove_made()

    def _remove_made(self) -> None:
        with contextlib.suppress(OSError):  # another run may be in the parent by now
            for folder in self._made:
                folder.rmdir()

    def _file(self, name: str) -> Path:
        return self.path / name


def check_free(path: str | os.PathLike) -> None:
    """Raises ValueError if `path` can't become a run's folder, having something in it."""
    path = Path(path)
    if path.is_dir() and any(path.iterdir()):
        raise ValueError(f"{path} is not empty: name a new folder for the run.")
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file: name a new folder for the run.")


def load(path: str | os.PathLike):
    """The GAN of a run's folder or of a `.keras` file.

    Raises:
        FileNotFoundError: there is nothing.
        ValueError: it is neither, or damaged, or no GAN was saved in the run yet.
    """
    return Run.at(path).load() if Path(path).is_dir() else ganzoo.load(path)


def train(
    name: str,
    dataset: str = "mnist5k",
    *,
    hyperparameters: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    size: tuple[int, int] | None = None,
    value_range: tuple[float, float] | None = None,
    out: str | os.PathLike | None = None,
    root: str | os.PathLike = "runs",
    export: bool = True,
    strategy: tf.distribute.Strategy | None = None,
    command: str | None = None,
    console: Console | None = None,
) -> Run:
    """Trains the GAN `name` on the data set `dataset` and leaves all there is to know in a folder.

    Whatever can be checked is checked before the folder is made, and a training that fails before
    its first step leaves none.

    Args:
        hyperparameters: as in `ganzoo.get`.
        epochs, steps: how long, either in passes over the data or in generator updates; about
            1,600 updates by default.
        batch_size: rows of each update; 64 by default.
        size: (height, width) that images are resized to, see `ganzoo.data.load`.
        value_range: (low, high) of numbers that are neither bytes nor in [-1, 1].
        out: the run's folder, which must be new or empty; else the next `root/name-dataset-001`.
        export: whether to export the generator as SavedModel and ONNX.
        strategy: what it is trained under, see `ganzoo.strategies`. Several workers need `out`, a
            folder that all of them reach; only the chief writes there.
        command: what the user typed, for the record.
        console: where to show progress; None for silence.

    Raises:
        ValueError: something that was asked for can't be done; the message carries the mend.
        OSError: the disk is full, read-only or otherwise refuses.
        callbacks.Diverged: a loss became NaN or infinite; the run keeps its last checkpoint.
        Interrupted: Ctrl-C; the run has everything but the exports.
    """
    for key, value in (("epochs", epochs), ("steps", steps)):
        if value is not None and value < 1:
            raise ValueError(f"{key}={value} won't do: it takes an int of at least 1.")
    if epochs is not None and steps is not None:
        raise ValueError("epochs and steps were both given: say how long in one of them.")
    strategy = strategy or tf.distribute.get_strategy()
    writes = strategies.is_chief(strategy)
    if out is None and strategies.workers(strategy) > 1:
        raise ValueError("several workers need one run: name a folder that all reach in out.")
    if out is not None and writes:
        check_free(out)
    with strategy.scope():
        gan = ganzoo.get(name, **(hyperparameters or {}))
    stream, examples = _load(gan, dataset, size, value_range, batch_size)
    epochs, steps_per_epoch, last_step = _length(epochs, steps, stream.steps_per_epoch)
    gan.build_for(stream.fields)
    config = {
        "gan": name,
        "hyperparameters": {key: getattr(gan, key) for key in gan.hyperparameters()},
        "data": dataset,
        "size": size,
        "value_range": value_range,
        "epochs": epochs,
        "steps": last_step,
        "batch_size": batch_size or 64,
        "replicas": strategy.num_replicas_in_sync,
        "command": command,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": {module.__name__: module.__version__ for module in (ganzoo, tf, keras, np)}
        | {"python": platform.python_version()},
    }
    if not writes:
        run = Run(Path(out))
    else:
        run = Run.new(out, config) if out else Run.create(root, f"{name}-{dataset}", config)
    _carry_on(run, gan, examples, epochs, steps_per_epoch, last_step, batch_size, export, console)
    return run


def resume(
    path: str | os.PathLike,
    *,
    export: bool = True,
    strategy: tf.distribute.Strategy | None = None,
    console: Console | None = None,
) -> Run:
    """Goes on with the training of a run that was killed, interrupted or ran out of disk, from its
    newest whole checkpoint (else from the start) to the end that it was to have.

    The trained weights are those of a training without the break, bit for bit as far as
    `ganzoo.checkpoints` says. Rows of history.csv that are newer than the checkpoint are made
    again.

    Args:
        path: the run's folder.
        export, strategy, console: as in `train`; the strategy may be another one than before, and
            with as many rows in a batch gives the same weights but for rounding.

    Raises:
        ValueError: it is no run, it has made all of its steps, it is being trained, or its data,
            checkpoints or configuration can't be read any more.
        OSError, callbacks.Diverged, Interrupted: as in `train`.
    """
    run = Run.at(path)
    config = run.config
    if missing := [key for key in _CONFIG if key not in config]:
        raise run._unreadable(f"it has no {missing[0]}")
    run.history  # noqa: B018  what can't be continued is said before any step
    name, steps, chosen = config["gan"], config["steps"], config["hyperparameters"]
    read = {key: config[key] and tuple(config[key]) for key in ("size", "value_range")}
    dataset, batch_size = config["data"], config["batch_size"]
    chosen = _as_given(name, chosen)
    if chosen.get("architecture") == "own":
        raise ValueError(
            f"{run.path} was trained with networks of your own, which its configuration can't "
            "name: go on in Python, with gan.fit(..., checkpoint=…)."
        )
    with (strategy or tf.distribute.get_strategy()).scope():
        gan = ganzoo.get(name, **chosen)
    checkpoints.at(run.checkpoints).restore(gan)
    if gan.step >= steps and (run.path / "model.keras").exists():
        raise ValueError(f"{run.path} has made all of its {steps} steps: train a new run.")
    stream, examples = _load(gan, dataset, read["size"], read["value_range"], batch_size)
    epochs, steps_per_epoch, last_step = _length(None, steps, stream.steps_per_epoch)
    if not gan.built:
        gan.build_for(stream.fields)
    if console is not None:
        console.print(f"going on from step {gan.step:,} of {steps:,}")
    _carry_on(run, gan, examples, epochs, steps_per_epoch, last_step, batch_size, export, console)
    return run


def _as_given(name: str, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """What config.json says of hyper-parameters, with its schedules read."""
    declared = registry.find(name).hyperparameters()

    def read(value):
        if isinstance(value, dict):
            return {key: read(member) for key, member in value.items()}
        return schedules.parse(value) if isinstance(value, str) else value

    return {
        key: read(value) if key in declared and (declared[key].scheduled or isinstance(value, dict))
        else value
        for key, value in hyperparameters.items()
    }  # fmt: skip


def _carry_on(
    run, gan, examples, epochs, steps_per_epoch, last_step, batch_size, export, console
) -> None:
    """Trains to the last step and exports, or says what is left."""
    writes = strategies.is_chief(gan.distribute_strategy)
    try:
        with _alone(run) if writes else contextlib.nullcontext():
            _fit(run, gan, examples, epochs, steps_per_epoch, last_step, batch_size, console)
            for format in EXPORTED if export and writes else ():
                with _status(console, f"exporting {format}"):
                    run.export(gan, format)
            # the others wait for the chief: who ends early seems to be lost
            with contextlib.suppress(*[strategies.WorkerLost] * writes):
                strategies.check_together(gan.distribute_strategy, gan.step)
    except KeyboardInterrupt as stop:
        if not gan.step:
            if run._new:
                run.discard()
            raise
        if isinstance(stop, Interrupted):
            raise
        raise Interrupted(f"stopped at step {gan.step}.", run) from None
    except _Busy:
        raise
    except BaseException as error:
        if gan.step:
            error.add_note(f"{run.path} keeps what was written up to then.")
        elif run._new:
            run.discard()
        raise


class _Busy(ValueError):
    """Another process trains this run."""


@contextlib.contextmanager
def _alone(run: Run):
    """Keeps a second process from training the same run. The lock ends with the process, however
    that ends; where the system has none, nothing is kept."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with run._file("config.json").open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _Busy(f"{run.path} is being trained by another process: wait for it.") from None
        except OSError:  # a file system without locks
            pass
        yield


def _load(gan, dataset: str, size, value_range, batch_size):
    """The data as `gan.fit` will batch them, so that what is wrong with them is said now."""
    examples = data.load(dataset, size=size)
    with data.clear_errors():
        stream = gan.batches(examples, batch_size=batch_size, value_range=value_range)
    return stream, examples


def _length(epochs: int | None, steps: int | None, steps_per_epoch: int | None):
    """(epochs, steps per epoch, the step to stop at) of what was asked for."""
    known = steps_per_epoch or 100  # of a data set of unknown length, which is then repeated
    if steps is not None:
        return -(-steps // known), min(known, steps), steps
    epochs = epochs or max(1, round(STEPS / known))
    return epochs, known, epochs * known


def _fit(run, gan, examples, epochs, steps_per_epoch, last_step, batch_size, console) -> None:
    """Trains, and leaves model, pictures and history in the run even if Ctrl-C ends it."""
    real = None if gan.spec.is_image else _vectors(examples)
    every = max(1, round(epochs / PICTURES))
    saved = Checkpoints(run.path / "checkpoints", every)
    writes = strategies.is_chief(gan.distribute_strategy)
    stop = callbacks.StopOnInterrupt()
    watching = [
        callbacks.StopOnDivergence(),
        callbacks.StopAtStep(last_step),
        stop,
        callbacks.HistoryCSV(run.path / "history.csv"),
        callbacks.SamplePictures(run.path / "samples", every, real=real),
    ]
    with contextlib.ExitStack() as active:
        active.enter_context(stop)
        if console is not None:
            watching.append(active.enter_context(callbacks.Progress(console, last_step)))
        try:
            gan.fit(
                examples,
                epochs=epochs if gan.step < last_step else 0,
                batch_size=batch_size,
                steps_per_epoch=steps_per_epoch,
                callbacks=watching,
                checkpoint=saved,
                verbose=0,
            )
            if writes:
                gan.save(run.path / "model.keras")  # first, where the disk is nearly full
                plots.save_picture(gan, run.path / "samples.png", real=real)
        finally:
            if writes and (history := run.history):
                plots.save_history(history, run.path / "losses.png")
    if stop.interrupted:
        raise Interrupted(f"stopped at step {gan.step} of {last_step}.", run)


def _vectors(examples) -> np.ndarray:
    stream = data.batches(examples, batch_size=1)
    rows = stream.dataset.take(plots.POINTS)
    return np.concatenate([row[stream.sample_name] for row in rows])


def _status(console: Console | None, text: str):
    return console.status(text) if console else contextlib.nullcontext()


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
