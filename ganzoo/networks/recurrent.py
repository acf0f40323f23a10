"""The recurrent networks of RCGAN, for series of at most 256 steps.

Esteban, Hyland, Rätsch 2017, arXiv:1706.02633: an LSTM of 100 units in each network. G is given
latents of its own at each step, and D judges each step. `ganzoo.networks` describes the arguments.

Deviations:

- G's output is linear, as series have no bounds in network units.
- The steps are unrolled. TensorFlow's loops can't be repeated bit for bit, and the graph of an
  unrolled network grows with the series, which is why there are at most 256 steps.
"""

from __future__ import annotations

import keras
from keras import layers as kl

NORMALIZATION = "none"
LONGEST = 256
WIDTH = 100


def check(shape: tuple[int, ...]) -> None:
    """Accepts series (time, features) of at most 256 steps.

    Raises:
        ValueError: the shape is another one.
    """
    if len(shape) != 2 or shape[0] > LONGEST:
        raise ValueError(
            f"architecture 'recurrent' is for series (time, features) of at most {LONGEST} steps, "
            f"but the data have shape {shape}: cut series into shorter ones, or choose another "
            "architecture."
        )


def generator(
    inputs: int,
    shape: tuple[int, ...],
    *,
    width: int | None = None,
    normalization: str = "none",
    condition: int = 0,
) -> keras.Model:
    """Returns a generator [batch, inputs] -> [batch, time, features].

    Args:
        inputs: width of the latents of all steps together; a multiple of the number of steps. The
            first latents are those of the first step.
        width: units of the LSTM; 100 for None.
        normalization: "none".
        condition: width of a vector that each step is told, such as a one-hot label. The generator
            then takes {"latent", "label"}.

    Raises:
        ValueError: there are latents that belong to no step, or a normalisation is asked for.
    """
    check(shape)
    _check_plain(normalization)
    time, features = shape
    if inputs % time:
        raise ValueError(
            f"architecture 'recurrent' takes latents of its own at each of {time} steps, but there "
            f"are {inputs}: use rcgan, or latent_dim={max(1, inputs // time) * time}."
        )
    z = keras.Input([inputs], name="latent")
    x = kl.Reshape((time, inputs // time))(z)
    y = keras.Input([condition], name="label") if condition else None
    x = _lstm(_told(x, y), width)
    x = kl.Dense(features)(x)
    return keras.Model({"latent": z, "label": y} if condition else z, x, name="generator")


def features(
    shape: tuple[int, ...],
    *,
    condition: int = 0,
    width: int | None = None,
    normalization: str = "none",
) -> keras.Model:
    """Returns a model [batch, time, features] -> [batch, time, width], so that a discriminator has
    one logit for each step, which depends on the steps up to it.

    Args:
        condition: width of a second input, which each step is told.
        width: units of the LSTM; 100 for None.
        normalization: "none".

    Raises:
        ValueError: a normalisation is asked for.
    """
    check(shape)
    _check_plain(normalization)
    x = keras.Input(shape, name="sample")
    y = keras.Input([condition], name="condition") if condition else None
    return keras.Model([x, y] if condition else x, _lstm(_told(x, y), width), name="features")


def _told(x: keras.KerasTensor, y: keras.KerasTensor | None) -> keras.KerasTensor:
    """The steps of x with a vector beside each."""
    return x if y is None else kl.Concatenate()([x, kl.RepeatVector(x.shape[1])(y)])


def _lstm(x: keras.KerasTensor, width: int | None) -> keras.KerasTensor:
    return kl.LSTM(width or WIDTH, return_sequences=True, unroll=True, use_cudnn=False)(x)


def _check_plain(normalization: str) -> None:
    if normalization != "none":
        raise ValueError(
            f"architecture 'recurrent' has no normalisation {normalization!r}: use 'none' or "
            "'auto'."
        )
