"""Architectures by name: builders of generators, and of the features that critics stand on.

An architecture is a module with two functions:

- `generator(inputs, shape, *, width, normalization)`: Keras model [batch, inputs] -> samples of
  `shape`; images end in tanh, vectors are linear.
- `features(shape, *, condition, width, normalization)`: Keras model samples -> [batch, n]; with
  `condition` > 0 its inputs are [samples, a vector of that width], a one-hot label say.

and one that refuses, `check(shape)`: ValueError where it can't make samples of that shape.
"""

from __future__ import annotations

from types import ModuleType

import keras

from ganzoo.networks import dcgan, infogan, mlp

NAMED: dict[str, ModuleType] = {"dcgan": dcgan, "infogan": infogan, "mlp": mlp}


def choose(name: str, shape: tuple[int, ...], of_images: str = "dcgan") -> ModuleType:
    """The architecture `name` for samples of `shape`; "auto" is `of_images` where that can make
    them, else mlp.

    Raises:
        ValueError: the architecture can't make samples of that shape.
    """
    if name == "auto":
        try:
            NAMED[of_images].check(shape)
        except ValueError:
            return mlp
        return NAMED[of_images]
    NAMED[name].check(shape)
    return NAMED[name]


def with_heads(features: keras.Model, heads: dict[str, list]) -> keras.Model:
    """Features with named outputs on top, {name: layers}; the result gives a dict of tensors."""
    outputs = {}
    for name, layers in heads.items():
        x = features.outputs[0]
        for layer in layers:
            x = layer(x)
        outputs[name] = x
    return keras.Model(features.inputs, outputs, name="discriminator")
