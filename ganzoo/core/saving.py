"""Saves GANs to `.keras` files and loads them, with optimizers, state, step and seed."""

from __future__ import annotations

import json
import os
import pathlib
import re
import warnings
from typing import TYPE_CHECKING, Any

import h5py
import keras
import numpy as np

from ganzoo import data
from ganzoo.core import archives
from ganzoo.core.building import Building, check_keras_settings
from ganzoo.foundation import files, keras_compat, registry
from ganzoo.losses import objectives

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN


class Saving(Building):
    """The part of a `GAN` that is saved to a file and loaded from it."""

    def save(self, filepath: str | os.PathLike, overwrite: bool = True, **kwargs: Any) -> None:
        """Writes a `.keras` file with networks, both optimizers, step and seed; whole or not at
        all, so that a full disk or an interruption leaves the file that was there. The file may be
        at an address, such as `s3://bucket/lsgan.keras`, see `ganzoo.foundation.files.at`.

        Raises:
            ValueError: nothing was built yet, the name doesn't end in `.keras`, or the file exists
                and a weight is NaN or infinite.
            FileExistsError: the file exists and `overwrite` is False.
            OSError: it can't be written.
        """
        self._check_built("save")
        path = _path(filepath)
        if path.suffix != ".keras":
            raise ValueError(f"{str(filepath)!r} is no name for a saved model: end it in .keras.")
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists: pass overwrite=True or another name.")
        if path.exists() and (broken := self.broken_weight):
            raise ValueError(
                f"the weight {broken} is not finite, since training diverged, and {path} may be "
                "better: pass another name."
            )
        with files.storing(path) as draft:
            super().save(draft, **kwargs)

    def save_own_variables(self, store: Any) -> None:
        """Keras's hook that saves the game's own state, the step and the fields of the data."""
        super().save_own_variables(store)
        store["step"] = np.asarray(self.step)
        fields = {name: field.to_config() for name, field in self.fields.items()}
        store["fields"] = np.frombuffer(json.dumps(fields).encode(), "uint8")

    def load_own_variables(self, store: Any) -> None:
        """Keras's hook, the inverse of `save_own_variables`."""
        state = {key: store[key] for key in list(store.keys())}
        if not self.built and bytes(state["fields"]) == b"{}":
            return  # copied or pickled before it has seen data
        self.log.iterations.assign(int(np.asarray(state.pop("step"))))
        state.pop("fields")
        super().load_own_variables(state)

    def load_weights(self, filepath: str | os.PathLike, *args: Any, **kwargs: Any) -> None:
        """As keras.Model.load_weights. If the file ends in `.weights.h5`, a GAN that has not seen
        data yet is first built for the fields in the file."""
        if not self.built and str(filepath).endswith(".weights.h5"):
            with h5py.File(filepath) as file:
                fields = json.loads(bytes(file["vars/fields"][()]))
            self.build_for({name: data.Field.from_config(f) for name, f in fields.items()})
        super().load_weights(filepath, *args, **kwargs)

    def get_config(self) -> dict:
        config = {"name": self.name}
        config |= {key: getattr(self, key) for key in self.hyperparameters()}
        for key in {"penalties", "regularisers"} & config.keys():
            config[key] = _with_own(config[key])
        if isinstance(own := config.get("objective"), objectives.Objective):
            for function in (own.discriminator, own.generator):
                _serialised(function)  # refused here if Keras could not find it again
            config["objective"] = _serialised(own)
        if not isinstance(config["augment"], str):
            config["augment"] = _serialised(config["augment"])
        if self._own_networks:
            config["architecture"] = [
                keras.saving.serialize_keras_object(model) for model in self._own_networks
            ]
        fields = {name: field.to_config() for name, field in self.fields.items()}
        return config | {"fields": fields or None}

    @classmethod
    def from_config(cls, config: dict) -> Saving:
        config = dict(config)
        fields = config.pop("fields", None)
        config = {key: _restored(value) for key, value in config.items()}
        if isinstance(config.get("architecture"), list | tuple):
            config["architecture"] = [
                keras.saving.deserialize_keras_object(model) for model in config["architecture"]
            ]
        gan = cls(**config)
        if fields:
            gan.build_for({name: data.Field.from_config(f) for name, f in fields.items()})
        return gan

    def get_compile_config(self) -> dict:
        return self._optimizers_config | {
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": self.steps_per_execution,
        }

    def compile_from_config(self, config: dict) -> None:
        optimizers = {
            key: keras.optimizers.deserialize(value)
            for key, value in config.items()
            if key.endswith("_optimizer")
        }
        self.compile(**config | optimizers)


def _serialised(thing: Any) -> Any:
    """A user's own function or object as Keras writes it.

    Raises:
        ValueError: Keras could not find it again in another process.
    """
    kind = thing if callable(thing) and hasattr(thing, "__name__") else type(thing)
    if keras.saving.get_registered_object(keras.saving.get_registered_name(kind)) is None:
        raise ValueError(
            f"{kind.__name__} can't be saved, since Keras could not find it again: decorate it "
            "with @keras.saving.register_keras_serializable()."
        )
    return keras.saving.serialize_keras_object(thing)


def _with_own(weights: dict) -> Any:
    """Weights by name, or a list of pairs if a key is a user's own function or object."""
    if all(isinstance(key, str) for key in weights):
        return dict(weights)
    return [
        [key if isinstance(key, str) else _serialised(key), weight]
        for key, weight in weights.items()
    ]


def _restored(value: Any) -> Any:
    """The value of a hyper-parameter, whose schedules and own objects Keras has serialised."""
    if isinstance(value, list) and value and isinstance(value[0], list) and len(value[0]) == 2:
        return {_restored(key): _restored(weight) for key, weight in value}
    if not isinstance(value, dict):
        return value
    if "registered_name" in value:
        return keras.saving.deserialize_keras_object(value)
    return {key: _restored(member) for key, member in value.items()}


def load(filepath: str | os.PathLike) -> GAN:
    """See `ganzoo.load`."""
    path = _path(filepath)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except Exception as error:  # each storage has its own
        reason = str(error).split("\n")[0].rstrip(".")
        raise ValueError(f"there is no saved GAN at {path} that can be read: {reason}.") from error
    if is_folder:
        raise ValueError(f"{path} is a folder: name the .keras file of a saved GAN.")
    if not is_file:
        raise FileNotFoundError(f"there is no saved GAN at {path}.")
    if path.suffix != ".keras":
        raise ValueError(f"{path} is no saved GAN: the name of one ends in .keras.")
    check_keras_settings()
    with files.local(path) as copy:
        return _loaded(path, copy)


def _loaded(path: Any, copy: pathlib.Path) -> GAN:
    """The GAN in the file, of which there is a local copy."""
    try:
        config, numbers = archives.read(copy)
    except Exception as error:  # zipfile, json and h5py each have errors of their own
        raise _refusal(path, error) from error
    package, _, name = str(config.get("registered_name")).rpartition(">")
    registry.load_all()
    registered = keras.saving.get_registered_object(f"ganzoo>{name}")
    is_gan = isinstance(registered, type) and issubclass(registered, Saving)
    if package != "ganzoo" or not name or (registered and not is_gan):
        kind = _printable(config.get("class_name"))
        raise ValueError(f"{path} holds a {kind}, not a GAN of the zoo.")
    if registered is None:
        module = _printable(config.get("module") or "")
        raise ValueError(
            f"{path} holds the GAN {_printable(name)}, whose class is not known here: import the "
            f"module that defines it{f' ({module})' if module else ''}, then load the file again."
        )
    try:
        archives.check(config, numbers)
        with warnings.catch_warnings(), archives.allowance(numbers):
            # Keras warns of what isn't in the file, weights or an optimizer's, and leaves it so.
            warnings.filterwarnings("error", "Skipping (nested|variable)", UserWarning)
            # safe_mode=True gives way to keras.config.enable_unsafe_deserialization()
            with keras_compat.safe_mode():
                return keras.saving.load_model(copy, safe_mode=True)
    except UserWarning as error:
        raise _refusal(path, "its weights don't fit its config.json") from error
    except Exception as error:  # Keras and TensorFlow have many
        raise _refusal(path, error) from error


def _path(given: Any) -> Any:
    if not files.is_path(given):
        raise ValueError(f"{given!r} is no path: name a .keras file.")
    return files.at(given)


def _refusal(path: Any, reason: object) -> ValueError:
    innermost = str(reason).rpartition("Exception encountered: ")[2]  # as Keras passes it on
    sentence = re.split(r"\.\s|\n", innermost.strip())[0] or type(reason).__name__
    return ValueError(
        f"{path} is no saved GAN, or is damaged: {_printable(sentence).rstrip('.:')}."
    )


def _printable(text: object) -> str:
    """Text from a file, shortened, and without control characters for a terminal."""
    return "".join(letter for letter in str(text)[:200] if letter.isprintable())
