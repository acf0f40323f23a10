"""The one-dimensional convolutions of WaveGAN, for series of at least 16 steps.

Donahue, McAuley, Puckette 2018, arXiv:1802.04208: those of DCGAN, flattened. Kernels have 25 steps
and strides are 4. D shuffles the phase of its maps. `ganzoo.networks` describes the arguments.

Deviations:

- The number of stages depends on the length, so any length from 16 works: the paper's 16,384
  samples begin with 16, and others with 5 to 16.
- G's output is linear, as series have no bounds in network units; the paper's is a tanh.
- The first stage is 16 channels wide for a CPU; the paper's width is 64.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf
from keras import layers as kl

from ganzoo.foundation.randomness import Noise, current
from ganzoo.networks.layers import LeakyReLU, Shape, normalized

NORMALIZATION = "none"
KERNEL, STRIDE, SMALLEST, WIDTH, SHUFFLE = 25, 4, 16, 16, 2


@keras.saving.register_keras_serializable("ganzoo")
class PhaseShuffle(keras.layers.Layer):
    """Moves each series [batch, time, channels] by −n to n steps in training, all shifts equally
    likely, and fills the gap with the mirror image of the series. Inference leaves it as it is.

    Donahue, McAuley, Puckette 2018, arXiv:1802.04208, section 3.3. Deviation: each sample has a
    shift of its own; the authors' code draws one for a batch.

    The shifts are draws of the update in which the layer is called; outside of one they are always
    the same.

    Args:
        most: n, less than the length of the series.
        kwargs: arguments of `keras.layers.Layer`.
    """

    # A sample's shift depends on its place in the batch. Replicas draw the shifts of one device
    # only if real and fake samples are judged one after the other.
    mixes_samples = True

    def __init__(self, most: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.most = most

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if not training:
            return x
        noise, length = current() or Noise(0), x.shape[1]
        shift = noise.integers([tf.shape(x)[0]], 2 * self.most + 1) - self.most
        place = tf.abs(tf.range(length) - shift[:, None])
        mirrored = length - 1 - tf.abs(length - 1 - place)
        return tf.gather(x, mirrored, batch_dims=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"most": self.most}


def check(shape: tuple[int, ...]) -> None:
    """Accepts series (time, features) of at least 16 steps.

    Raises:
        ValueError: the shape is another one.
    """
    if len(shape) != 2 or shape[0] < SMALLEST:
        raise ValueError(
            f"architecture 'waveform' is for series (time, features) of at least {SMALLEST} steps, "
            f"but the data have shape {shape}: pass longer series, or choose another architecture."
        )


def lengths(length: int) -> list[int]:
    """The lengths of the maps from that of the series down to the smallest: there is at least one
    stage, and the last has at most 16 steps."""
    found = [length]
    while len(found) == 1 or found[-1] > SMALLEST:
        found.append(math.ceil(found[-1] / STRIDE))
    return found


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
        width: channels of the last hidden stage; each stage before has twice as many. 16 for None.
        normalization: "batch", "layer", "none" or "conditional_batch", before each ReLU.
    """
    check(shape)
    *targets, base = lengths(shape[0])
    x = z = keras.Input([inputs], name="latent")
    y = keras.Input([condition], name="label") if condition else None
    bias = not normalization.endswith("batch")  # batch normalisation has a bias of its own

    def activate(x: keras.KerasTensor) -> keras.KerasTensor:
        return kl.ReLU()(normalized(x, normalization, y))

    channels = (width or WIDTH) * 2 ** (len(targets) - 1)
    x = kl.Dense(base * channels, use_bias=bias, kernel_initializer="he_normal")(x)
    x = activate(kl.Reshape((base, channels))(x))
    for stage, target in reversed(list(enumerate(targets))):
        last = stage == 0
        channels = shape[-1] if last else channels // 2
        x = kl.Conv1DTranspose(
            channels, KERNEL, STRIDE, "same", use_bias=last or bias, kernel_initializer="he_normal"
        )(x)
        more = x.shape[1] - target
        x = kl.Cropping1D((more // 2, more - more // 2))(x) if more else x
        x = x if last else activate(x)
    return keras.Model({"latent": z, "label": y} if condition else z, x, name="generator")


def features(
    shape: tuple[int, ...],
    *,
    condition: int = 0,
    width: int | None = None,
    normalization: str = "none",
) -> keras.Model:
    """Returns a model of features [batch, time, features] -> [batch, n].

    Args:
        condition: width of a second input, which is repeated over the series as further channels.
        width: channels of the first stage; each further one has twice as many. 16 for None.
        normalization: "batch", "layer" or "none"; there is none in the first stage.
    """
    check(shape)
    x = sample = keras.Input(shape, name="sample")
    inputs = [sample]
    if condition:
        inputs.append(keras.Input([condition], name="condition"))
        x = kl.Concatenate()([x, kl.RepeatVector(shape[0])(inputs[1])])
    stages = len(lengths(shape[0])) - 1
    for stage in range(stages):
        kind = normalization if stage else "none"
        channels = (width or WIDTH) * 2**stage
        x = kl.Conv1D(
            channels,
            KERNEL,
            STRIDE,
            "same",
            use_bias=kind != "batch",
            kernel_initializer="he_normal",
        )(x)
        x = LeakyReLU()(normalized(x, kind))
        if stage < stages - 1:
            x = PhaseShuffle(SHUFFLE)(x)
    return keras.Model(inputs if condition else sample, kl.Flatten()(x), name="features")
