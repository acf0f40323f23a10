"""The residual networks of R3GAN, for images of at least 8×8.

Huang et al. 2024, arXiv:2501.05441, section 4, and the authors' code: residual blocks of a 1×1, a
grouped 3×3 and a 1×1 convolution, the filter (1, 3, 3, 1) before resampling, no normalisation, and
the last convolution of each block starts at 0. So an untrained G is linear in z, and an untrained D
is linear in x.

With `width=768` the generator has as many parameters as the authors' code: 20,732,160 at 32×32×3
and 22,429,824 at 64×64×3. `ganzoo.networks` describes the arguments.

Deviations:

- The first stage has the size that remains when the sides are halved, rounded up, until one is
  below 8. At 32×32 and 64×64 it is the paper's 4×4.
- Outside of training, images are clipped to [-1, 1], as the authors do when they write pictures.
- A condition of D is repeated over the image as further channels. The paper has a projection.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf
from keras import layers as kl
from keras import ops

from ganzoo.networks import stages
from ganzoo.networks.equalized import FIRUp, filtered
from ganzoo.networks.layers import ClippedInInference, LeakyReLU, Shape

NORMALIZATION = "none"
WIDE = 4  # stages of full width, 4×4 to 32×32; each further one has half the width
PER_GROUP = 16  # channels
GAIN = math.sqrt(2 / 1.04)  # keeps the variance through a leaky ReLU of slope 0.2


def check(shape: tuple[int, ...]) -> None:
    """Accepts images of at least 8×8.

    Raises:
        ValueError: the shape is that of vectors or of smaller images.
    """
    stages.check(shape, "architecture 'r3gan'")


def generator(
    inputs: int,
    shape: tuple[int, ...],
    *,
    width: int | None = None,
    normalization: str = "none",
    blocks: int = 2,
) -> keras.Model:
    """Returns a generator [batch, inputs] -> [batch, H, W, C].

    Args:
        width: channels of the stages up to 32×32; each larger one has half of the one before. 64
            for None; the paper has 768.
        normalization: "none".
        blocks: residual blocks of a stage.

    Raises:
        ValueError: the shape or the normalisation is not supported.
    """
    _check_normalization(normalization)
    plan = _plan(shape, width)
    total = blocks * len(plan)
    latents = keras.Input([inputs], name="latent")
    (size, channels), *_ = plan
    x = Basis(size, channels)(latents)
    for size, wider in plan:
        if wider != channels:
            x = _pointwise(wider, 1.0)(x)
            channels = wider
        if x.shape[1:3] != size:
            x = stages.cropped(FIRUp()(x), size)
        for _ in range(blocks):
            x = _block(x, total)
    x = ClippedInInference()(_pointwise(shape[-1], 1.0)(x))
    return keras.Model(latents, x, name="generator")


def features(
    shape: tuple[int, ...],
    *,
    condition: int = 0,
    width: int | None = None,
    normalization: str = "none",
    blocks: int = 2,
) -> keras.Model:
    """Returns a model of features [batch, H, W, C] -> [batch, n], the mirror of the generator.

    Args:
        width: channels of the stages up to 32×32; each larger one has half of the one before. 64
            for None; the paper has 768.
        normalization: "none".
        blocks: residual blocks of a stage.

    Raises:
        ValueError: the shape or the normalisation is not supported.
    """
    _check_normalization(normalization)
    plan = _plan(shape, width)[::-1]
    total = blocks * len(plan)
    inputs, x = stages.with_condition(keras.Input(shape, name="sample"), condition)
    channels = plan[0][1]
    x = _pointwise(channels, 1.0)(x)
    for size, wider in plan:
        if x.shape[1:3] != size:
            x = FIRDownsampling()(x)
        if wider != channels:
            x = _pointwise(wider, 1.0)(x)
            channels = wider
        for _ in range(blocks):
            x = _block(x, total)
    head = kl.DepthwiseConv2D(size, use_bias=False, depthwise_initializer=_normal(1.0, *size))
    return keras.Model(inputs, kl.Flatten()(head(x)), name="features")


def _check_normalization(normalization: str) -> None:
    if normalization != "none":
        raise ValueError(
            f"architecture 'r3gan' has no normalisation, so {normalization!r} must be 'none'."
        )


def _plan(shape: tuple[int, ...], width: int | None) -> list[tuple[tuple[int, int], int]]:
    """Returns (height, width) and channels of each stage, from the smallest to the image."""
    check(shape)
    found = stages.sizes(shape)[::-1]
    widths = [max(1, (width or 64) >> max(0, stage + 1 - WIDE)) for stage in range(len(found))]
    return list(zip(found, widths, strict=True))


def _normal(gain: float, *fan_in: int) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.0, gain / math.sqrt(math.prod(fan_in)))


def _pointwise(channels: int, gain: float) -> keras.layers.Layer:
    """Returns a 1×1 convolution whose weights are N(0, gain²/channels of its input)."""
    weights = keras.initializers.VarianceScaling(gain**2 or 1.0, "fan_in", "untruncated_normal")
    start = weights if gain else "zeros"
    return kl.Conv2D(channels, 1, use_bias=False, kernel_initializer=start)


def _block(x: keras.KerasTensor, blocks: int) -> keras.KerasTensor:
    """Adds a residual block. `blocks` is the number of blocks of the network."""
    gain, channels = GAIN * blocks**-0.25, x.shape[-1]
    groups = math.gcd(2 * channels, max(1, 2 * channels // PER_GROUP))
    y = LeakyReLU()(Bias()(_pointwise(2 * channels, gain)(x)))
    y = LeakyReLU()(Bias()(GroupedConv2D(groups, gain)(y)))
    return kl.Add()([x, _pointwise(channels, 0.0)(y)])


@keras.saving.register_keras_serializable("ganzoo")
class Basis(keras.layers.Layer):
    """A learned basis of images, weighted by a linear map of the latents: [batch, n] ->
    [batch, *size, channels].

    Args:
        size: (height, width).
        channels: number of channels.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, size: tuple[int, int], channels: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.size, self.channels = tuple(size), channels

    def build(self, input_shape: Shape) -> None:
        inputs = input_shape[-1] or 0
        self.basis = self.add_weight(
            shape=(*self.size, self.channels), initializer=_normal(1.0), name="basis"
        )
        self.kernel = self.add_weight(
            shape=(inputs, self.channels), initializer=_normal(1.0, inputs), name="kernel"
        )

    def call(self, z: tf.Tensor) -> tf.Tensor:
        return self.basis * ops.matmul(z, self.kernel)[:, None, None, :]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self.size, self.channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"size": self.size, "channels": self.channels}


@keras.saving.register_keras_serializable("ganzoo")
class Bias(keras.layers.Layer):
    """Adds a learned bias per channel, which starts at 0: [batch, ..., channels] -> the same."""

    def build(self, input_shape: Shape) -> None:
        self.bias = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="bias")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return x + self.bias

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@keras.saving.register_keras_serializable("ganzoo")
class GroupedConv2D(keras.layers.Layer):
    """A 3×3 convolution within groups of channels, without bias: [batch, H, W, channels] -> the
    same. Keras's `Conv2D(groups=…)` is compiled by XLA, which is slow on a CPU.

    Args:
        groups: number of groups.
        gain: the weights are N(0, gain²/fan-in).
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, groups: int, gain: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.groups, self.gain = groups, gain

    def build(self, input_shape: Shape) -> None:
        channels = input_shape[-1] or 0
        inner = channels // self.groups
        self.kernel = self.add_weight(
            shape=(3, 3, inner, channels), initializer=_normal(self.gain, 9, inner), name="kernel"
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(x, tf.convert_to_tensor(self.kernel), 1, "SAME")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"groups": self.groups, "gain": self.gain}


@keras.saving.register_keras_serializable("ganzoo")
class FIRDownsampling(keras.layers.Layer):
    """Halves the sides, rounded up: the filter (1, 3, 3, 1)/8 along both axes at every second
    pixel."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        height, width = (side % 2 for side in x.shape[1:3])
        return filtered(tf.pad(x, [[0, 0], [0, height], [0, width], [0, 0]]), 1, stride=2)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = input_shape
        return (batch, -(-(height or 0) // 2), -(-(width or 0) // 2), channels)
