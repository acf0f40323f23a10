"""SRResNet, the generator of SRGAN, which enlarges images by a power of two.

Ledig et al. 2017, arXiv:1609.04802, section 2.1.1 and figure 4: residual blocks at the low
resolution, then sub-pixel convolutions (Shi et al. 2016, arXiv:1609.05158), each of which doubles
the sides.

Deviation: images are in [-1, 1], so that a tanh follows the last convolution.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers as kl

from ganzoo.networks.layers import Shape, normalized

NORMALIZATION = "batch"


@keras.saving.register_keras_serializable("ganzoo")
class PixelShuffle(keras.layers.Layer):
    """Makes images [batch, H, W, factor²·C] larger, [batch, factor·H, factor·W, C].

    Its channel c at row factor·y + i and column factor·x + j is the channel (i·factor + j)·C + c
    at (y, x).

    Shi et al. 2016, arXiv:1609.05158, eq. 4.

    Args:
        factor: how many times larger the sides become.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, factor: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.nn.depth_to_space(x, self.factor)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = input_shape
        larger = (height and height * self.factor, width and width * self.factor)
        return (batch, *larger, channels and channels // self.factor**2)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"factor": self.factor}


def check(shape: tuple[int, ...], scale: int) -> None:
    """Accepts images whose sides are multiples of `scale`.

    Raises:
        ValueError: the shape is another one.
    """
    if len(shape) != 3 or any(side % scale for side in shape[:2]):
        seen = "×".join(map(str, shape))
        raise ValueError(
            f"images that are enlarged by scale={scale} have sides that are multiples of {scale}, "
            f"but the data are {seen}: crop or pad them."
        )


def generator(
    shape: tuple[int, ...],
    scale: int,
    *,
    width: int | None = None,
    blocks: int = 16,
    normalization: str = NORMALIZATION,
) -> keras.Model:
    """Returns an SRResNet, images [batch, H/scale, W/scale, C] -> [batch, H, W, C] in [-1, 1].

    Args:
        shape: (H, W, C), the shape of the large images.
        scale: a power of two.
        width: channels; 64 for None.
        blocks: the number of residual blocks, 16 in the paper.
        normalization: "batch", "instance", "layer" or "none", in the blocks.

    Raises:
        ValueError: see `check`.
    """
    check(shape, scale)
    width = width or 64
    bias = normalization != "batch"

    def convolved(x: keras.KerasTensor) -> keras.KerasTensor:
        x = kl.Conv2D(width, 3, padding="same", use_bias=bias, kernel_initializer="he_normal")(x)
        return normalized(x, normalization)

    given = keras.Input((shape[0] // scale, shape[1] // scale, shape[2]), name="source")
    x = kl.Conv2D(width, 9, padding="same", kernel_initializer="he_normal")(given)
    x = first = activation()(x)
    for _ in range(blocks):
        x = kl.Add()([x, convolved(activation()(convolved(x)))])
    x = kl.Add()([first, convolved(x)])
    for _ in range(scale.bit_length() - 1):
        x = kl.Conv2D(4 * width, 3, padding="same", kernel_initializer="he_normal")(x)
        x = activation()(PixelShuffle(2)(x))
    x = kl.Conv2D(shape[2], 9, padding="same")(x)
    return keras.Model(given, kl.Activation("tanh")(x), name="generator")


def activation() -> keras.layers.Layer:
    """Returns a new PReLU with one slope for each channel, 0.25 at first."""
    return kl.PReLU(keras.initializers.Constant(0.25), shared_axes=[1, 2])
