"""The residual networks of SNGAN, for images of at least 8×8.

Miyato et al. 2018, arXiv:1802.05957, appendix B.4, with the initial weights of the later
implementation "mimicry": Lee and Town 2020, arXiv:2005.02494. At 32×32 with three channels G has
4,276,739 and D has 1,053,825 parameters as there.

Up to 32×32 all stages have the same number of channels. Larger images have the networks of the same
implementation for 64×64 and 128×128: channels double each time the sides are halved, up to 16 times
`width`. D's spectral normalisation is chosen with `discriminator_normalization="spectral"`.
"""

from __future__ import annotations

import math

import keras
from keras import layers as kl

from ganzoo.networks.layers import normalized, self_attention

SMALLEST = 8
NORMALIZATION = "batch"
DISCRIMINATOR_NORMALIZATION = "none"
FLAT = 32  # the largest side of images whose networks have the same width in all stages
WIDEST = 16  # times `width`


def check(shape: tuple[int, ...]) -> None:
    """Accepts images of at least 8×8.

    Raises:
        ValueError: the shape is that of vectors or of smaller images.
    """
    if len(shape) != 3 or min(shape[:2]) < SMALLEST:
        seen = f"{shape[0]}×{shape[1]} images" if len(shape) == 3 else "vectors"
        raise ValueError(
            f"a residual network needs images of at least {SMALLEST}×{SMALLEST}, but the data are "
            f"{seen}: use architecture='mlp'."
        )


def sizes(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Returns (height, width) of the image and of each stage, which is half the one before, rounded
    up, until a side is below 8."""
    found = [(shape[0], shape[1])]
    while min(found[-1]) >= SMALLEST:
        height, width = found[-1]
        found.append((math.ceil(height / 2), math.ceil(width / 2)))
    return found


def initializer(gain: float = 1.0) -> keras.initializers.Initializer:
    """Returns a new Glorot-uniform initializer whose weights are multiplied by `gain`."""
    return keras.initializers.VarianceScaling(gain**2, "fan_avg", "uniform")


def conv(
    channels: int, size: int = 3, gain: float = math.sqrt(2.0), bias: bool = True
) -> kl.Conv2D:
    """Returns a new convolution with the stride 1 that keeps the size of its input."""
    return kl.Conv2D(
        channels, size, padding="same", use_bias=bias, kernel_initializer=initializer(gain)
    )


def cropped(x: keras.KerasTensor, size: tuple[int, int]) -> keras.KerasTensor:
    """Returns the top left part of maps, of the given size."""
    extra = [have - want for have, want in zip(x.shape[1:3], size, strict=True)]
    return kl.Cropping2D([(0, n) for n in extra])(x) if any(extra) else x


def halved(x: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the means of blocks of 2×2."""
    return kl.AveragePooling2D(2, padding="same")(x)


def down_block(
    x: keras.KerasTensor,
    channels: int,
    down: bool,
    normalization: str = "none",
    first: bool = False,
) -> keras.KerasTensor:
    """A residual block of D.

    Args:
        x: maps [batch, h, w, n].
        channels: of the result.
        down: whether the sides are halved.
        normalization: before each ReLU, see `ganzoo.networks.layers.normalized`.
        first: whether x is an image: there is no ReLU before its first convolution.
    """
    hidden = channels if first else x.shape[-1]
    h = x if first else kl.ReLU()(normalized(x, normalization))
    h = kl.ReLU()(normalized(conv(hidden)(h), normalization))
    h = conv(channels)(h)
    h, shortcut = (halved(h), x) if down else (h, x)
    if down or x.shape[-1] != channels:
        if first:
            shortcut = conv(channels, 1, gain=1.0)(halved(shortcut) if down else shortcut)
        else:
            shortcut = conv(channels, 1, gain=1.0)(shortcut)
            shortcut = halved(shortcut) if down else shortcut
    return kl.Add()([h, shortcut])


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
        inputs: width of the latents.
        shape: (H, W, C).
        width: each stage has 4·width channels up to 32×32. Above, the last one has `width`, and
            each stage before has twice as many, up to 16·width. 64 for None.
        normalization: "batch", "layer", "none" or "conditional_batch", before each ReLU. The last
            normalisation isn't conditional.
        condition: number of classes of "conditional_batch"; the generator then takes
            {"latent", "label"}.
        attention: whether there is self-attention before the last stage.
    """
    check(shape)
    *targets, base = sizes(shape)
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
        h = cropped(kl.UpSampling2D()(activated(x)), target)
        h = activated(conv(channels[stage])(h))
        shortcut = cropped(kl.UpSampling2D()(x), target)
        x = kl.Add()([conv(channels[stage])(h), conv(channels[stage], 1, gain=1.0)(shortcut)])
    last = "batch" if condition else normalization
    x = kl.Activation("tanh")(conv(shape[-1], gain=1.0)(kl.ReLU()(normalized(x, last))))
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
        shape: (H, W, C).
        condition: width of a second input, which is repeated over the image as further channels; 0
            for no such input.
        width: each stage has 2·width channels up to 32×32. Above, the first one has `width`, and
            each further one has twice as many, up to 16·width. 64 for None.
        normalization: "batch", "layer" or "none", before each ReLU.
        attention: whether there is self-attention after the first stage.
    """
    check(shape)
    halvings = len(sizes(shape)) - 1
    if max(shape[:2]) <= FLAT:
        channels = [2 * (width or 64)] * 4
        downs = min(2, halvings)
    else:
        channels = [(width or 64) * min(2**stage, WIDEST) for stage in range(halvings + 1)]
        downs = halvings + 1
    x = sample = keras.Input(shape, name="sample")
    inputs = [sample]
    if condition:
        inputs.append(keras.Input([condition], name="condition"))
        maps = kl.UpSampling2D(shape[:2])(kl.Reshape((1, 1, condition))(inputs[1]))
        x = kl.Concatenate()([x, maps])
    for stage, count in enumerate(channels):
        x = down_block(x, count, stage < downs, normalization, first=stage == 0)
        if attention and stage == 0:
            x = self_attention(x)
    x = kl.ReLU()(normalized(x, normalization))
    size = math.prod(x.shape[1:3])
    x = kl.Rescaling(float(size))(kl.GlobalAveragePooling2D()(x))
    return keras.Model(inputs if condition else sample, x, name="features")
