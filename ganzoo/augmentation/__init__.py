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

Decorate it with `@keras.saving.register_keras_serializable()`, so that a GAN with it can be saved.
"""

from __future__ import annotations

import copy
import inspect
from typing import Any

from ganzoo.augmentation.ada import ADA
from ganzoo.augmentation.augmentation import Augmentation, Own
from ganzoo.augmentation.diffaugment import DiffAugment
from ganzoo.foundation.registry import unknown

__all__ = ["ADA", "NAMED", "Augmentation", "DiffAugment", "get"]

NAMED: dict[str, type[Augmentation]] = {
    "none": Augmentation,
    "diffaugment": DiffAugment,
    "ada": ADA,
}


def get(name: Any) -> Augmentation:
    """Returns an augmentation.

    Args:
        name: a key of `NAMED`; an `Augmentation`, which is copied; or a function
            (samples, noise) -> samples.

    Raises:
        ValueError: no augmentation has that name, or the function can't be called with samples and
            noise.

    Example:
        >>> ganzoo.augmentation.get("diffaugment").policy
        ('color', 'translation', 'cutout')
    """
    if isinstance(name, str):
        if name not in NAMED:
            raise ValueError(unknown("augmentation", name, NAMED))
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
