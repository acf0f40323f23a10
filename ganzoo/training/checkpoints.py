"""Checkpoints: a folder of `.keras` files, so that a training that dies goes on where it was.

    gan.fit(data, epochs=100, checkpoint="checkpoints")

Each file is whole or not there, and holds both players, both optimizers, the state of the game, the
step and the seed. Draws, the order of the data and schedules are functions of seed and step: what
goes on from step n is what would have gone on without the break; bit for bit on one CPU, whose
operations run in a fixed order (`ganzoo.strategies.in_order`, which names the exceptions). Else the
last digits may differ, as between any two equal trainings there, unless TF_NUM_INTEROP_THREADS=1 is
in the environment; GPUs need `tf.config.experimental.enable_op_determinism()` too.
"""

from __future__ import annotations

import json
import os
import re
import time
import warnings
from pathlib import Path

import keras

from ganzoo import data
from ganzoo.core import archives
from ganzoo.devices import strategies

KEEP = 3
MOST_SECONDS = 300
_FILE = re.compile(r"step_(\d+)\.keras")
_DRAFT = re.compile(r"\.step_\d+-[0-9a-f]+\.keras")  # what a killed save leaves


class Checkpoints(keras.callbacks.Callback):
    """Saves `folder/step_00001600.keras` and so on, for `gan.fit(..., checkpoint=…)`.

    Args:
        folder: of one training alone; made if need be.
        every: epochs between checkpoints, or fewer if these take over five minutes; there is one
            after the last epoch too.
        keep: how many of the newest are kept.
    """

    def __init__(self, folder: str | os.PathLike, every: int = 1, keep: int = KEEP):
        super().__init__()
        for name, value in (("every", every), ("keep", keep)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}={value!r} won't do: it takes an int of at least 1.")
        self.folder, self.every, self.keep = Path(folder), every, keep
        self._saved: set[Path] = set()
        self._written = time.monotonic()

    @property
    def newest(self) -> Path | None:
        """The file with the most steps, whole or not; None where there is none."""
        return next(iter(self._files()), None)

    def _files(self) -> list[Path]:
        """Newest first."""
        entries = self.folder.iterdir() if self.folder.is_dir() else ()
        found = [path for path in entries if _FILE.fullmatch(path.name)]
        return sorted(found, key=_step_of, reverse=True)

    def on_train_begin(self, logs=None):
        self.folder.mkdir(parents=True, exist_ok=True)  # refused now, not after an epoch

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0 or time.monotonic() - self._written > MOST_SECONDS:
            self.save(self.model)

    def on_train_end(self, logs=None):
        self.save(self.model)

    def save(self, gan) -> None:
        """Writes a checkpoint, and removes those that are no longer kept; of several workers only
        the chief does.

        Raises:
            OSError: it can't be written; those before are still there.
        """
        if not strategies.is_chief(gan.distribute_strategy):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"step_{gan.step:08}.keras"
        if not gan.built or path in self._saved:
            return
        gan.save(path)
        self._written = time.monotonic()
        self._saved.add(path)
        for old in self._files()[self.keep :]:
            old.unlink(missing_ok=True)
        for draft in self.folder.iterdir():
            if _DRAFT.fullmatch(draft.name):
                draft.unlink(missing_ok=True)

    def restore(self, gan) -> None:
        """Brings a GAN to the newest whole checkpoint, if there is one that is further than it is.

        A damaged file is passed over with a warning.

        Raises:
            ValueError: the checkpoints are another GAN's, or all of them are damaged.
        """
        files, made, damaged, touched = self._files(), gan.step, [], False
        for path in files:
            try:
                config, numbers = archives.read(path)
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
                    # Keras leaves what isn't in the file, an optimizer's state too, as it came
                    warnings.filterwarnings("error", "Skipping (nested|variable)", UserWarning)
                    gan.load_weights(path)
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
            if files:
                raise ValueError(
                    f"none of the {len(files)} checkpoints in {self.folder} is whole, "
                    f"{damaged[0]}: remove them to begin anew."
                )
        for words in damaged:
            warnings.warn(f"{words}: going on from the one before.", stacklevel=3)

    def _check_same(self, gan, config: dict) -> None:
        name = str(config.get("registered_name")).rpartition(">")[2]
        if name != gan.registry_name:
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

    def __init__(self, step: int):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if self.model.step >= self.step:
            self.model.stop_training = True


def _step_of(path: Path) -> int:
    return int(_FILE.fullmatch(path.name)[1])


class _Another(ValueError):
    """The checkpoints aren't this GAN's, which is no damage."""


def _shown(value) -> str:
    return repr(value)[:80]


def at(checkpoint: str | os.PathLike | Checkpoints) -> Checkpoints:
    """The checkpoints in a folder; or those that were given already.

    Raises:
        ValueError: it is a file, or no path.
    """
    if not isinstance(checkpoint, str | os.PathLike | Checkpoints) or (
        not isinstance(checkpoint, Checkpoints) and "\0" in os.fsdecode(checkpoint)
    ):
        raise ValueError(f"checkpoint={checkpoint!r} is no path: name a folder.")
    found = checkpoint if isinstance(checkpoint, Checkpoints) else Checkpoints(checkpoint)
    if found.folder.exists() and not found.folder.is_dir():
        raise ValueError(f"checkpoint={str(found.folder)!r} is a file: name a folder.")
    return found


def _classes(fields: dict[str, data.Field]) -> dict[str, int | None]:
    return {name: field.num_classes for name, field in fields.items()}
