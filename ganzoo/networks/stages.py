"""What convolutional networks share whose stages have half the size: sizes, checks, a condition."""

from __future__ import annotations

import math

import keras
from keras import layers as kl

SMALLEST = 8


def check(shape: tuple[int, ...], network: str) -> None:
    """Accepts images of at least 8×8.

    Args:
        shape: the shape of one sample.
        network: how the error calls the network.

    Raises:
        ValueError: the shape is that of vectors or of smaller images.
    """
    if len(shape) != 3 or min(shape[:2]) < SMALLEST:
        seen = f"{shape[0]}×{shape[1]} images" if len(shape) == 3 else "vectors"
        raise ValueError(
            f"{network} needs images of at least {SMALLEST}×{SMALLEST}, but the data are {seen}: "
            "use architecture='mlp'."
        )


def sizes(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Returns (height, width) of the image and of each stage, which is half the one before, rounded
    up, until a side is below 8."""
    found = [(shape[0], shape[1])]
    while min(found[-1]) >= SMALLEST:
        height, width = found[-1]
        found.append((math.ceil(height / 2), math.ceil(width / 2)))
    return found


def cropped(x: keras.KerasTensor, size: tuple[int, int]) -> keras.KerasTensor:
    """Returns the top left part of maps, of the given size."""
    extra = [have - want for have, want in zip(x.shape[1:3], size, strict=True)]
    return kl.Cropping2D([(0, n) for n in extra])(x) if any(extra) else x


def with_condition(
    sample: keras.KerasTensor, condition: int
) -> tuple[keras.KerasTensor | list[keras.KerasTensor], keras.KerasTensor]:
    """Returns the inputs of a model of features, and its images with the second input repeated
    over them as further channels. There is no second input if `condition` is 0."""
    if not condition:
        return sample, sample
    given = keras.Input([condition], name="condition")
    maps = kl.UpSampling2D(sample.shape[1:3])(kl.Reshape((1, 1, condition))(given))
    return [sample, given], kl.Concatenate()([sample, maps])
