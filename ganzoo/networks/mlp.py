"""Multilayer perceptrons, for vectors and for images of any size."""

from __future__ import annotations

import math

import keras
from keras import layers as kl

from ganzoo.networks.layers import LeakyReLU
from ganzoo.networks.layers import normalization as normalize

DEPTH = 3
NORMALIZATION = "none"


def check(shape: tuple[int, ...]) -> None:
    """Accepts every shape."""


def generator(
    inputs: int, shape: tuple[int, ...], *, width: int | None = None, normalization: str = "none"
) -> keras.Model:
    """Returns a generator [batch, inputs] -> [batch, *shape] with three hidden ReLU layers.

    Args:
        inputs: width of the latents.
        shape: the shape of one sample; (n,) or (height, width, channels). Images are in [-1, 1].
        width: units of each hidden layer; 256 for None.
        normalization: "batch", "layer" or "none", before each ReLU.
    """
    x = z = keras.Input([inputs], name="latent")
    for _ in range(DEPTH):
        bias = normalization != "batch"  # batch normalisation has a bias of its own
        x = kl.Dense(width or 256, use_bias=bias, kernel_initializer="he_normal")(x)
        for layer in normalize(normalization):
            x = layer(x)
        x = kl.ReLU()(x)
    x = kl.Dense(math.prod(shape))(x)
    if len(shape) == 3:
        x = kl.Activation("tanh")(kl.Reshape(shape)(x))
    return keras.Model(z, x, name="generator")


def features(
    shape: tuple[int, ...],
    *,
    condition: int = 0,
    width: int | None = None,
    normalization: str = "none",
) -> keras.Model:
    """Returns a model [batch, *shape] -> [batch, width] of three leaky ReLU layers, slope 0.2.

    Args:
        shape: the shape of one sample; (n,) or (height, width, channels).
        condition: width of a second input, which is concatenated to the samples; 0 for no such
            input.
        width: units of each layer; 256 for None.
        normalization: "batch", "layer" or "none", before each leaky ReLU but the first.
    """
    x = sample = keras.Input(shape, name="sample")
    inputs = [sample]
    if len(shape) == 3:
        x = kl.Flatten()(x)
    if condition:
        inputs.append(keras.Input([condition], name="condition"))
        x = kl.Concatenate()([x, inputs[1]])
    for depth in range(DEPTH):
        normalized = normalize(normalization) if depth else []
        bias = not normalized or normalization != "batch"
        x = kl.Dense(width or 256, use_bias=bias, kernel_initializer="he_normal")(x)
        for layer in normalized:
            x = layer(x)
        x = LeakyReLU()(x)
    return keras.Model(inputs if condition else sample, x, name="features")
