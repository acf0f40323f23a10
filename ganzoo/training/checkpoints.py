"""Checkpoints: a folder of `.keras` files, from which a training that was stopped continues.

    gan.fit(data, epochs=100, checkpoint="checkpoints")
    gan.fit(data, epochs=100, checkpoint="s3://bucket/checkpoints")

Each file appears whole or not at all; on object storage it is one object. It holds both players,
both optimizers, the state of the game, the step and the seed. Random numbers, the order of the data
and schedules depend only on seed and step, so that a training that continues from step n equals one
without the break. On one CPU it is equal bit for bit, because sums are made in a fixed order
(`ganzoo.strategies.in_order` names the exceptions). Elsewhere the last digits may differ, as
between any two equal trainings, unless TF_NUM_INTEROP_THREADS=1 is set in the environment; GPUs
also need `tf.config.experimental.enable_op_determinism()`.
"""

from __future__ import annotations

import json
import re
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from ganzoo import data
from ganzoo.core import archives
from ganzoo.data.checks import check_int
from ganzoo.devices import strategies
from ganzoo.foundation import files

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

KEEP = 3
MOST_SECONDS = 300
_FILE = re.compile(r"step_(\d+)\.keras")
_DRAFT = re.compile(r"\.step_\d+-[0-9a-f]+\.keras")  # the rest of a save that was killed


class Checkpoints(keras.callbacks.Callback):
    """Saves `folder/step_00001600.keras` and so on, for `gan.fit(..., checkpoint=…)`.

    Args:
        folder: a folder for this training alone; it is made if it doesn't exist. It may be an
            address, such as `s3://bucket/faces`, see `ganzoo.foundation.files.at`.
        every: epochs between checkpoints. There are more if these epochs take over five minutes,
            and always one after the last epoch.
        keep: how many of the newest checkpoints are kept.

    Raises:
        ValueError: `every` or `keep` is not an int of at least 1.
    """

    def __init__(self, folder: Any, every: int = 1, keep: int = KEEP):
        super().__init__()
        check_int("every", every, 1)
        check_int("keep", keep, 1)
        self.folder, self.every, self.keep = files.at(folder), every, keep
        self._saved: set[Any] = set()
        self._written = time.monotonic()

    @property
    def newest(self) -> Any:
        """The path of the file with the most steps, which may be damaged; None if there is none."""
        return next(iter(self._files()), None)

    def _files(self) -> list[Any]:
        """Newest first."""
        entries = self.folder.iterdir() if self.folder.is_dir() else ()
        found = [path for path in entries if _FILE.fullmatch(path.name)]
        return sorted(found, key=_step_of, reverse=True)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)  # fail now, not after an epoch
        if not isinstance(self.folder, Path) and strategies.is_chief(
            self.model.distribute_strategy
        ):
            with files.storing(self.folder / "writable") as probe:  # a bucket has no folders
                probe.touch()
            (self.folder / "writable").unlink()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if (epoch + 1) % self.every == 0 or time.monotonic() - self._written > MOST_SECONDS:
            self.save(self.model)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.save(self.model)

    def save(self, gan: GAN) -> None:
        """Writes a checkpoint and removes the oldest ones; of several workers only the chief does.
        If a weight is NaN or infinite, it only warns, so that good checkpoints remain.

        Raises:
            OSError: the file can't be written. Earlier checkpoints remain.
        """
        if not strategies.is_chief(gan.distribute_strategy):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"step_{gan.step:08}.keras"
        if not gan.built or path in self._saved:
            return
        if broken := gan.broken_weight:
            warnings.warn(
                f"{path} was not saved, since the weight {broken} is not finite: the last good "
                f"checkpoint is {self.newest}.",
                stacklevel=2,
            )
            return
        gan.save(path)
        self._written = time.monotonic()
        self._saved.add(path)
        for old in self._files()[self.keep :]:
            old.unlink(missing_ok=True)
        for draft in self.folder.iterdir():
            if _DRAFT.fullmatch(draft.name):
                draft.unlink(missing_ok=True)

    def restore(self, gan: GAN) -> None:
        """Restores a GAN from the newest undamaged checkpoint, if that has more steps than the GAN.

        Damaged files are skipped with a warning.

        Raises:
            ValueError: the checkpoints belong to another GAN, or all of them are damaged.
        """
        paths, made, damaged, touched = self._files(), gan.step, [], False
        for path in paths:
            try:
                with files.local(path) as copy:
                    config, numbers = archives.read(copy)
                    self._check_same(gan, config)
                    if _step_of(path) <= made and not touched:
                        break
                    archives.check(config, numbers)
                    saved = config["config"]["fields"]
                    fields = {name: data.Field.from_config(field) for name, field in saved.items()}
                    spec = fields[data.main_sample(fields)]
                    if not gan.built:
                        gan.build_for(fields)
                    if gan.spec != spec or _classes(gan.fields) != _classes(fields):
                        raise _Another(
                            f"{self.folder} holds checkpoints of a GAN for data of another kind, "
                            f"{spec.dtype} of shape {spec.shape}: name another folder."
                        )
                    touched = True  # a file may fail half-read
                    with warnings.catch_warnings():
                        # Keras skips variables that the file lacks, such as an optimizer's state
                        warnings.filterwarnings("error", "Skipping (nested|variable)", UserWarning)
                        gan.load_weights(copy)
            except _Another:
                raise
            except Exception as error:  # zipfile, json, h5py and Keras have errors of their own
                reason = str(error).strip().split("\n")[0][:200].rstrip(".")
                reason = reason or type(error).__name__
                damaged.append(f"{path} is damaged ({reason})")
                continue
            self._saved.add(path)
            break
        else:
            if paths:
                raise ValueError(
                    f"none of the {len(paths)} checkpoints in {self.folder} is whole, "
                    f"{damaged[0]}: remove them to begin anew."
                )
        for words in damaged:
            warnings.warn(f"{words}: going on from the one before.", stacklevel=3)

    def _check_same(self, gan: GAN, config: dict[str, Any]) -> None:
        name = str(config.get("registered_name")).rpartition(">")[2]
        if name != keras.saving.get_registered_name(type(gan)).rpartition(">")[2]:
            raise _Another(
                f"{self.folder} holds checkpoints of {name}, not of {gan.registry_name}: name "
                "another folder."
            )
        ours = keras.saving.serialize_keras_object(gan)["config"]
        ours = json.loads(json.dumps(ours))  # tuples are lists there
        for key, declared in gan.hyperparameters().items():
            # One that the file doesn't know was at its default when it was written.
            default = json.loads(json.dumps(keras.saving.serialize_keras_object(declared.default)))
            if (there := config["config"].get(key, default)) != ours[key]:
                raise _Another(
                    f"{self.folder} holds checkpoints of {name} with {key}={_shown(there)}, not "
                    f"{_shown(ours[key])}: make the GAN with that, or name another folder."
                )


class StopAtStep(keras.callbacks.Callback):
    """Ends training when the GAN has made `step` generator updates in all."""

    reads_logs = False

    def __init__(self, step: int):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.model.step >= self.step:
            self.model.stop_training = True


def _step_of(path: Any) -> int:
    return int(path.stem.removeprefix("step_"))


class _Another(ValueError):
    """The checkpoints are undamaged, but belong to another GAN."""


def _shown(value: Any) -> str:
    return repr(value)[:80]


def at(checkpoint: Any) -> Checkpoints:
    """The checkpoints of a folder or an address; a `Checkpoints` is returned as it is.

    Raises:
        ValueError: `checkpoint` is a file, or not a path.
    """
    if not isinstance(checkpoint, Checkpoints) and not files.is_path(checkpoint):
        raise ValueError(f"checkpoint={checkpoint!r} is no path: name a folder.")
    found = checkpoint if isinstance(checkpoint, Checkpoints) else Checkpoints(checkpoint)
    if found.folder.exists() and not found.folder.is_dir():
        raise ValueError(f"checkpoint={str(found.folder)!r} is a file: name a folder.")
    return found


def _classes(fields: dict[str, data.Field]) -> dict[str, int | None]:
    return {name: field.num_classes for name, field in fields.items()}
