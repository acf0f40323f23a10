"""What a regulariser is: a named term of one player's loss, with a state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import keras
import tensorflow as tf

from ganzoo.foundation.randomness import Noise


class Update(Protocol):
    """The part of a `ganzoo.core.update.Update` that a regulariser reads."""

    noise: Noise

    @property
    def real_seen(self) -> Any: ...

    @property
    def fake_seen(self) -> Any: ...

    @property
    def real_outputs(self) -> Mapping[str, tf.Tensor]: ...

    @property
    def fake_outputs(self) -> Mapping[str, tf.Tensor]: ...

    def discriminate(self, samples: Any) -> Mapping[str, tf.Tensor]: ...
    @property
    def inputs(self) -> Mapping[str, tf.Tensor]: ...

    gan: Any
    training: bool
    kept: dict[str, tf.Tensor]


class Regulariser:
    """A named term of one player's loss, with a state.

    Attributes:
        name: the name of the term in the logs.
        player: "discriminator" or "generator", to whose loss the term is added.
        heads: further outputs of D that the term reads, name -> the layers on top of D's features
            that compute it; `[]` are the features themselves.
    """

    name = "regulariser"
    player = "discriminator"
    heads: Mapping[str, list[keras.layers.Layer]] = {}

    def build(self, gan: keras.Model) -> None:
        """Makes the state with `gan.add_weight`. It is saved and loaded with the GAN."""

    def term(self, update: Update) -> tf.Tensor:
        """Returns the term for a `ganzoo.core.update.Update`, a scalar without its weight."""
        raise NotImplementedError

    def after(self, update: Update) -> None:
        """Changes the state. It is called after each update of the player."""

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, as Keras saves them."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regulariser:
        """Makes a regulariser from the result of `get_config`."""
        return cls(**config)


def check_decay(decay: Any) -> float:
    """Returns the decay of a running mean as a float.

    Raises:
        ValueError: it is no number of at least 0 and below 1.
    """
    if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 <= decay < 1:
        raise ValueError(f"decay={decay!r} must be a number of at least 0 and below 1.")
    return float(decay)
