"""Multilayer perceptrons, for vectors, series and images of any size.

`ganzoo.networks` describes the arguments.
"""

from __future__ import annotations

import math

import keras
from keras import layers as kl

from ganzoo.networks.layers import LeakyReLU, normalized

DEPTH = 3
NORMALIZATION = "none"


def check(shape: tuple[int, ...]) -> None:
    """Accepts every shape."""


def generator(
    inputs: int,
    shape: tuple[int, ...],
    *,
    width: int | None = None,
    normalization: str = "none",
    condition: int = 0,
) -> keras.Model:
    """Returns a generator [batch, inputs] -> [batch, *shape] with three hidden ReLU layers.

    Args:
        width: units of each hidden layer; 256 for None.
        normalization: "batch", "layer", "none" or "conditional_batch", before each ReLU.
    """
    x = z = keras.Input([inputs], name="latent")
    y = keras.Input([condition], name="label") if condition else None
    for _ in range(DEPTH):
        bias = not normalization.endswith("batch")  # batch normalisation has a bias of its own
        x = kl.Dense(width or 256, use_bias=bias, kernel_initializer="he_normal")(x)
        x = kl.ReLU()(normalized(x, normalization, y))
    x = kl.Dense(math.prod(shape))(x)
    if len(shape) > 1:
        x = kl.Reshape(shape)(x)
    if len(shape) == 3:
        x = kl.Activation("tanh")(x)
    return keras.Model({"latent": z, "label": y} if condition else z, x, name="generator")


def features(
    shape: tuple[int, ...],
    *,
    condition: int = 0,
    width: int | None = None,
    normalization: str = "none",
) -> keras.Model:
    """Returns a model [batch, *shape] -> [batch, width] of three leaky ReLU layers, slope 0.2.

    Args:
        condition: width of a second input, which is concatenated to the samples.
        width: units of each layer; 256 for None.
        normalization: "batch", "layer" or "none", before each leaky ReLU but the first.
    """
    x = sample = keras.Input(shape, name="sample")
    inputs = [sample]
    if len(shape) > 1:
        x = kl.Flatten()(x)
    if condition:
        inputs.append(keras.Input([condition], name="condition"))
        x = kl.Concatenate()([x, inputs[1]])
    for depth in range(DEPTH):
        kind = normalization if depth else "none"
        x = kl.Dense(width or 256, use_bias=kind != "batch", kernel_initializer="he_normal")(x)
        x = LeakyReLU()(normalized(x, kind))
    return keras.Model(inputs if condition else sample, x, name="features")
