"""The residual generator of CycleGAN, which maps images to images of the same size.

Zhu et al. 2017, arXiv:1703.10593, section 7.2 (the network is that of Johnson et al. 2016,
arXiv:1603.08155): reflection padding, instance normalisation without weights, two strided
convolutions, residual blocks, and two transposed convolutions. With three channels and width 64 it
has as many parameters as in the authors' PyTorch code: 11,378,179 with nine blocks and 7,837,699
with six. Each discriminator is a PatchGAN, which has 2,764,737.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers as kl
from keras import ops

from ganzoo.networks import layers, unet
from ganzoo.networks.layers import Shape, small_normal

SMALLEST = 8
NORMALIZATION = "instance"


@keras.saving.register_keras_serializable("ganzoo")
class ReflectionPadding(keras.layers.Layer):
    """Pads images [batch, height, width, channels] with their mirror image at each border.

    The outermost pixels are the axis of the mirror and are not repeated.

    Args:
        pixels: how many are added on each of the four sides; less than height and width.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, pixels: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.pixels = pixels

    def call(self, x: tf.Tensor) -> tf.Tensor:
        sides = (self.pixels, self.pixels)
        return ops.pad(x, ((0, 0), sides, sides, (0, 0)), "reflect")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = input_shape
        more = 2 * self.pixels
        return (batch, height and height + more, width and width + more, channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"pixels": self.pixels}


def check(shape: tuple[int, ...]) -> None:
    """Accepts images of at least 8×8 whose sides are multiples of 4.

    Raises:
        ValueError: the shape is another one.
    """
    if len(shape) != 3 or min(shape[:2]) < SMALLEST or any(side % 4 for side in shape[:2]):
        seen = "×".join(map(str, shape))
        raise ValueError(
            f"CycleGAN's generator needs images of at least {SMALLEST}×{SMALLEST} whose sides are "
            f"multiples of 4, but the data are {seen}: resize or pad them."
        )


def blocks_for(shape: tuple[int, ...]) -> int:
    """Returns the paper's number of residual blocks: nine from 256×256 on, six from 128×128 on.
    Smaller images get three."""
    side = min(shape[:2])
    return 9 if side >= 256 else 6 if side >= 128 else 3


def generator(
    source: tuple[int, ...],
    target: tuple[int, ...],
    *,
    width: int | None = None,
    blocks: int | None = None,
    normalization: str = NORMALIZATION,
    name: str = "generator",
) -> keras.Model:
    """Returns a generator, images [batch, H, W, C] -> [batch, H, W, C'] in [-1, 1].

    Args:
        source: (H, W, C), the shape of the given images.
        target: (H, W, C'), the shape of the generated images.
        width: channels at full size; there are twice and four times as many at the smaller sizes.
            64 for None.
        blocks: the number of residual blocks; see `blocks_for` for None.
        normalization: "instance", "batch", "layer" or "none".
        name: of the model.

    Raises:
        ValueError: see `check`.
    """
    check(source)
    width = width or 64
    bias = normalization != "batch"

    def convolved(
        x: keras.KerasTensor, channels: int, size: int, stride: int = 1, activate: bool = True
    ) -> keras.KerasTensor:
        if stride == 1:
            x = kl.Conv2D(channels, size, use_bias=bias, kernel_initializer=small_normal())(
                ReflectionPadding(size // 2)(x)
            )
        else:
            x = kl.Conv2D(
                channels, size, stride, "same", use_bias=bias, kernel_initializer=small_normal()
            )(x)
        return normalized(x, activate)

    def normalized(x: keras.KerasTensor, activate: bool = True) -> keras.KerasTensor:
        x = layers.normalized(x, normalization)
        return kl.ReLU()(x) if activate else x

    given = keras.Input(source, name="image")
    x = convolved(given, width, 7)
    for factor in (2, 4):
        x = convolved(x, factor * width, 3, stride=2)
    for _ in range(blocks_for(source) if blocks is None else blocks):
        inner = convolved(x, 4 * width, 3)
        x = kl.Add()([x, convolved(inner, 4 * width, 3, activate=False)])
    for factor in (2, 1):
        x = normalized(
            kl.Conv2DTranspose(
                factor * width, 3, 2, "same", use_bias=bias, kernel_initializer=small_normal()
            )(x)
        )
    x = kl.Conv2D(target[-1], 7, kernel_initializer=small_normal())(ReflectionPadding(3)(x))
    return keras.Model(given, kl.Activation("tanh")(x), name=name)


def discriminator(
    shapes: Sequence[tuple[int, ...]],
    *,
    width: int | None = None,
    normalization: str = NORMALIZATION,
) -> keras.Model:
    """Returns a PatchGAN for each set of images, as one model of a list of images
    [batch, H, W, C] -> {"logits": [batch, h, w, sets]}.

    Args:
        shapes: (H, W, C) for each set, with equal H and W.
        width, normalization: see `ganzoo.networks.unet.patches`.
    """
    inputs, logits = [], []
    for number, shape in enumerate(shapes):
        name = f"discriminator_{number}"
        judge = unet.patches(shape, width=width, normalization=normalization, name=name)
        inputs.append(keras.Input(shape, name=f"sample_{number}"))
        logits.append(judge(inputs[-1])["logits"])
    return keras.Model(inputs, {"logits": kl.Concatenate()(logits)}, name="discriminator")
