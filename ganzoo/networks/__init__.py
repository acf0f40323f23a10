"""Network architectures by name.

An architecture is a module with three functions:

- `generator(inputs, shape, *, width, normalization)` returns a Keras model that maps latents
  [batch, inputs] to samples [batch, *shape]: (n,) of vectors, (time, features) of series, (height,
  width, channels) of images. Images are in [-1, 1]; vectors and series are not bounded. If it has
  batch normalisation, it also takes `condition`: with `normalization="conditional_batch"` the model
  maps {"latent": [batch, inputs], "label": [batch, condition]}, labels one-hot.
- `features(shape, *, condition, width, normalization)` returns a Keras model that maps samples
  [batch, *shape] to features [batch, n], on which the discriminator's outputs are computed. If
  `condition` is above 0, it takes a list of the samples and vectors [batch, condition], such as
  one-hot labels.
- `check(shape)` raises a ValueError if the architecture doesn't support samples of that shape.

and a constant `NORMALIZATION`: "batch", "layer" or "none", the normalisation of its paper;
`DISCRIMINATOR_NORMALIZATION` if the features have another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import keras

from ganzoo.foundation.registry import unknown
from ganzoo.networks import (
    biggan,
    dcgan,
    fastgan,
    infogan,
    mlp,
    r3gan,
    recurrent,
    resnet,
    sagan,
    stylegan2,
    waveform,
)
from ganzoo.networks.spectral import spectral as spectral

NAMED: dict[str, ModuleType] = {
    "biggan": biggan,
    "dcgan": dcgan,
    "fastgan": fastgan,
    "infogan": infogan,
    "mlp": mlp,
    "r3gan": r3gan,
    "recurrent": recurrent,
    "resnet": resnet,
    "sagan": sagan,
    "stylegan2": stylegan2,
    "waveform": waveform,
}


def choose(name: str, shape: tuple[int, ...], of_images: str = "dcgan") -> ModuleType:
    """Returns the architecture of that name.

    Args:
        name: a key of `NAMED`, or "auto".
        shape: the shape of one sample.
        of_images: the architecture that "auto" means if it supports the shape; otherwise "auto"
            means "mlp".

    Raises:
        ValueError: there is no such architecture, or it doesn't support samples of that shape.
    """
    if name != "auto" and name not in NAMED:
        raise ValueError(unknown("architecture", name, ["auto", *NAMED]))
    if name == "auto":
        try:
            NAMED[of_images].check(shape)
        except ValueError:
            return mlp
        return NAMED[of_images]
    NAMED[name].check(shape)
    return NAMED[name]


def with_heads(
    features: keras.Model, heads: Mapping[str, list[keras.layers.Layer]], projection: int = 0
) -> keras.Model:
    """Adds outputs to a model of features.

    With a projection the logit is that of "logits" plus ⟨e_y, φ⟩, the product of the features φ and
    a learned embedding of the class y: Miyato and Koyama 2018, arXiv:1802.05637, eq. 5.

    Args:
        features: a model with one output.
        heads: name of an output -> the layers that compute it from the features.
        projection: width of a second input, the one-hot label; 0 for no such input.

    Returns:
        A model with the same inputs, which returns a dict of tensors.
    """
    outputs = {}
    for name, layers in heads.items():
        x = features.outputs[0]
        for layer in layers:
            x = layer(x)
        outputs[name] = x
    inputs = list(features.inputs)
    if projection:
        inputs.append(keras.Input([projection], name="label"))
        x = features.outputs[0]
        embedding = keras.layers.Dense(x.shape[-1], use_bias=False, name="embedding")(inputs[-1])
        projected = keras.layers.Dot(axes=1, name="projection")([embedding, x])
        outputs["logits"] = keras.layers.Add()([outputs["logits"], projected])
    return keras.Model(inputs, outputs, name="discriminator")
