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
    from ganzoo.pretrained import Weights

__version__ = "0.1.0"

__all__ = ["card", "data", "get", "load", "names", "weights"]


def names(pattern: str = "*") -> list[str]:
    """Sorted registry names that match a shell-style pattern.

    Raises:
        ValueError: the pattern is not a string.

    Example:
        >>> ganzoo.names("wgan*")
        ['wgan', 'wgan_gp']
    """
    return _registry().names(pattern)


def card(name: str) -> Card:
    """What is known about a GAN: title, authors, year, arxiv, equation, conditional and
    hyperparameters (name -> default), as a frozen dataclass whose `str` is a page.

    Raises:
        ValueError: no GAN has that name.

    Example:
        >>> ganzoo.card("lsgan").arxiv
        '1611.04076'
    """
    return _registry().card(name)


def get(name: str, *, weights: str | None = None, **hyperparameters: Any) -> GAN:
    """A compiled GAN, a subclass of keras.Model, that builds itself from the data it is fitted to.

    Args:
        name: a name that `ganzoo.names()` lists.
        weights: the name of pretrained weights that `ganzoo.weights(name)` lists. The generator is
            then built and trained, and its hyper-parameters are those of its training. `fit`
            continues with a new discriminator.
        hyperparameters: those that `ganzoo.card(name)` lists; others than the defaults.

    Raises:
        ValueError: no GAN has that name, it has no such hyper-parameter or weights, the value is
            bad, or the weights don't fit the hyper-parameters.

    Example:
        >>> ganzoo.get("lsgan", weights="mnist5k").sample(4).shape
        (4, 28, 28, 1)
    """
    if weights is None:
        gan = _registry().find(name)(**hyperparameters)
    else:
        from ganzoo import pretrained

        gan = pretrained.restore(name, weights, hyperparameters)
    gan.compile()
    return gan


def weights(name: str | None = None) -> list[Weights]:
    """The cards of the pretrained generators of a GAN, or of all: what each was trained on, how,
    and what was measured.

    Raises:
        ValueError: no GAN has that name.

    Example:
        >>> [(card.name, card.shape) for card in ganzoo.weights("lsgan")]
        [('mnist5k', (28, 28, 1))]
    """
    from ganzoo import pretrained

    return pretrained.cards(name)


def load(filepath: str | os.PathLike) -> GAN:
    """A GAN from the `.keras` file that `gan.save` wrote, with optimizers, step and seed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file isn't a saved GAN, or is damaged.

    Example:
        >>> ganzoo.get("lsgan", weights="mnist5k").save("lsgan.keras")
        >>> ganzoo.load("lsgan.keras").sample(4).shape
        (4, 28, 28, 1)
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
