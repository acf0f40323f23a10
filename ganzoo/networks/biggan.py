"""The networks of BigGAN, for images of at least 8×8.

Brock, Donahue, Simonyan 2019, arXiv:1809.11096, appendix B. At 128×128 with three channels, 1000
classes, 120 latents and a width of 96, G has 70,433,988 and D with a projection has 87,982,370
parameters, as in the authors' code.

G's latents are in parts of equal width. The first one enters at the bottom. Each stage has a batch
normalisation whose scale and offset are linear in a further part and in an embedding of the class,
which all stages share. `ganzoo.networks` describes the arguments.
"""

from __future__ import annotations

import math

import keras
from keras import layers as kl

from ganzoo.networks import resnet, stages
from ganzoo.networks.layers import (
    Conv2D,
    conditional_batch,
    modulated,
    normalized,
    self_attention,
)

NORMALIZATION = "batch"
DISCRIMINATOR_NORMALIZATION = "none"
EMBEDDING = 128  # width of the embedding of the class
ATTENTION = 64  # largest side of the maps that have self-attention, if the image is larger than 32
check = resnet.check


def conv(channels: int, size: int = 3, resize: bool = False) -> kl.Conv2D:
    """As `ganzoo.networks.resnet.conv`, with other initial weights."""
    return Conv2D(channels, size, padding="same", kernel_initializer="orthogonal", resize=resize)


def _multiples(stages: int) -> list[int]:
    """Returns the channels of each stage from the image on, as multiples of the width: those of the
    paper's networks for 64, 128 and 256 pixels."""
    doubling = [2**stage for stage in range(stages)]
    if stages > 5:  # the paper's networks have at most 16·width channels, and 8·width twice
        doubling = [1, 2, 4, 8, 8] + [16] * (stages - 5)
    return doubling


def generator(
    inputs: int,
    shape: tuple[int, ...],
    *,
    width: int | None = None,
    normalization: str = "batch",
    condition: int = 0,
) -> keras.Model:
    """Returns a generator [batch, inputs] -> [batch, H, W, C] in [-1, 1].

    Args:
        inputs: width of the latents; at least one for each stage and one more.
        width: each stage has 4·width channels up to 32×32. Above, the last one has `width`, and
            those before have up to 16·width. 64 for None.
        normalization: "batch", "layer", "none" or "conditional_batch", before each ReLU. All are
            modulated by the latents, and the last one also by the class.

    Raises:
        ValueError: there are too few latents, or see `check`.
    """
    check(shape)
    *targets, base = stages.sizes(shape)
    parts, part = len(targets) + 1, inputs // (len(targets) + 1)
    if not part:
        raise ValueError(
            f"BigGAN's generator of {shape[0]}×{shape[1]} images needs at least {parts} latents, "
            f"but latent_dim is {inputs}: raise it."
        )
    flat, width = max(shape[:2]) <= resnet.FLAT, width or 64
    multiples = [4] * parts if flat else [*_multiples(len(targets)), 16]
    z = keras.Input([inputs], name="latent")
    y = keras.Input([condition], name="label") if condition else None
    # The first part has what is left over.
    ends = [inputs - part * stage for stage in reversed(range(parts))]
    x = kl.Dense(math.prod(base) * multiples[-1] * width, kernel_initializer="orthogonal")(
        z[:, : ends[0]]
    )
    x = kl.Reshape((*base, multiples[-1] * width))(x)
    # Spectral normalisation leaves EinsumDense layers as they are, and the authors found that
    # that of this embedding makes training fail.
    embedding = kl.EinsumDense("bi,io->bo", EMBEDDING, kernel_initializer="orthogonal")
    embedded = embedding(y) if condition else None
    for number, (stage, target) in enumerate(reversed(list(enumerate(targets)))):
        given = z[:, ends[number] : ends[number + 1]]
        if condition:
            given = kl.Concatenate()([embedded, given])

        def activated(x: keras.KerasTensor, given: keras.KerasTensor = given) -> keras.KerasTensor:
            if normalization.endswith("batch"):
                return kl.ReLU()(conditional_batch(x, given, "orthogonal"))
            return kl.ReLU()(modulated(normalized(x, normalization), given, "orthogonal"))

        x = resnet.up_block(x, multiples[stage] * width, target, activated, conv)
        if not flat and ATTENTION / 2 < max(target) <= ATTENTION:
            x = self_attention(x)
    last = "batch" if condition else normalization
    x = kl.Activation("tanh")(conv(shape[-1])(kl.ReLU()(normalized(x, last))))
    return keras.Model({"latent": z, "label": y} if condition else z, x, name="generator")


def features(
    shape: tuple[int, ...],
    *,
    condition: int = 0,
    width: int | None = None,
    normalization: str = "none",
) -> keras.Model:
    """Returns a model of features [batch, H, W, C] -> [batch, n], sums over all positions.

    Args:
        condition: width of a second input, which is repeated over the image as further channels.
        width: each stage has 4·width channels up to 32×32. Above, the first one has `width`, and
            further ones have up to 16·width. 64 for None.
        normalization: "batch", "layer" or "none", before each ReLU.
    """
    check(shape)
    halvings, flat, width = len(stages.sizes(shape)) - 1, max(shape[:2]) <= resnet.FLAT, width or 64
    multiples = [4] * 4 if flat else [*_multiples(halvings), 16]
    downs = min(2, halvings) if flat else halvings
    inputs, x = stages.with_condition(keras.Input(shape, name="sample"), condition)
    for stage, multiple in enumerate(multiples):
        x = resnet.down_block(
            x,
            multiple * width,
            stage < downs,
            normalization=normalization,
            first=stage == 0,
            wide=True,
            conv=conv,
        )
        if not flat and stage < downs and ATTENTION / 2 < max(x.shape[1:3]) <= ATTENTION:
            x = self_attention(x)
    x = resnet.summed(kl.ReLU()(normalized(x, normalization)))
    return keras.Model(inputs, x, name="features")
