"""The networks of pix2pix: a U-Net generator and a PatchGAN discriminator.

Isola et al. 2017, arXiv:1611.07004, section 6.1. At 256×256 with three channels they have as many
parameters as in the authors' PyTorch code: 54,413,955 and 2,768,705.
"""

from __future__ import annotations

import keras
from keras import layers as kl

from ganzoo.networks.layers import Dropout, LeakyReLU, normalized, small_normal

SMALLEST = 16
NORMALIZATION = "batch"
DEEPEST = 8  # stages, which take 256×256 to 1×1
WIDEST = 8  # times `width`


def check(shape: tuple[int, ...]) -> None:
    """Accepts images of at least 16×16 whose sides are multiples of 4.

    Raises:
        ValueError: the shape is another one.
    """
    if len(shape) != 3 or min(shape[:2]) < SMALLEST or any(side % 4 for side in shape[:2]):
        seen = "×".join(map(str, shape))
        raise ValueError(
            f"a U-Net needs images of at least {SMALLEST}×{SMALLEST} whose sides are multiples of "
            f"4, but the data are {seen}: resize or pad them."
        )


def depth(shape: tuple[int, ...]) -> int:
    """Returns how often both sides can be halved, at most 8."""
    count, sides = 0, list(shape[:2])
    while count < DEEPEST and all(side % 2 == 0 for side in sides):
        count, sides = count + 1, [side // 2 for side in sides]
    return count


def generator(
    source: tuple[int, ...],
    target: tuple[int, ...],
    *,
    width: int | None = None,
    normalization: str = "batch",
) -> keras.Model:
    """Returns a U-Net {"source": [batch, H, W, C]} -> [batch, H, W, C'] in [-1, 1].

    Each stage of the encoder halves the sides. Its output is concatenated to that of the decoder
    stage with the same size. The innermost decoder stages have dropout 0.5: three at 256×256 as in
    the paper, fewer for smaller images, and at least one.

    Args:
        source: (H, W, C), the shape of the given images.
        target: (H, W, C'), the shape of the generated images.
        width: channels of the first stage; each further one has twice as many, up to 8·width. 64
            for None.
        normalization: "batch", "layer" or "none".

    Raises:
        ValueError: see `check`.
    """
    check(source)
    stages = depth(source)
    bias = normalization != "batch"
    channels = [(width or 64) * min(2**stage, WIDEST) for stage in range(stages)]
    x = given = keras.Input(source, name="source")
    skips = []
    for stage in range(stages):
        if stage:
            skips.append(x)
            x = LeakyReLU()(x)
        x = kl.Conv2D(
            channels[stage], 4, 2, "same", use_bias=bias, kernel_initializer=small_normal()
        )(x)
        if 0 < stage < stages - 1:
            x = normalized(x, normalization)
    for stage in reversed(range(stages)):
        x = kl.ReLU()(x)
        if stage == 0:
            x = kl.Conv2DTranspose(target[-1], 4, 2, "same", kernel_initializer=small_normal())(x)
            break
        x = kl.Conv2DTranspose(
            channels[stage - 1], 4, 2, "same", use_bias=bias, kernel_initializer=small_normal()
        )(x)
        x = normalized(x, normalization)
        if stages - 1 > stage >= stages - 1 - max(1, stages - 5):
            x = Dropout(0.5)(x)
        x = kl.Concatenate()([x, skips[stage - 1]])
    return keras.Model({"source": given}, kl.Activation("tanh")(x), name="generator")


def patches(
    shape: tuple[int, ...],
    *,
    width: int | None = None,
    normalization: str = "batch",
    name: str = "discriminator",
) -> keras.Model:
    """Returns a PatchGAN, images [batch, H, W, C] -> {"logits": [batch, h, w, 1]}.

    Each logit belongs to a patch of the image; patches overlap. From 128×128 on it is the paper's
    70×70 PatchGAN with three strided convolutions. Smaller images get fewer strided convolutions,
    so that a patch is smaller than the image.

    Args:
        shape: (H, W, C).
        width: channels of the first convolution; each further one has twice as many, up to
            8·width. 64 for None.
        normalization: "batch", "layer", "instance" or "none"; there is none after the first
            convolution.
        name: of the model.
    """
    strided = max(1, min(3, min(shape[:2]).bit_length() - 5))
    x = sample = keras.Input(shape, name="sample")
    for stage in range(strided + 1):
        bias = stage == 0 or normalization != "batch"
        channels = (width or 64) * min(2**stage, WIDEST)
        stride = 1 if stage == strided else 2
        x = kl.Conv2D(
            channels, 4, stride, "same", use_bias=bias, kernel_initializer=small_normal()
        )(x)
        x = LeakyReLU()(normalized(x, normalization) if stage else x)
    last = name.replace("discriminator", "logits")  # several of them have different variables
    logits = kl.Conv2D(1, 4, 1, "same", name=last, kernel_initializer=small_normal())(x)
    return keras.Model(sample, {"logits": logits}, name=name)
