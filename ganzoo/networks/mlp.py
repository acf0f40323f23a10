"""Multilayer perceptrons for vectors, and for images of any shape."""

from __future__ import annotations

import math

import keras
from keras import layers as kl

from ganzoo.networks.layers import LeakyReLU
from ganzoo.networks.layers import normalization as normalize

DEPTH = 3
NORMALIZATION = "none"


def check(shape: tuple[int, ...]) -> None:
    """Any shape will do."""


def generator(
    inputs: int, shape: tuple[int, ...], *, width: int | None = None, normalization: str = "none"
) -> keras.Model:
    """[batch, inputs] -> [batch, *shape]: three hidden layers of `width` (256) ReLUs."""
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
    """Samples [batch, *shape] -> [batch, width]: three hidden layers of `width` (256) leaky
    ReLUs; the condition joins the samples at the first."""
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
