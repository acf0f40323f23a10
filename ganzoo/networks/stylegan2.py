"""The networks of StyleGAN2: a style-based generator with skips, and a residual discriminator.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, arXiv:1912.04958, sections 2 and 4. The
paper's width at 1024×1024 is `width=32`.

Deviations: `width` is 16 by default, for a CPU. The styles have the width of the latents. The base
has 4 to 7 pixels, so that sizes such as 28×28 work. Images are clipped to [-1, 1] in inference.
"""

from __future__ import annotations

import math

import keras
from keras import layers as kl
from keras import ops

from ganzoo.networks.equalized import EqualizedConv2D, EqualizedDense, FIRUp, MinibatchStddev
from ganzoo.networks.layers import ClippedInInference
from ganzoo.networks.modulation import (
    LearnedConstant,
    Mapping,
    StyledConv2D,
    ToImage,
)
from ganzoo.networks.stages import with_condition

NORMALIZATION = "none"  # demodulation in G takes its place
SMALLEST, WIDEST = 4, 512  # pixels of the base, channels


def check(shape: tuple[int, ...]) -> None:
    """Accepts images of at least 8×8 whose sides can be halved to a base of 4 to 7 pixels.

    Raises:
        ValueError: the shape is another one.
    """
    if (
        len(shape) != 3
        or not SMALLEST <= min(_sizes(shape)[-1]) < 2 * SMALLEST
        or (min(shape[:2]) < 2 * SMALLEST)
    ):
        seen = f"{shape[0]}×{shape[1]} images" if len(shape) == 3 else "vectors"
        raise ValueError(
            "architecture 'stylegan2' needs images of at least 8×8 whose sides can both be halved "
            "until the shorter one has 4 to 7 pixels, such as 28×28, 32×32 or 48×64, but the data "
            f"are {seen}: resize or pad images, and use another GAN, such as lsgan, for vectors."
        )


def _sizes(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Returns (height, width) of the image and of each stage, which is half the one before."""
    sizes = [(shape[0], shape[1])]
    while min(sizes[-1]) >= 2 * SMALLEST and not any(side % 2 for side in sizes[-1]):
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    return sizes


def _channels(width: int | None, stage: int) -> int:
    """Returns the channels of a stage: `width` in full size, and twice as many in half the size, up
    to the paper's 512."""
    width = width or 16
    return min(width * 2**stage, max(width, WIDEST))


def synthesis(
    inputs: int,
    shape: tuple[int, ...],
    *,
    width: int | None = None,
    depth: int = 2,
    mixing: float = 0.0,
    drawn: int | None = None,
) -> tuple[list[keras.KerasTensor], dict[str, keras.KerasTensor]]:
    """Returns the inputs and the outputs of a generator: latents [batch, inputs] and truncation
    [batch], and {"image": [batch, H, W, C], "styles": [batch, layers, inputs]}.

    Args:
        inputs: width of the latents and the styles.
        shape: (H, W, C).
        width: channels of the last stage; each stage before has twice as many, up to 512. 16 for
            None.
        depth: layers of the mapping network.
        mixing, drawn: the probability of style mixing, and how many values of the latents are
            random, see `modulation.Mapping`.

    Raises:
        ValueError: see `check`.
    """
    check(shape)
    *stages, base = _sizes(shape)
    z, truncation = keras.Input([inputs], name="latent"), keras.Input([], name="truncation")
    mapping = Mapping(2 * len(stages) + 2, depth=depth, mixing=mixing, drawn=drawn, name="mapping")
    styles = mapping([z, truncation])
    each = ops.unstack(styles, axis=1)
    x = LearnedConstant((*base, _channels(width, len(stages))))(styles)
    x = StyledConv2D(_channels(width, len(stages)))([x, each[0]])
    image = ToImage(shape[-1])([x, each[1]])
    for number, stage in enumerate(reversed(range(len(stages)))):
        first, second, last = each[2 * number + 1 : 2 * number + 4]
        x = StyledConv2D(_channels(width, stage), up=True)([x, first])
        x = StyledConv2D(_channels(width, stage))([x, second])
        image = kl.Add()([FIRUp()(image), ToImage(shape[-1])([x, last])])
    return [z, truncation], {"image": ClippedInInference(name="image")(image), "styles": styles}


def generator(
    inputs: int,
    shape: tuple[int, ...],
    *,
    width: int | None = None,
    normalization: str = "none",
) -> keras.Model:
    """Returns a generator [batch, inputs] -> [batch, H, W, C], in [-1, 1] in inference.

    Args:
        inputs, shape, width: see `synthesis`.
        normalization: must be "none", because demodulation takes its place.

    Raises:
        ValueError: see `check`; or another normalisation.
    """
    _refuse(normalization)
    (z, truncation), outputs = synthesis(inputs, shape, width=width)
    whole = keras.Model([z, truncation], outputs["image"])
    latent = keras.Input([inputs], name="latent")
    ones = ops.ones_like(latent[:, 0])
    return keras.Model(latent, whole([latent, ones]), name="generator")


def features(
    shape: tuple[int, ...],
    *,
    condition: int = 0,
    width: int | None = None,
    normalization: str = "none",
) -> keras.Model:
    """Returns a residual network of features [batch, H, W, C] -> [batch, n].

    Args:
        shape: (H, W, C).
        condition: width of a second input; 0 for no such input. It is repeated over the image as
            further channels.
        width: channels of the first stage; each further one has twice as many, up to 512. 16 for
            None.
        normalization: must be "none".

    Raises:
        ValueError: see `check`; or another normalisation.
    """
    check(shape)
    _refuse(normalization)
    inputs, x = with_condition(keras.Input(shape, name="sample"), condition)
    x = EqualizedConv2D(_channels(width, 0), 1)(x)
    half = math.sqrt(0.5)
    stages = len(_sizes(shape)) - 1
    for stage in range(stages):
        wider = _channels(width, stage + 1)
        skip = EqualizedConv2D(wider, 1, down=True, activate=False, gain=half)(x)
        x = EqualizedConv2D(_channels(width, stage))(x)
        x = kl.Add()([EqualizedConv2D(wider, down=True, gain=half)(x), skip])
    x = EqualizedConv2D(_channels(width, stages))(MinibatchStddev()(x))
    x = EqualizedDense(_channels(width, stages), activate=True)(kl.Flatten()(x))
    return keras.Model(inputs, x, name="features")


def _refuse(normalization: str) -> None:
    if normalization != "none":
        raise ValueError(
            f"normalization {normalization!r} is not defined for architecture 'stylegan2', whose "
            "convolutions keep their scale themselves: use 'none' or 'auto'."
        )
