"""What an augmentation is: a random map of the images that the discriminator sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from ganzoo.foundation.randomness import Noise


class Augmentation:
    """A random map of real and fake images, with or without a state. This class maps nothing.

    Attributes:
        name: how it is called in error messages.
    """

    name = "none"

    def check(self, gan: keras.Model) -> None:
        """Checks a game before it has seen data.

        Raises:
            ValueError: the game can't use this augmentation.
        """

    def build(self, gan: keras.Model) -> None:
        """Checks the data that `gan` is built for. Makes the state with `gan.add_weight`; it is
        saved and loaded with the GAN.

        Raises:
            ValueError: the data are not images.
        """
        if self.name != "none" and not gan.spec.is_image:
            raise ValueError(
                f"augment={self.name!r} changes images, but the data are {gan.spec.kind}: leave it "
                "out, or pass a function (samples, noise) -> samples of your own."
            )

    def __call__(self, samples: tf.Tensor, noise: Noise) -> tf.Tensor:
        """Returns augmented samples of the same shape, each drawn for itself.

        Args:
            samples: float32 [batch, H, W, C] in [-1, 1].
            noise: gives the random draws. Other draws would not be repeated after a resume.
        """
        return samples

    def after(self, update: Any) -> dict[str, tf.Tensor]:
        """Changes the state. It is called after each update of the discriminator, and returns what
        is worth logging, by name."""
        return {}

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, as Keras saves them."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Augmentation:
        """Makes an augmentation from the result of `get_config`."""
        return cls(**config)


class Own(Augmentation):
    """A function (samples, noise) -> samples of the user's, for samples of any kind.

    Args:
        function: maps float32 [batch, ...] to the same shape.
    """

    name = "own"

    def __init__(self, function: Callable[[tf.Tensor, Noise], tf.Tensor]):
        self.function = function

    def build(self, gan: keras.Model) -> None:
        """Accepts any data."""

    def __call__(self, samples: tf.Tensor, noise: Noise) -> tf.Tensor:
        found = self.function(samples, noise)
        if not (
            tf.is_tensor(found)
            and found.dtype == samples.dtype
            and samples.shape.is_compatible_with(found.shape)
        ):
            seen = f"{found.dtype.name} {found.shape}" if tf.is_tensor(found) else repr(found)[:80]
            raise ValueError(
                f"augment returned {seen} for samples {samples.dtype.name} {samples.shape}: it "
                "must return a tensor of the same shape and dtype."
            )
        return found
