"""The convolutional networks of DCGAN, for images of at least 8×8.

Radford et al. 2016, arXiv:1511.06434: strided convolutions instead of pooling, batch
normalisation except in G's last and D's first layer, ReLU in G, leaky ReLU with slope 0.2 in D, and
weights from N(0, 0.02²). `ganzoo.networks` describes the arguments.

Deviations:

- Kernels are 4×4. The paper's 5×5 can't be divided by the stride 2, which causes checkerboards.
- The number of stages depends on the size of the image, so any height and width work.
- Without batch normalisation the weights are He-normal, because with N(0, 0.02²) the signal
  vanishes after some layers.
"""

from __future__ import annotations

import math

import keras
from keras import layers as kl

from ganzoo.networks import stages
from ganzoo.networks.layers import LeakyReLU, normalized

NORMALIZATION = "batch"
WIDEST = 8  # times `width`, as in the paper's 64×64 networks


def check(shape: tuple[int, ...]) -> None:
    """Accepts images of at least 8×8.

    Raises:
        ValueError: the shape is that of vectors or of smaller images.
    """
    stages.check(shape, "architecture 'dcgan'")


def _width(width: int | None, stage: int) -> int:
    return (width or 64) * min(2**stage, WIDEST)


def _initializer(normalization: str) -> keras.initializers.Initializer | str:
    if normalization.endswith("batch"):
        return keras.initializers.RandomNormal(stddev=0.02)
    return "he_normal"


def generator(
    inputs: int,
    shape: tuple[int, ...],
    *,
    width: int | None = None,
    normalization: str = "batch",
    condition: int = 0,
    dense: int = 0,
) -> keras.Model:
    """Returns a generator [batch, inputs] -> [batch, H, W, C] in [-1, 1].

    Args:
        width: channels of the last hidden stage; each stage before has twice as many, up to
            8·width. 64 for None.
        normalization: "batch", "layer", "none" or "conditional_batch".
        dense: if above 0, there is a dense layer of dense·width units before the first stage,
            which the paper doesn't have.
    """
    *targets, base = stages.sizes(shape)
    options = {"kernel_initializer": _initializer(normalization)}

    x = z = keras.Input([inputs], name="latent")
    y = keras.Input([condition], name="label") if condition else None

    def activate(x: keras.KerasTensor) -> keras.KerasTensor:
        return kl.ReLU()(normalized(x, normalization, y))

    channels = _width(width, len(targets) - 1)
    bias = not normalization.endswith("batch")  # batch normalisation has a bias of its own
    if dense:
        x = activate(kl.Dense(dense * (width or 64), use_bias=bias, **options)(x))
    x = kl.Dense(math.prod(base) * channels, use_bias=bias, **options)(x)
    x = activate(kl.Reshape((*base, channels))(x))
    for stage, target in reversed(list(enumerate(targets))):
        last = stage == 0
        channels = shape[-1] if last else _width(width, stage - 1)
        x = kl.Conv2DTranspose(channels, 4, 2, "same", use_bias=last or bias, **options)(x)
        x = stages.cropped(x, target)
        x = kl.Activation("tanh")(x) if last else activate(x)
    return keras.Model({"latent": z, "label": y} if condition else z, x, name="generator")


def features(
    shape: tuple[int, ...],
    *,
    condition: int = 0,
    width: int | None = None,
    normalization: str = "batch",
    dense: int = 0,
) -> keras.Model:
    """Returns a model of features [batch, H, W, C] -> [batch, n] with at least two stages.

    Args:
        condition: width of a second input, which is repeated over the image as further channels.
            It enters at the first stage, because D ignores a condition that only its last stage
            sees.
        width: channels of the first stage; each further one has twice as many, up to 8·width. 64
            for None.
        normalization: "batch", "layer" or "none"; there is none in the first stage.
        dense: if above 0, there is a dense layer of dense·width units after the last stage, which
            the paper doesn't have.
    """
    options = {"kernel_initializer": _initializer(normalization)}
    inputs, x = stages.with_condition(keras.Input(shape, name="sample"), condition)
    convolutions = max(2, len(stages.sizes(shape)) - 1)
    for stage in range(convolutions + bool(dense)):
        kind = normalization if stage else "none"
        options["use_bias"] = kind != "batch"
        if stage < convolutions:
            x = kl.Conv2D(_width(width, stage), 4, 2, "same", **options)(x)
        else:
            x = kl.Dense(dense * (width or 64), **options)(kl.Flatten()(x))
        x = LeakyReLU()(normalized(x, kind))
    return keras.Model(inputs, kl.Flatten()(x), name="features")
