"""Generators that come with the package, trained by `benchmarks/pretrain.py`.

    gan = ganzoo.get("lsgan", weights="mnist5k")
    images = gan.sample(16)

`cards.json` tells for each of them what it was trained on and how, and what was measured. The
weights are float16 arrays in `GAN-NAME.npz`, see `rounded`. The discriminator isn't kept: `fit`
begins with a new one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ganzoo.devices import precision
from ganzoo.foundation import registry
from ganzoo.foundation.keras_compat import averages

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

FOLDER = Path(__file__).parent
CARDS = FOLDER / "cards.json"


@dataclasses.dataclass(frozen=True)
class Weights:
    """What is known about a pretrained generator.

    Attributes:
        gan: the name of its GAN.
        name: its own name, that of the data: `ganzoo.get(gan, weights=name)`.
        data: the data set in a few words, with its licence.
        shape: of a sample.
        hyperparameters: those that it was trained with, name -> value.
        steps, batch_size, seed, minutes: of its training, on two CPU cores.
        measured: measure -> value, each with the extractor and the number of samples in its name.
        command: what trains it again.
        versions: of ganzoo, TensorFlow and Keras.
        bytes, sha256: of its file.
        fields: the fields of the data, as `ganzoo.data.Field.to_config` gives them.
    """

    gan: str
    name: str
    data: str
    shape: tuple[int, ...]
    hyperparameters: dict[str, Any]
    steps: int
    batch_size: int
    seed: int
    minutes: float
    measured: dict[str, float]
    command: str
    versions: str
    bytes: int
    sha256: str
    fields: dict[str, Any] = dataclasses.field(repr=False)

    @property
    def path(self) -> Path:
        """Where its file is."""
        return FOLDER / f"{self.gan}-{self.name}.npz"

    def __str__(self) -> str:
        settings = " ".join(f"{key}={value}" for key, value in self.hyperparameters.items())
        measured = [f"  {key}: {value:.4g}" for key, value in self.measured.items()]
        return "\n".join(
            [
                f'ganzoo.get("{self.gan}", weights="{self.name}")',
                f"  {self.data}; samples of shape {self.shape}; {self.bytes / 1e6:.1f} MB",
                f"  {self.steps} steps of {self.batch_size} in {self.minutes:.0f} min: {settings}",
                *measured,
                f"  trained by {self.command}",
            ]
        )


@cache
def _all() -> tuple[Weights, ...]:
    return tuple(
        Weights(**card | {"shape": tuple(card["shape"])}) for card in json.loads(CARDS.read_text())
    )


def cards(name: str | None = None) -> list[Weights]:
    """See `ganzoo.weights`."""
    if name is not None:
        registry.find(name)  # refuses a name that no GAN has
    return [card for card in _all() if name in (None, card.gan)]


def restore(gan_name: str, name: object, hyperparameters: Mapping[str, Any]) -> GAN:
    """See `ganzoo.get` with `weights`.

    Raises:
        ValueError: there are no such weights, they don't fit the hyper-parameters, or the file is
            damaged.
    """
    known = {card.name: card for card in cards(gan_name)}
    if name not in known:
        if not known:
            others = sorted({card.gan for card in _all()})
            raise ValueError(
                f"{gan_name} has no pretrained weights; those of {', '.join(others)} have."
            )
        raise ValueError(registry.unknown(f"weights of {gan_name}", name, list(known)))
    card = known[str(name)]
    content = card.path.read_bytes()
    if hashlib.sha256(content).hexdigest() != card.sha256:
        raise ValueError(f"{card.path} is damaged: install ganzoo again.")
    config = card.hyperparameters | dict(hyperparameters) | {"fields": card.fields}
    gan = registry.find(gan_name).from_config(config)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        weights = _weights(gan)
        shapes = {key: arrays[key].shape for key in arrays}
        if shapes != {key: tuple(weight.shape) for key, weight in weights.items()}:
            changed = ", ".join(
                f"{key}={value!r}"
                for key, value in hyperparameters.items()
                if value != card.hyperparameters.get(key)
            )
            raise ValueError(
                f"the weights {name!r} of {gan_name} don't fit networks with {changed}: leave out "
                "what changes the networks, or train your own."
            )
        for key, weight in weights.items():
            weight.assign(arrays[key].astype("float32"))
    return gan


def _weights(gan: GAN) -> dict[str, keras.Variable]:
    """The weights of all networks but the discriminator, by their places."""
    models = [layer for layer in gan.layers if isinstance(layer, keras.Model)]
    return {
        f"{place}/{i}": weight
        for place, model in enumerate(models)
        if model is not gan.discriminator
        for i, weight in enumerate(model.weights)
    }


def content(gan: GAN) -> bytes:
    """The file of a trained GAN: its weights, or their averages where it keeps them, `rounded`."""
    weights = _weights(gan)
    values = {key: np.asarray(weight) for key, weight in weights.items()}
    if gan.ema:
        optimizer = precision.inner(gan.generator_optimizer)
        for key, weight in weights.items():
            if weight.trainable:
                values[key] = np.asarray(averages(optimizer, [weight])[0])
    file = io.BytesIO()
    halves: dict[str, Any] = {key: rounded(value) for key, value in values.items()}
    np.savez_compressed(file, **halves)
    return file.getvalue()


def rounded(values: np.ndarray) -> np.ndarray:
    """Numbers in float16 with 9 significant bits in place of 11, which compress by a tenth."""
    bits = values.astype("float16").view("uint16").astype("uint32")
    return (bits + 2 >> 2 << 2).astype("uint16").view("float16")
