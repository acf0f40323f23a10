"""CTGAN's networks for tables. Xu et al. 2019, arXiv:1907.00503, section 4.4."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers as kl

from ganzoo.networks.layers import LeakyReLU

TEMPERATURE = 0.2


@keras.saving.register_keras_serializable("ganzoo")
class GumbelSoftmax(kl.Layer):
    """softmax((logits + g)/τ) of logits and Gumbel noise g, both [batch, n]: a draw of a one-hot
    vector that can be differentiated. Jang, Gu, Poole 2017, arXiv:1611.01144, eq. 2.

    Args:
        temperature: τ > 0.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, temperature: float = TEMPERATURE, **kwargs: object):
        super().__init__(**kwargs)
        self.temperature = temperature

    def call(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        logits, noise = inputs
        return keras.ops.softmax((logits + noise) / self.temperature)

    def compute_output_shape(self, input_shape: Sequence[tuple]) -> tuple:
        return tuple(input_shape[0])

    def get_config(self) -> dict:
        return super().get_config() | {"temperature": self.temperature}


def generator(
    latents: int, condition: int, columns: Sequence[tuple[bool, int]], *, width: int | None = None
) -> keras.Model:
    """Returns a generator of encoded rows.

    Two layers of Dense, batch normalisation and ReLU are each concatenated with what they were
    given. A number ends in tanh, and each one-hot vector in a Gumbel softmax of temperature 0.2.

    Args:
        latents: width of the latents.
        condition: width of the condition, one-hot; 0 for none.
        columns: for each column of the table, whether it holds categories, and the width of its
            one-hot vector.
        width: units of each layer; 256 for None.

    Returns:
        A model {"latent": [batch, latents], "condition": [batch, condition], "gumbel": [batch, n]}
        -> {"table": [batch, width of a row], "categories": [batch, condition]}, the latter the
        logarithms of the probabilities of all categories.
    """
    one_hot = sum(choices for _, choices in columns)
    inputs = {"latent": keras.Input([latents], name="latent")}
    if condition:
        inputs["condition"] = keras.Input([condition], name="condition")
    x = kl.Concatenate()(list(inputs.values())) if condition else inputs["latent"]
    noise = inputs["gumbel"] = keras.Input([one_hot], name="gumbel")
    for _ in range(2):
        hidden = kl.Dense(width or 256, use_bias=False, kernel_initializer="he_normal")(x)
        x = kl.Concatenate()([kl.ReLU()(kl.BatchNormalization(momentum=0.9)(hidden)), x])
    row, categories, at = [], [], 0
    for is_category, choices in columns:
        if not is_category:
            row.append(kl.Dense(1, activation="tanh")(x))
        logits = kl.Dense(choices)(x)
        row.append(GumbelSoftmax()([logits, noise[:, at : at + choices]]))
        at += choices
        if is_category:
            categories.append(kl.Activation("log_softmax")(logits))
    outputs = {"table": _joined(row)}
    if categories:
        outputs["categories"] = _joined(categories)
    return keras.Model(inputs, outputs, name="generator")


def _joined(parts: list[keras.KerasTensor]) -> keras.KerasTensor:
    return kl.Concatenate()(parts) if len(parts) > 1 else parts[0]


def features(shape: tuple[int, ...], *, condition: int, width: int | None = None) -> keras.Model:
    """Returns a model of packed rows [batch, n], and of their conditions [batch, condition] unless
    that is 0, -> [batch, width]: two layers of Dense, leaky ReLU of slope 0.2 and dropout of 0.5.

    Args:
        shape: (n,) of one pack.
        condition: width of the conditions of a pack; 0 for none.
        width: units of each layer; 256 for None.
    """
    inputs = [keras.Input(shape, name="table")]
    if condition:
        inputs.append(keras.Input([condition], name="condition"))
    x = kl.Concatenate()(inputs) if condition else inputs[0]
    for _ in range(2):
        x = kl.Dense(width or 256, kernel_initializer="he_normal")(x)
        x = kl.Dropout(0.5)(LeakyReLU()(x))
    return keras.Model(inputs if condition else inputs[0], x, name="features")
