"""ganzoo: a model zoo of generative adversarial networks for TensorFlow and Keras.

    gan = ganzoo.get("lsgan")
    gan.fit(ganzoo.data.load("mnist5k"), epochs=20)
    images = gan.sample(16, seed=0)
    gan.export("serving/lsgan", format="onnx")

Importing it is cheap: TensorFlow is imported on first use.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN
    from ganzoo.foundation.registry import Card

__version__ = "0.1.0"

__all__ = ["card", "data", "get", "load", "names"]


def names(pattern: str = "*") -> list[str]:
    """Sorted registry names that match a shell-style pattern: `names("*wgan*")`."""
    return _registry().names(pattern)


def card(name: str) -> Card:
    """What is known about a GAN: title, authors, year, arxiv, equation, conditional and
    hyperparameters (name -> default), as a frozen dataclass whose `str` is a page.

    Raises:
        ValueError: no GAN has that name.
    """
    return _registry().card(name)


def get(name: str, **hyperparameters: Any) -> GAN:
    """A compiled GAN, a subclass of keras.Model, that builds itself from the data it is fitted to.

    Raises:
        ValueError: no GAN has that name, it has no such hyper-parameter, or the value is bad.
    """
    gan = _registry().find(name)(**hyperparameters)
    gan.compile()
    return gan


def load(filepath: str | os.PathLike) -> GAN:
    """A GAN from the `.keras` file that `gan.save` wrote, with optimizers, step and seed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file isn't a saved GAN, or is damaged.
    """
    from ganzoo.core.saving import load as load_gan

    return load_gan(filepath)


def _registry() -> ModuleType:
    return importlib.import_module("ganzoo.foundation.registry")


_PUBLIC = {  # name -> module
    "augmentation": "ganzoo.augmentation",
    "callbacks": "ganzoo.training.callbacks",
    "checkpoints": "ganzoo.training.checkpoints",
    "checks": "ganzoo.testing.checks",
    "data": "ganzoo.data",
    "evaluation": "ganzoo.evaluation",
    "exporters": "ganzoo.exporters",
    "latents": "ganzoo.core.latents",
    "objectives": "ganzoo.losses.objectives",
    "penalties": "ganzoo.losses.penalties",
    "regularisers": "ganzoo.losses.regularisers",
    "schedules": "ganzoo.foundation.schedules",
    "strategies": "ganzoo.devices.strategies",
    "usefulness": "ganzoo.evaluation.usefulness",
}


def __getattr__(name: str) -> ModuleType:
    if name in _PUBLIC:
        return importlib.import_module(_PUBLIC[name])
    raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")


if "keras" in sys.modules:  # keras.models.load_model then knows the GANs' classes
    _registry().load_all()
