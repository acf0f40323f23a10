"""GANs to `.keras` files and back: networks, both optimizers, state, step and seed."""

from __future__ import annotations

import os
import pathlib
import uuid

import keras

from ganzoo import data


class Saving:
    """The saved side of a `GAN`: what Keras writes into a file, and how it is read again."""

    def save(self, filepath, overwrite: bool = True, **kwargs) -> None:
        """Writes a `.keras` file with networks, both optimizers, step and seed; whole or not at
        all, so that a full disk or an interruption leaves the file that was there.

        Raises:
            ValueError: nothing was built yet, or the name doesn't end in `.keras`.
            FileExistsError: the file exists and `overwrite` is False.
            OSError: it can't be written.
        """
        self._check_built("save")
        path = pathlib.Path(filepath)
        if path.suffix != ".keras":
            raise ValueError(f"{str(filepath)!r} is no name for a saved model: end it in .keras.")
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists: pass overwrite=True or another name.")
        draft = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}.keras")
        try:
            super().save(draft, **kwargs)
            os.replace(draft, path)
        except OSError as error:
            raise OSError(f"{path} was not written: {error.strerror or error}.") from error
        finally:
            draft.unlink(missing_ok=True)

    def get_config(self) -> dict:
        config = {"name": self.name}
        config |= {key: getattr(self, key) for key in self.hyperparameters()}
        config["penalties"] = dict(self.penalties)
        if self._own_networks:
            config["architecture"] = [
                keras.saving.serialize_keras_object(model) for model in self._own_networks
            ]
        return config | {"spec": self.spec and self.spec.to_config()}

    @classmethod
    def from_config(cls, config: dict) -> Saving:
        config = dict(config)
        spec = config.pop("spec", None)
        if isinstance(config.get("architecture"), list | tuple):
            config["architecture"] = [
                keras.saving.deserialize_keras_object(model) for model in config["architecture"]
            ]
        gan = cls(**config)
        if spec is not None:
            gan.build_for(data.Spec.from_config(spec))
        return gan

    def get_compile_config(self) -> dict:
        return self._optimizers_config | {
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": self.steps_per_execution,
        }

    def compile_from_config(self, config: dict) -> None:
        optimizers = {
            key: keras.optimizers.deserialize(config.pop(key))
            for key in ("generator_optimizer", "discriminator_optimizer")
        }
        self.compile(**optimizers, **config)


def load(filepath: str | os.PathLike) -> keras.Model:
    """See `ganzoo.load`."""
    path = pathlib.Path(filepath)
    if not path.is_file():
        raise FileNotFoundError(f"there is no saved GAN at {path}.")
    try:
        model = keras.saving.load_model(path)
    except Exception as error:  # zipfile, json, h5py and Keras each have errors of their own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{path} is no saved GAN, or is damaged: {reason[:200]}") from error
    if not isinstance(model, Saving):
        raise ValueError(f"{path} holds a {type(model).__name__}, not a GAN of the zoo.")
    return model
