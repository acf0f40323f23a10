"""Training that fills the folder of a run: pictures, history, checkpoints, model and exports.

    run = runs.train("lsgan", "mnist5k")
    run = runs.resume("runs/lsgan-mnist5k-001")  # if it was stopped

`ganzoo.training.folder` describes what the folder holds.
"""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Mapping
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
from ganzoo.evaluation import quality
from ganzoo.foundation import keywords, registry, schedules
from ganzoo.training import recipes
from ganzoo.training.checkpoints import at
from ganzoo.training.folder import NEEDED, Run, check_free
from ganzoo.training.prepared import STEPS, Interrupted, Training, is_finished, length

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

__all__ = ["STEPS", "Interrupted", "Run", "load", "resume", "train"]


def load(path: str | os.PathLike, weights: str | None = None) -> GAN:
    """Loads the GAN of a run's folder or of a `.keras` file; with `weights`, the pretrained one
    whose name `path` is, as `ganzoo.get` does.

    Raises:
        FileNotFoundError: `path` doesn't exist.
        ValueError: it is neither, it is damaged, the run holds no saved GAN yet, or there are no
            such weights.
    """
    if weights is not None:
        return ganzoo.get(os.fspath(path), weights=weights)
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
    metric: str = "auto",
    patience: int | None = None,
    checkpoints: str | None = None,
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
        hyperparameters: as in `ganzoo.get`. On images those of the GAN's `recipe` are used where
            none are given.
        epochs: passes over the data; by default as many as make about 1,600 steps, or the steps of
            the recipe.
        steps: generator updates, in place of `epochs`.
        batch_size: rows of each update; by default 64, up to 500 for a table, or 16 for images of
            at least 48×48 where there is no GPU. Without a GPU the networks are narrow too, if no
            width is chosen, so that thousands of steps take minutes.
        size, fit, flip: how images are resized and whether they are mirrored too, see
            `ganzoo.data.load`. Pictures of a folder that have different sizes, or sides of more
            than 64 pixels, get 64×64 where no size is given.
        value_range: (low, high), the values that are black and white, if images are neither bytes
            nor in [-1, 1].
        out: the run's folder, which must be new or empty; by default the next of
            `root/name-dataset-001`, `-002` and so on.
        root: where the folder is made if `out` is None.
        export: whether to export the best generator as SavedModel and ONNX.
        metric: how the samples are measured during training, about ten times, to keep the best GAN
            as `best.keras`: a name of `ganzoo.evaluation.SampleQuality`. "auto" chooses one, and
            keeps none if the data have too few rows to measure. "none" measures nothing; the GAN
            after the last step then counts as the best.
        patience: training stops early after so many measurements in succession that are not better
            than the best one; None never stops it early.
        checkpoints: an address such as `s3://bucket/faces`, where the checkpoints are kept in place
            of the run's folder. If it holds some, training continues from there: the same call
            goes on where a machine was lost, in a new folder or in the one that it made before.
            Several workers must then all make this call, and none `resume`.
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
    for key, value in (("epochs", epochs), ("steps", steps), ("patience", patience)):
        if value is not None:
            check_int(key, value, 1)
    if epochs is not None and steps is not None:
        raise ValueError("epochs and steps were both given: leave one out.")
    if metric != "none":
        quality.check_metric(metric)
    elif patience is not None:
        raise ValueError("patience needs measurements: leave out metric='none', or patience.")
    strategy = strategy or tf.distribute.get_strategy()
    writes = strategies.is_chief(strategy)
    if out is None and strategies.workers(strategy) > 1:
        raise ValueError("several workers train one run: name a folder that all share in out.")
    again = checkpoints is not None and out is not None and _is_of(Path(out), checkpoints)
    if out is not None and writes and not again:
        check_free(out)
    if checkpoints is not None:
        at(checkpoints)
    given = dict(hyperparameters or {})
    with strategy.scope():
        gan = ganzoo.get(name, **given)
    dataset = gan.default_data if dataset is None else dataset
    examples, how = recipes.loaded(dataset, {"size": size, "fit": fit, "flip": flip})
    asked = {"batch_size": batch_size, "steps": steps or epochs}
    decided = given.keys() | {key for key, value in asked.items() if value is not None}
    ours = recipes.chosen(gan, examples, value_range, decided)
    words = ", ".join(f"{key}={keywords.written(value)}" for key, value in ours.items())
    batch_size, steps = ours.pop("batch_size", batch_size), ours.pop("steps", steps)
    if ours:
        last_step = steps
        if last_step is None:
            batches = gan.batches(examples, batch_size=batch_size, value_range=value_range)
            *_, last_step = length(epochs, steps, batches.steps_per_epoch)
        ours = recipes.falling(ours, last_step, gan.critic_steps)
        with strategy.scope():
            gan = ganzoo.get(name, **given, **ours)
    training = Training.of(gan, examples, value_range, batch_size, epochs, steps, metric, patience)
    config = {
        "gan": name,
        "hyperparameters": {key: getattr(gan, key) for key in gan.hyperparameters()},
        "data": dataset,
        **how,
        "value_range": value_range,
        "networks": _networks(gan),
        "epochs": training.epochs,
        "steps": training.last_step,
        "batch_size": training.rows_per_step // gan.critic_steps,
        "metric": training.quality.metric if training.quality else "none",
        "patience": patience,
        "replicas": strategy.num_replicas_in_sync,
        "command": command,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": {module.__name__: module.__version__ for module in (ganzoo, tf, keras, np)}
        | {"python": platform.python_version()},
    } | ({} if checkpoints is None else {"checkpoints": checkpoints})
    if not out:
        run = Run.create(root, f"{name}-{dataset}", config)
    else:
        run = Run.new(out, config) if writes and not again else Run(Path(out), checkpoints)
    if console is not None:
        _say_networks(gan, dataset, console)
        if how["size"] != size:
            words = ", ".join(filter(None, ["size={}x{}".format(*how["size"]), words]))
        if words:
            line = f"chosen for these data: {words}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    training.run_in(run, export, console)
    return run


def _is_of(path: Path, checkpoints: str) -> bool:
    """Whether it is the folder of a run with these checkpoints."""
    return (path / "config.json").is_file() and Run.at(path).config.get(
        "checkpoints"
    ) == checkpoints


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
    `ganzoo.checkpoints` names. Rows of history.csv and best.csv that are newer than the checkpoint
    are replaced.

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
    at(run.checkpoints).restore(gan)
    if run.stopped_early and is_finished(run, gan, steps):
        raise ValueError(
            f"{run.path} stopped early, since its samples no longer improved: train a new run."
        )
    if is_finished(run, gan, steps):
        raise ValueError(f"{run.path} has made all of its {steps} steps: train a new run.")
    how: dict[str, Any] = {"size": read["size"]} | {
        key: config[key] for key in ("fit", "flip") if key in config
    }
    value_range, batch_size = read["value_range"], config["batch_size"]
    watched = config.get("metric", "none"), config.get("patience")
    examples = data.load(config["data"], **how)
    training = Training.of(gan, examples, value_range, batch_size, None, steps, *watched)
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
