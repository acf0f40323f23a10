"""The networks of FastGAN, for images of at least 8×8.

Liu, Zhu, Song, Elgammal 2021, arXiv:2101.04775, sections 3.1 and 3.2: the generator doubles the
sides by repeated pixels and convolutions with gated linear units. Skip-layer excitation multiplies
channels of a large stage by gates that are computed from a small one. Decoders reconstruct images
from features of the discriminator. `ganzoo.networks` describes the arguments.

Deviations:

- The first stage has the size that remains when the sides are halved, rounded up, until one is
  below 8. Excitation leads from the first stages to those four stages further, as in the paper, if
  there are that many, and otherwise to those that are left.
- There is no noise between the layers, so that `sample` and an export give the same images, and no
  spectral normalisation.
- D judges images at one size, and with one logit.
"""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers as kl
from keras import ops

from ganzoo.networks import stages
from ganzoo.networks.layers import LeakyReLU, normalized, small_normal

NORMALIZATION = "batch"
NARROW = 16  # `width` of None
JUMP = 4  # stages over which excitation leads
# Channels of each stage in units of `width`, from the smallest one on.
GENERATOR = (16, 8, 4, 2, 2, 1, 0.5, 0.25)
DISCRIMINATOR = (16, 8, 4, 2, 1, 0.5, 0.25)


def check(shape: tuple[int, ...]) -> None:
    """Accepts images of at least 8×8.

    Raises:
        ValueError: the shape is that of vectors or of smaller images.
    """
    stages.check(shape, "architecture 'fastgan'")


def generator(
    inputs: int,
    shape: tuple[int, ...],
    *,
    width: int | None = None,
    normalization: str = "batch",
) -> keras.Model:
    """Returns a generator [batch, inputs] -> [batch, H, W, C] in [-1, 1].

    Args:
        width: the first stage has 16·width channels, each further one about half of the one
            before. 16 for None; the authors have 64.
        normalization: "batch", "layer" or "none".

    Raises:
        ValueError: see `check`.
    """
    check(shape)
    sizes = stages.sizes(shape)[::-1]
    channels = [_channels(width, GENERATOR, stage) for stage in range(len(sizes))]
    latents = keras.Input([inputs], name="latent")
    x = kl.Reshape((1, 1, inputs))(latents)
    x = kl.Conv2DTranspose(2 * channels[0], sizes[0], kernel_initializer=small_normal())(x)
    maps = [GLU()(normalized(x, normalization))]
    jump = JUMP if len(sizes) > JUMP else len(sizes) // 2
    for stage in range(1, len(sizes)):
        x = _doubled(maps[-1], channels[stage], sizes[stage], normalization)
        if stage % 2:  # every second stage has another convolution, as in the authors' code
            x = _convolved(x, channels[stage], normalization)
        if stage >= jump:
            x = kl.Multiply()([x, _gates(maps[stage - jump], channels[stage])])
        maps.append(x)
    x = kl.Conv2D(shape[-1], 3, padding="same", kernel_initializer=small_normal())(maps[-1])
    return keras.Model(latents, kl.Activation("tanh")(x), name="generator")


def features(
    shape: tuple[int, ...],
    *,
    condition: int = 0,
    width: int | None = None,
    normalization: str = "batch",
) -> keras.Model:
    """Returns a model of features [batch, H, W, C] -> [batch, n].

    The decoders read the outputs of its layers "fine" and "coarse", the last two stages.

    Args:
        condition: width of a second input, which is repeated over the image as further channels.
        width: the last stage has 16·width channels, each one before about half of that. 16 for
            None; the authors have 64.
        normalization: "batch", "layer" or "none"; there is none in the first stage.

    Raises:
        ValueError: see `check`.
    """
    check(shape)
    sizes = stages.sizes(shape)
    inputs, x = stages.with_condition(keras.Input(shape, name="sample"), condition)
    last = len(sizes) - 1
    for stage in range(len(sizes)):
        channels = _channels(width, DISCRIMINATOR, last - stage)
        if stage == 0:
            x = kl.Conv2D(channels, 3, padding="same", kernel_initializer=small_normal())(x)
            x = LeakyReLU()(x)
        else:
            x = _halved(x, channels, normalization)
        name = {last: "coarse", last - 1: "fine"}.get(stage)
        x = kl.Activation("linear", name=name)(x) if name else x
    x = kl.Conv2D(x.shape[-1], 1, kernel_initializer=small_normal())(x)
    x = LeakyReLU()(normalized(x, normalization))
    return keras.Model(inputs, kl.Flatten()(x), name="features")


def decoder(
    shape: tuple[int, ...],
    channels: int,
    doublings: int,
    *,
    width: int | None = None,
    normalization: str = "batch",
    name: str = "decoder",
) -> keras.Model:
    """Returns a decoder of features [batch, h, w, n] -> [batch, h·2ᵏ, w·2ᵏ, channels] in [-1, 1].

    Args:
        shape: (h, w, n).
        channels: channels of the images.
        doublings: k.
        width: the first convolution has 8·width channels, each further one half of the one before,
            at least `width`. 16 for None.
        normalization: "batch", "layer" or "none".
        name: name of the model.
    """
    x = maps = keras.Input(shape, name="maps")
    for stage in range(doublings):
        wide = (width or NARROW) * max(1, 8 >> stage)
        size = (2 * x.shape[1], 2 * x.shape[2])
        x = _doubled(x, wide, size, normalization)
    x = kl.Conv2D(channels, 3, padding="same", kernel_initializer=small_normal())(x)
    return keras.Model(maps, kl.Activation("tanh")(x), name=name)


def quarter(images: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    """Returns a quarter of each image, [batch, H // 2, W // 2, C]. The last row and column of odd
    sides are left out.

    Args:
        images: [batch, H, W, C].
        place: int32 [batch], from 0 to 3: left or right for even or odd, the upper ones first.
    """
    height, width, channels = images.shape[1] // 2, images.shape[2] // 2, images.shape[3]
    images = images[:, : 2 * height, : 2 * width]
    parts = tf.reshape(images, [-1, 2, height, 2, width, channels])
    parts = tf.reshape(tf.transpose(parts, [0, 1, 3, 2, 4, 5]), [-1, 4, height, width, channels])
    return tf.gather(parts, place, axis=1, batch_dims=1)


def _channels(width: int | None, of: tuple[float, ...], stage: int) -> int:
    return max(1, int((width or NARROW) * of[min(stage, len(of) - 1)]))


def _convolved(x: keras.KerasTensor, channels: int, normalization: str) -> keras.KerasTensor:
    bias = normalization != "batch"
    x = kl.Conv2D(
        2 * channels, 3, padding="same", use_bias=bias, kernel_initializer=small_normal()
    )(x)  # fmt: skip
    return GLU()(normalized(x, normalization))


def _doubled(
    x: keras.KerasTensor, channels: int, size: tuple[int, int], normalization: str
) -> keras.KerasTensor:
    x = stages.cropped(kl.UpSampling2D()(x), size)
    return _convolved(x, channels, normalization)


def _halved(x: keras.KerasTensor, channels: int, normalization: str) -> keras.KerasTensor:
    """Returns the mean of two ways to half of the size: convolutions, and average pooling."""
    bias = normalization != "batch"
    options = {"padding": "same", "use_bias": bias}
    y = kl.Conv2D(channels, 4, 2, kernel_initializer=small_normal(), **options)(x)
    y = LeakyReLU()(normalized(y, normalization))
    y = kl.Conv2D(channels, 3, kernel_initializer=small_normal(), **options)(y)
    y = LeakyReLU()(normalized(y, normalization))
    x = kl.AveragePooling2D(2, padding="same")(x)
    x = kl.Conv2D(channels, 1, kernel_initializer=small_normal(), **options)(x)
    return kl.Average()([y, LeakyReLU()(normalized(x, normalization))])


def _gates(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    """Returns skip-layer excitation: gates [batch, 1, 1, channels] in (0, 1) from maps, which are
    pooled to at most 4×4."""
    x = kl.AveragePooling2D([-(-side // 4) for side in x.shape[1:3]], padding="same")(x)
    x = kl.Conv2D(channels, x.shape[1:3], use_bias=False, kernel_initializer=small_normal())(x)
    x = kl.Activation("silu")(x)
    x = kl.Conv2D(channels, 1, use_bias=False, kernel_initializer=small_normal())(x)
    return kl.Activation("sigmoid")(x)


@keras.saving.register_keras_serializable("ganzoo")
class GLU(keras.layers.Layer):
    """a·σ(b) of the two halves (a, b) of the channels: [batch, ..., 2n] -> [batch, ..., n].

    Dauphin, Fan, Auli, Grangier 2016, arXiv:1612.08083.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        value, gate = ops.split(x, 2, axis=-1)
        return value * ops.sigmoid(gate)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], (input_shape[-1] or 0) // 2)
