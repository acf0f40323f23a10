"""The all-convolutional networks of DCGAN, for images of any height and width from 8 up.

Radford et al. 2016, arXiv:1511.06434: strided convolutions instead of pooling, batch
normalisation except at G's output and D's input, ReLU in G and leaky ReLU 0.2 in D, weights from
N(0, 0.02). Deviations: kernels are 4×4, which stride 2 divides, where the paper has 5×5 and
checkerboards; the number of stages follows the image, so 28×28, 20×33 and 64×64 all work; without
batch normalisation weights are He-normal, since N(0, 0.02) alone lets the signal die out.
"""

from __future__ import annotations

import math

import keras
from keras import layers as kl

from ganzoo.networks.layers import LeakyReLU
from ganzoo.networks.layers import normalization as normalize

SMALLEST = 8
NORMALIZATION = "batch"
WIDEST = 8  # times `width`, as in the paper's 64×64 networks


def check(shape: tuple[int, ...]) -> None:
    """Images of at least 8×8.

    Raises:
        ValueError: vectors, or an image that is smaller.
    """
    if len(shape) != 3 or min(shape[:2]) < SMALLEST:
        seen = f"{shape[0]}×{shape[1]} images" if len(shape) == 3 else "vectors"
        raise ValueError(
            f"architecture 'dcgan' makes images of at least {SMALLEST}×{SMALLEST}, and the data "
            f"are {seen}: use architecture='mlp'."
        )


def _sizes(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Heights and widths from the image down, each half of the one before, rounded up."""
    sizes = [shape[:2]]
    while min(sizes[-1]) >= SMALLEST:
        sizes.append(tuple(math.ceil(n / 2) for n in sizes[-1]))
    return sizes


def _width(width: int | None, stage: int) -> int:
    return (width or 64) * min(2**stage, WIDEST)


def _initializer(normalization: str):
    return keras.initializers.RandomNormal(stddev=0.02) if normalization == "batch" else "he_normal"


def generator(
    inputs: int,
    shape: tuple[int, ...],
    *,
    width: int | None = None,
    normalization: str = "batch",
    dense: int = 0,
) -> keras.Model:
    """[batch, inputs] -> [batch, H, W, C] in [-1, 1]; the last hidden stage has `width` (64)
    channels, each one before twice as many, up to 8·width. `dense`: units, in multiples of
    `width`, of a layer before the first maps; the paper has none."""
    *targets, base = _sizes(shape)
    options = {"kernel_initializer": _initializer(normalization)}

    def activate(x):
        for layer in normalize(normalization):
            x = layer(x)
        return kl.ReLU()(x)

    x = z = keras.Input([inputs], name="latent")
    channels = _width(width, len(targets) - 1)
    bias = normalization != "batch"  # batch normalisation has a bias of its own
    if dense:
        x = activate(kl.Dense(dense * (width or 64), use_bias=bias, **options)(x))
    x = kl.Dense(math.prod(base) * channels, use_bias=bias, **options)(x)
    x = activate(kl.Reshape((*base, channels))(x))
    for stage, target in reversed(list(enumerate(targets))):
        last = stage == 0
        channels = shape[-1] if last else _width(width, stage - 1)
        x = kl.Conv2DTranspose(channels, 4, 2, "same", use_bias=last or bias, **options)(x)
        odd = [2 * math.ceil(n / 2) - n for n in target]
        if any(odd):
            x = kl.Cropping2D([(0, n) for n in odd])(x)
        x = kl.Activation("tanh")(x) if last else activate(x)
    return keras.Model(z, x, name="generator")


def features(
    shape: tuple[int, ...],
    *,
    condition: int = 0,
    width: int | None = None,
    normalization: str = "batch",
    dense: int = 0,
) -> keras.Model:
    """Images [batch, H, W, C] -> [batch, n]; the first stage has `width` (64) channels, each next
    one twice as many, up to 8·width, and there are at least two. `dense` as in `generator`, after
    the last maps. A condition is repeated over the image as further channels: where it joined only
    the last stage, D ignored the labels for 800 steps on MNIST."""
    options = {"kernel_initializer": _initializer(normalization)}
    x = sample = keras.Input(shape, name="sample")
    if condition:
        given = keras.Input([condition], name="condition")
        maps = kl.UpSampling2D(shape[:2])(kl.Reshape((1, 1, condition))(given))
        x = kl.Concatenate()([x, maps])
    stages = max(2, len(_sizes(shape)) - 1)
    for stage in range(stages + bool(dense)):
        normalized = normalize(normalization) if stage else []
        options["use_bias"] = not normalized or normalization != "batch"
        if stage < stages:
            x = kl.Conv2D(_width(width, stage), 4, 2, "same", **options)(x)
        else:
            x = kl.Dense(dense * (width or 64), **options)(kl.Flatten()(x))
        for layer in normalized:
            x = layer(x)
        x = LeakyReLU()(x)
    inputs = [sample, given] if condition else sample
    return keras.Model(inputs, kl.Flatten()(x), name="features")
