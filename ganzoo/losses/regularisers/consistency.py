"""Consistency of D under flips and shifts of images, for real or for all samples."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.foundation.randomness import Noise
from ganzoo.losses.regularisers.regulariser import Regulariser, Update


def _reflected(index: tf.Tensor, size: int) -> tf.Tensor:
    """Indices up to size − 1 beyond either end of an axis, reflected at its first or last place."""
    return size - 1 - tf.abs(size - 1 - tf.abs(index))


def _moved(image: tf.Tensor, draws: tf.Tensor, flip: bool, shift: float) -> tf.Tensor:
    """Images [batch, height, width, channels], flipped and shifted by `draws`, [batch, 3]."""
    height, width = image.shape[1:3]

    def places(draw: tf.Tensor, size: int) -> tf.Tensor:
        pixels = tf.cast(tf.round((2.0 * draw - 1.0) * int(shift * size)), tf.int32)
        return _reflected(tf.range(size) + pixels[:, None], size)

    rows, columns = places(draws[:, 0], height), places(draws[:, 1], width)
    if flip:
        columns = tf.where(draws[:, 2:] < 0.5, columns, width - 1 - columns)
    image = tf.gather(image, rows, axis=1, batch_dims=1)
    return tf.gather(image, columns, axis=2, batch_dims=1)


@keras.saving.register_keras_serializable("ganzoo")
class Consistency(Regulariser):
    """E(D(x) − D(T(x)))² at real samples x.

    T mirrors an image from left to right with probability ½ and shifts it by up to ⅛ of its height
    and width, in whole pixels; what is shifted out of the image is replaced by a reflection. D then
    judges what an image shows and not where.

    Zhang, Zhang, Odena, Lee 2020, arXiv:1910.12027, section 2.2; the paper's weight is 10. Where D
    judges patches, D(x) is the mean of its logits. Images that D judges together move together.

    Args:
        flip: whether T mirrors images. Use False for letters and digits, whose mirror images are
            none.
        shift: the largest shift, as a share of the height and width, in [0, 0.5].

    Raises:
        ValueError: the arguments are out of range, or the data are not images.
    """

    name = "consistency"
    parts: tuple[str, ...] = ("real",)

    def __init__(self, flip: bool = True, shift: float = 0.125):
        if not isinstance(flip, bool):
            raise ValueError(f"flip={flip!r:.200} must be True or False.")
        if isinstance(shift, bool) or not isinstance(shift, int | float) or not 0 <= shift <= 0.5:
            raise ValueError(f"shift={shift!r:.200} must be a number from 0 to 0.5.")
        self.flip, self.shift = flip, float(shift)

    def build(self, gan: keras.Model) -> None:
        if not gan.judges_samples:
            raise ValueError(
                f"the regulariser {self.name} moves the images that the discriminator judges, and "
                f"that of {gan.registry_name} judges no images: leave it out."
            )
        if not gan.spec.is_image:
            raise ValueError(
                f"the regulariser {self.name} moves images, and the data are {gan.spec.kind} of "
                f"{gan.spec.shape[-1]} features: leave it out."
            )

    def moved(self, samples: Any, noise: Noise) -> Any:
        """Returns T(samples). All images of a nest are moved alike; vectors stay as they are."""
        images = [x for x in tf.nest.flatten(samples) if x.shape.rank == 4]
        draws = noise.uniform([tf.shape(images[0])[0], 3])
        return tf.nest.map_structure(
            lambda x: _moved(x, draws, self.flip, self.shift) if x.shape.rank == 4 else x, samples
        )

    def term(self, update: Update) -> tf.Tensor:
        terms = []
        for part in self.parts:
            moved = self.moved(getattr(update, f"{part}_seen"), update.noise)
            outputs = (getattr(update, f"{part}_outputs"), update.discriminate(moved))
            one, other = (_per_sample_mean(x["logits"]) for x in outputs)
            terms.append(tf.reduce_mean(tf.square(one - other)))
        return tf.reduce_sum(tf.stack(terms))

    def get_config(self) -> dict[str, Any]:
        return {"flip": self.flip, "shift": self.shift}


def _per_sample_mean(logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(logits, range(1, logits.shape.rank))


@keras.saving.register_keras_serializable("ganzoo")
class BalancedConsistency(Consistency):
    """E(D(x) − D(T(x)))² + E(D(G(z)) − D(T(G(z))))².

    `Consistency` for real and for fake samples. With real samples alone, G learns to make moved
    images.

    Zhao, Singh, Lee, Zhang, Odena, Zhang 2020, arXiv:2002.04724, section 2.1; the paper's weight on
    both terms is 10 for CIFAR-10.
    """

    name = "balanced_consistency"
    parts = ("real", "fake")
