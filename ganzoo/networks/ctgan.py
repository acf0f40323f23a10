"""CTGAN's networks for tables. Xu et al. 2019, arXiv:1907.00503, section 4.4."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers as kl
from keras import ops

from ganzoo.networks.layers import Dropout, LeakyReLU, normalized

TEMPERATURE = 0.2


@keras.saving.register_keras_serializable("ganzoo")
class RowOutputs(kl.Layer):
    """An encoded row of a table from raw outputs: tanh of a number, and for each one-hot vector
    softmax((logits + g)/τ) of its logits and of Gumbel noise g, which is a draw of a category that
    can be differentiated. Jang, Gu, Poole 2017, arXiv:1611.01144, eq. 2.

    All columns are cut from one tensor, so that the gradient is joined and not added up.

    Args:
        columns: for each column of the table, whether it holds categories, and the width of its
            one-hot vector.
        temperature: τ > 0.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        columns: Sequence[tuple[bool, int]],
        temperature: float = TEMPERATURE,
        **kwargs: object,
    ):
        super().__init__(**kwargs)
        self.columns = [(bool(is_category), int(choices)) for is_category, choices in columns]
        self.temperature = temperature

    def call(self, raw: keras.KerasTensor, noise: keras.KerasTensor) -> tuple:
        """Returns the rows [batch, width], and the logarithms of the probabilities of the
        categories of all columns [batch, n].

        Args:
            raw: [batch, width].
            noise: [batch, width of all one-hot vectors].
        """
        sizes = [
            size for is_category, n in self.columns for size in ([n] if is_category else [1, n])
        ]
        parts = iter(ops.split(raw, np.cumsum(sizes)[:-1].tolist(), axis=-1))
        draws = ops.split(noise, np.cumsum([n for _, n in self.columns])[:-1].tolist(), axis=-1)
        row, categories = [], []
        for (is_category, _), draw in zip(self.columns, draws, strict=True):
            if not is_category:
                row.append(ops.tanh(next(parts)))
            logits = next(parts)
            row.append(ops.softmax((logits + draw) / self.temperature))
            if is_category:
                categories.append(ops.log_softmax(logits))
        return ops.concatenate(row, axis=-1), ops.concatenate(categories or row, axis=-1)

    def compute_output_shape(self, raw_shape: tuple, noise_shape: tuple) -> tuple:
        known = sum(n for is_category, n in self.columns if is_category)
        return raw_shape, (raw_shape[0], known or raw_shape[1])

    def get_config(self) -> dict:
        return super().get_config() | {"columns": self.columns, "temperature": self.temperature}


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
        x = kl.Concatenate()([kl.ReLU()(normalized(hidden, "batch")), x])
    raw = kl.Dense(one_hot + sum(not is_category for is_category, _ in columns))(x)
    row, categories = RowOutputs(columns, name="row")(raw, noise)
    outputs = {"table": row} | ({"categories": categories} if condition else {})
    return keras.Model(inputs, outputs, name="generator")


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
        x = Dropout(0.5)(LeakyReLU()(x))
    return keras.Model(inputs if condition else inputs[0], x, name="features")
