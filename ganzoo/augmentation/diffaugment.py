"""DiffAugment: the same differentiable augmentations for real and fake images."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.augmentation.augmentation import Augmentation
from ganzoo.augmentation.warps import translate
from ganzoo.foundation.randomness import Noise
from ganzoo.foundation.registry import unknown

POLICIES = ("color", "translation", "cutout")


@keras.saving.register_keras_serializable("ganzoo")
class DiffAugment(Augmentation):
    """Differentiable Augmentation for Data-Efficient GAN Training.

    Zhao, Liu, Lin, Zhu, Han 2020, arXiv:2006.10738, section 3 and the authors' code:

    - color: brightness plus U(−0.5, 0.5), saturation times U(0, 2) (images of three channels only),
      contrast times U(0.5, 1.5);
    - translation by whole pixels, up to 1/8 of each side; what comes in from outside is 0;
    - cutout: a rectangle of half the height and half the width, at any place, is set to 0.

    Pixels are in [-1, 1], so that 0 is grey.

        ganzoo.get("dcgan", augment="diffaugment")
        ganzoo.get("dcgan", augment=ganzoo.augmentation.DiffAugment(("translation",)))

    Args:
        policy: some of "color", "translation" and "cutout". They are applied in this order.

    Raises:
        ValueError: the policy is empty or has another word.
    """

    name = "diffaugment"

    def __init__(self, policy: tuple[str, ...] = POLICIES):
        words = (policy,) if isinstance(policy, str) else tuple(policy)
        for word in words:
            if word not in POLICIES:
                raise ValueError(unknown("policy of DiffAugment", word, POLICIES))
        if not words:
            raise ValueError(f"policy is empty: choose some of {', '.join(POLICIES)}.")
        self.policy = tuple(word for word in POLICIES if word in words)

    def __call__(self, samples: tf.Tensor, noise: Noise) -> tf.Tensor:
        count = tf.shape(samples)[0]
        if "color" in self.policy:
            bright, rich, strong = (noise.uniform([count, 1, 1, 1]) for _ in range(3))
            saturation = 2.0 * rich if samples.shape[-1] == 3 else None
            samples = colour(samples, bright - 0.5, saturation, strong + 0.5)
        sides = samples.shape[1:3]
        if "translation" in self.policy:
            most = [int(side / 8 + 0.5) for side in sides]
            by = [noise.integers([count], 2 * n + 1) - n for n in most]
            samples = translate(samples, *by)
        if "cutout" in self.policy:
            sizes = [int(side / 2 + 0.5) for side in sides]
            # An even square has one more place for its centre than the side has pixels.
            ranges = [side + 1 - size % 2 for side, size in zip(sides, sizes, strict=True)]
            centres = [noise.integers([count], n) for n in ranges]
            samples = cutout(samples, centres, sizes)
        return samples

    def get_config(self) -> dict[str, Any]:
        return {"policy": self.policy}


def colour(
    images: tf.Tensor, brightness: tf.Tensor, saturation: tf.Tensor | None, contrast: tf.Tensor
) -> tf.Tensor:
    """Adds `brightness`, then multiplies the distance from the mean of the channels by
    `saturation`, if it is given, and the distance from the mean of the image by `contrast`.

    Args:
        images: float32 [batch, H, W, C].
        brightness, saturation, contrast: float32 [batch, 1, 1, 1].
    """
    images += brightness
    for factor, axes in ((saturation, 3), (contrast, (1, 2, 3))):
        if factor is not None:
            images = images * factor + tf.reduce_mean(images, axes, keepdims=True) * (1.0 - factor)
    return images


def cutout(images: tf.Tensor, centres: list[tf.Tensor], sizes: list[int]) -> tf.Tensor:
    """Sets a rectangle of each image to 0.

    Args:
        images: float32 [batch, H, W, C].
        centres: rows and columns of the centres, int32 [batch] each; of an even side, that of the
            pixel after the centre. Rectangles may reach out of the image.
        sizes: height and width of the rectangles.
    """
    inside = []
    for axis, (centre, size) in enumerate(zip(centres, sizes, strict=True), 1):
        places = tf.range(images.shape[axis]) - (centre[:, None] - size // 2)
        inside.append((places >= 0) & (places < size))
    hole = inside[0][:, :, None, None] & inside[1][:, None, :, None]
    return tf.where(hole, 0.0, images)
