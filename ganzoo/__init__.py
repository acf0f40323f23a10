"""ganzoo: a model zoo of generative adversarial networks for TensorFlow and Keras.

    gan = ganzoo.get("lsgan")
    gan.fit(ganzoo.data.load("mnist5k"), epochs=20)
    images = gan.sample(16, seed=0)
    gan.export("serving/lsgan", format="onnx")

Importing it is cheap: TensorFlow is imported on first use.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import pathlib
import sys
from typing import Any

__version__ = "0.1.0"

__all__ = ["card", "data", "get", "load", "names"]


def names(pattern: str = "*") -> list[str]:
    """Sorted registry names that match a shell-style pattern: `names("*wgan*")`."""
    return _registry().names(pattern)


def card(name: str):
    """What is known about a GAN: title, authors, year, arxiv, equation, conditional and
    hyperparameters (name -> default), as a frozen dataclass whose `str` is a page.

    Raises:
        ValueError: no GAN has that name.
    """
    return _registry().card(name)


def get(name: str, **hyperparameters: Any):
    """A compiled GAN, a subclass of keras.Model, that builds itself from the data it is fitted to.

    Raises:
        ValueError: no GAN has that name, it has no such hyper-parameter, or the value won't do.
    """
    gan = _registry().find(name)(**hyperparameters)
    gan.compile()
    return gan


def load(filepath: str | pathlib.Path):
    """A GAN from the `.keras` file that `gan.save` wrote, with optimizers, step and seed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file isn't a saved GAN, or is damaged.
    """
    _registry()
    from ganzoo.saving import load as load_gan

    return load_gan(filepath)


def _registry():
    """The registry, with the zoo in it."""
    importlib.import_module("ganzoo.zoo")
    return importlib.import_module("ganzoo.registry")


_ROOMS = {
    "checkpoints", "checks", "data", "exporters", "metrics", "objectives", "penalties", "schedules",
    "strategies", "usefulness",
}  # fmt: skip


def __getattr__(name: str):
    if name in _ROOMS:
        return importlib.import_module(f"ganzoo.{name}")
    raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")


class _RegisterOnKerasImport(importlib.abc.MetaPathFinder):
    """Registers the zoo when Keras is imported, whoever does it: `keras.models.load_model` then
    knows the GANs' classes, though `import ganzoo` imports no Keras. Where a room of ganzoo does
    it, the room is finished first, since the zoo needs it whole."""

    inside = 0

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "keras" and not fullname.startswith("ganzoo."):
            return None
        others = (finder for finder in list(sys.meta_path) if finder is not self)
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next(filter(None, found), None)
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module):
                self.inside += 1
                try:
                    execute(module)
                finally:
                    self.inside -= 1
                if not self.inside and "keras" in sys.modules and self in sys.meta_path:
                    sys.meta_path.remove(self)
                    _registry()

            spec.loader.exec_module = execute_and_register
        return spec


if "keras" in sys.modules:
    _registry()
else:
    sys.meta_path.insert(0, _RegisterOnKerasImport())
