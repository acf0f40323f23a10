"""The residual networks of SNGAN, for images of at least 8×8.

Miyato et al. 2018, arXiv:1802.05957, appendix B.4, with the initial weights of the later
implementation "mimicry": Lee and Town 2020, arXiv:2005.02494. At 32×32 with three channels G has
4,276,739 and D has 1,053,825 parameters as there.

Up to 32×32 all stages have the same number of channels. Larger images have the networks of the same
implementation for 64×64 and 128×128: channels double each time the sides are halved, up to 16 times
`width`. D's spectral normalisation is chosen with `discriminator_normalization="spectral"`.
`ganzoo.networks` describes the arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
from keras import layers as kl

from ganzoo.networks import stages
from ganzoo.networks.layers import Conv2D, normalized, self_attention

NORMALIZATION = "batch"
DISCRIMINATOR_NORMALIZATION = "none"
FLAT = 32  # the largest side of images whose networks have the same width in all stages
WIDEST = 16  # times `width`


def check(shape: tuple[int, ...]) -> None:
    """Accepts images of at least 8×8.

    Raises:
        ValueError: the shape is that of vectors or of smaller images.
    """
    stages.check(shape, "a residual network")


def initializer(gain: float = 1.0) -> keras.initializers.Initializer:
    """Returns a new Glorot-uniform initializer whose weights are multiplied by `gain`."""
    return keras.initializers.VarianceScaling(gain**2, "fan_avg", "uniform")


def conv(channels: int, size: int = 3, resize: bool = False) -> kl.Conv2D:
    """Returns a new convolution, which keeps the sides of its input, or doubles them first with
    `resize`."""
    weights = initializer(math.sqrt(2.0) if size == 3 else 1.0)
    return Conv2D(channels, size, padding="same", kernel_initializer=weights, resize=resize)


def halved(x: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the means of blocks of 2×2."""
    return kl.AveragePooling2D(2, padding="same")(x)


def up_block(
    x: keras.KerasTensor,
    channels: int,
    size: tuple[int, int],
    activated: Callable[[keras.KerasTensor], keras.KerasTensor],
    conv: Callable[..., kl.Conv2D] = conv,
) -> keras.KerasTensor:
    """A residual block of G, which doubles the sides of maps.

    Args:
        x: maps [batch, h, w, n].
        channels: of the result.
        size: of the result, at most (2h, 2w).
        activated: maps -> the same, normalised and activated.
        conv: as `ganzoo.networks.resnet.conv`.
    """

    def doubled(x: keras.KerasTensor, taps: int) -> keras.KerasTensor:
        if size == tuple(2 * side for side in x.shape[1:3]):
            return conv(channels, taps, resize=True)(x)
        return conv(channels, taps)(stages.cropped(kl.UpSampling2D()(x), size))

    h = conv(channels)(activated(doubled(activated(x), 3)))
    return kl.Add()([h, doubled(x, 1)])


def down_block(
    x: keras.KerasTensor,
    channels: int,
    down: bool,
    *,
    normalization: str = "none",
    first: bool = False,
    wide: bool = False,
    conv: Callable[..., kl.Conv2D] = conv,
) -> keras.KerasTensor:
    """A residual block of D.

    Args:
        x: maps [batch, h, w, n].
        channels: of the result.
        down: whether the sides are halved.
        normalization: before each ReLU, see `ganzoo.networks.layers.normalized`.
        first: whether x is an image: there is no ReLU before its first convolution.
        wide: whether the first convolution has `channels` channels, and not those of x.
        conv: as `ganzoo.networks.resnet.conv`.
    """
    h = x if first else kl.ReLU()(normalized(x, normalization))
    h = conv(channels if first or wide else x.shape[-1])(h)
    h = conv(channels)(kl.ReLU()(normalized(h, normalization)))
    shortcut = x
    if first:  # the mean is taken of the image, which has few channels
        shortcut = conv(channels, 1)(halved(x) if down else x)
    elif down or x.shape[-1] != channels:
        shortcut = conv(channels, 1)(x)
        shortcut = halved(shortcut) if down else shortcut
    return kl.Add()([halved(h) if down else h, shortcut])


def summed(x: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the sums of maps over their positions, [batch, h, w, n] -> [batch, n]."""
    return kl.Rescaling(float(math.prod(x.shape[1:3])))(kl.GlobalAveragePooling2D()(x))


def generator(
    inputs: int,
    shape: tuple[int, ...],
    *,
    width: int | None = None,
    normalization: str = "batch",
    condition: int = 0,
    attention: bool = False,
) -> keras.Model:
    """Returns a generator [batch, inputs] -> [batch, H, W, C] in [-1, 1].

    Args:
        width: each stage has 4·width channels up to 32×32. Above, the last one has `width`, and
            each stage before has twice as many, up to 16·width. 64 for None.
        normalization: "batch", "layer", "none" or "conditional_batch", before each ReLU. The last
            normalisation isn't conditional.
        attention: whether there is self-attention before the last stage.
    """
    check(shape)
    *targets, base = stages.sizes(shape)
    flat = max(shape[:2]) <= FLAT
    channels = [(width or 64) * (4 if flat else min(2**s, WIDEST)) for s in range(len(targets) + 1)]
    z = keras.Input([inputs], name="latent")
    y = keras.Input([condition], name="label") if condition else None

    def activated(x: keras.KerasTensor) -> keras.KerasTensor:
        return kl.ReLU()(normalized(x, normalization, y))

    x = kl.Dense(math.prod(base) * channels[-1], kernel_initializer=initializer())(z)
    x = kl.Reshape((*base, channels[-1]))(x)
    for stage, target in reversed(list(enumerate(targets))):
        if attention and stage == 0:
            x = self_attention(x)
        x = up_block(x, channels[stage], target, activated)
    last = "batch" if condition else normalization
    to_image = kl.Conv2D(shape[-1], 3, padding="same", kernel_initializer=initializer())
    x = kl.Activation("tanh")(to_image(kl.ReLU()(normalized(x, last))))
    return keras.Model({"latent": z, "label": y} if condition else z, x, name="generator")


def features(
    shape: tuple[int, ...],
    *,
    condition: int = 0,
    width: int | None = None,
    normalization: str = "none",
    attention: bool = False,
) -> keras.Model:
    """Returns a model of features [batch, H, W, C] -> [batch, n], sums over all positions.

    Args:
        condition: width of a second input, which is repeated over the image as further channels.
        width: each stage has 2·width channels up to 32×32. Above, the first one has `width`, and
            each further one has twice as many, up to 16·width. 64 for None.
        normalization: "batch", "layer" or "none", before each ReLU.
        attention: whether there is self-attention after the first stage.
    """
    check(shape)
    halvings = len(stages.sizes(shape)) - 1
    if max(shape[:2]) <= FLAT:
        channels = [2 * (width or 64)] * 4
        downs = min(2, halvings)
    else:
        channels = [(width or 64) * min(2**stage, WIDEST) for stage in range(halvings + 1)]
        downs = halvings + 1
    inputs, x = stages.with_condition(keras.Input(shape, name="sample"), condition)
    for stage, count in enumerate(channels):
        down, first = stage < downs, stage == 0
        x = down_block(x, count, down, normalization=normalization, first=first)
        if attention and first:
            x = self_attention(x)
    x = summed(kl.ReLU()(normalized(x, normalization)))
    return keras.Model(inputs, x, name="features")
