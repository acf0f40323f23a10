"""Augmentations of the images that the discriminator sees, by name.

    ganzoo.get("dcgan", augment="diffaugment")
    ganzoo.get("dcgan", augment=ganzoo.augmentation.DiffAugment(("translation", "cutout")))

Real and fake images are augmented alike, in every update of every player, so that the generator
learns the images without the augmentation. Penalties differentiate the discriminator at the
augmented images, and gradients of the generator go through the augmentation.

An own augmentation is a function of samples and a `Noise`, which gives the random draws:

    def brighter(samples, noise):
        return samples + noise.uniform([tf.shape(samples)[0], 1, 1, 1], -0.5, 0.5)

    ganzoo.get("dcgan", augment=brighter)
"""

from __future__ import annotations

import copy
import inspect
from typing import Any

from ganzoo.augmentation.ada import ADA
from ganzoo.augmentation.augmentation import Augmentation, Own
from ganzoo.augmentation.diffaugment import DiffAugment

__all__ = ["ADA", "NAMED", "Augmentation", "DiffAugment", "get"]

NAMED: dict[str, type[Augmentation]] = {
    "none": Augmentation,
    "diffaugment": DiffAugment,
    "ada": ADA,
}


def get(name: Any) -> Augmentation:
    """Returns a new augmentation of that name, a copy of an `Augmentation`, or one that calls an
    own function.

    Raises:
        ValueError: the function can't be called with samples and noise.
    """
    if isinstance(name, str):
        return NAMED[name]()
    if isinstance(name, Augmentation):
        return copy.copy(name)  # the state belongs to one GAN
    try:
        inspect.signature(name).bind(None, None)
    except (TypeError, ValueError):
        raise ValueError(
            f"augment={name!r:.200} can't be called with two arguments: it must be a function "
            "(samples, noise) -> samples."
        ) from None
    return Own(name)
