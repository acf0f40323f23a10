"""The layers of progressive and style-based GANs: equalised rates, FIR filters, batch statistics.

Karras et al. 2018, arXiv:1710.10196, sections 3 and 4.1; Karras et al. 2020, arXiv:1912.04958,
appendix B.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ganzoo.networks.layers import Shape, leaky_relu

FIR = (1.0, 3.0, 3.0, 1.0)
"""The filter of the paper along one axis, before it is divided by its sum."""


def activated(x: tf.Tensor) -> tf.Tensor:
    """Returns √2·max(x, 0.2x), which keeps E x² ≈ 1 for x ~ N(0, 1)."""
    return leaky_relu(x, 0.2) * math.sqrt(2)


def filtered(
    x: tf.Tensor, padding: int, *, stride: int = 1, gain: float = 1.0, taps: tuple = FIR
) -> tf.Tensor:
    """Filters each channel of [batch, H, W, C] with the product of `taps` along both axes.

    Args:
        x: the images.
        padding: zeros that are added at each side.
        stride: every stride-th value of each axis is kept.
        gain: the sum of the filter.
        taps: the filter along one axis, before it is divided by its sum.
    """
    kernel = np.outer(taps, taps) / np.sum(taps) ** 2 * gain
    kernel = np.repeat(kernel[:, :, None, None], x.shape[-1], axis=2)
    padded = tf.pad(x, [[0, 0], [padding] * 2, [padding] * 2, [0, 0]])
    # On CPUs the derivative of a depthwise convolution takes ten times as long in half precision.
    dtype = x.dtype if x.dtype.size >= 4 else tf.float32
    strides = [1, stride, stride, 1]
    padded, kernel = tf.cast(padded, dtype), tf.constant(kernel, dtype)
    return tf.cast(tf.nn.depthwise_conv2d(padded, kernel, strides, "VALID"), x.dtype)


def doubled(x: tf.Tensor) -> tf.Tensor:
    """Returns images of twice the size, [batch, 2H, 2W, C]: zeros are inserted after each row and
    column, and the result is filtered by `FIR` with the gain 4.

    Repeating each pixel inserts zeros and filters by (1, 1), and (1, 1)·(1, 2, 1) is `FIR`.
    """
    x = tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)
    return filtered(x, 1, taps=(1.0, 2.0, 1.0))


@keras.saving.register_keras_serializable("ganzoo")
class FIRUp(keras.layers.Layer):
    """`doubled` as a layer, [batch, H, W, C] -> [batch, 2H, 2W, C]."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return doubled(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, channels = input_shape
        return (batch, 2 * (height or 0), 2 * (width or 0), channels)


@keras.saving.register_keras_serializable("ganzoo")
class EqualizedDense(keras.layers.Layer):
    """An affine map whose weights are N(0, 1) and are scaled when they are used,
    [batch, n] -> [batch, units].

    Adam's steps have the same size for all weights. With equal initial deviations they also have
    the same size relative to the weights, so that all layers learn equally fast. The scale is
    rate/√n, which gives outputs of deviation 1 for a rate of 1.

    Args:
        units: number of outputs.
        activate: whether `activated` follows.
        rate: the multiplier of the layer's learning rate. Initial weights are N(0, 1/rate²).
        bias: the initial value of the bias that is added.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        units: int,
        activate: bool = False,
        rate: float = 1.0,
        bias: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units, self.activate, self.rate, self.bias_start = units, activate, rate, bias

    def build(self, input_shape: Shape) -> None:
        inputs = input_shape[-1] or 0
        self.scale = self.rate / math.sqrt(inputs)
        normal = keras.initializers.RandomNormal(stddev=1.0 / self.rate)
        self.kernel = self.add_weight(shape=(inputs, self.units), initializer=normal, name="kernel")
        start = keras.initializers.Constant(self.bias_start / self.rate)
        self.bias = self.add_weight(shape=(self.units,), initializer=start, name="bias")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = ops.matmul(x, self.kernel * self.scale) + self.bias * self.rate
        return activated(x) if self.activate else x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "activate": self.activate,
            "rate": self.rate,
            "bias": self.bias_start,
        }


@keras.saving.register_keras_serializable("ganzoo")
class EqualizedConv2D(keras.layers.Layer):
    """A convolution with weights as in `EqualizedDense`, [batch, H, W, C] -> [batch, H, W, filters]
    or, with `down`, [batch, H/2, W/2, filters].

    Args:
        filters: number of outputs.
        size: height and width of the kernel, 1 or 3.
        down: whether the images are filtered by `FIR` and every second value is kept.
        activate: whether a bias is added and `activated` follows.
        gain: a factor of the outputs.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        size: int = 3,
        down: bool = False,
        activate: bool = True,
        gain: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters, self.size, self.down = filters, size, down
        self.activate, self.gain = activate, gain

    def build(self, input_shape: Shape) -> None:
        shape = (self.size, self.size, input_shape[-1] or 0, self.filters)
        self.scale = 1.0 / math.sqrt(math.prod(shape[:3]))
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.kernel = self.add_weight(shape=shape, initializer=normal, name="kernel")
        if self.activate:
            self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        gain = 1.0 if self.activate else self.gain
        kernel = self.kernel * (self.scale * gain)
        if self.down and self.size == 1:
            x = tf.nn.conv2d(filtered(x, 1, stride=2), kernel, 1, "VALID")
        elif self.down:
            x = tf.nn.conv2d(filtered(x, 1 + self.size // 2), kernel, 2, "VALID")
        else:
            x = tf.nn.conv2d(x, kernel, 1, "SAME")
        return activated(x + self.bias) * self.gain if self.activate else x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        step = 2 if self.down else 1
        return (batch, (height or 0) // step, (width or 0) // step, self.filters)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "size": self.size,
            "down": self.down,
            "activate": self.activate,
            "gain": self.gain,
        }


@keras.saving.register_keras_serializable("ganzoo")
class MinibatchStddev(keras.layers.Layer):
    """Adds a channel with the deviation of a group of samples,
    [batch, H, W, C] -> [batch, H, W, C + 1].

    The deviation of each value over `group` consecutive samples is averaged over all values. It
    tells D how much the samples of a batch differ. If the batch can't be divided into such groups,
    it is one group.

    Karras et al. 2018, arXiv:1710.10196, section 3.

    Args:
        group: samples in a group.
        kwargs: arguments of `keras.layers.Layer`.
    """

    mixes_samples = True

    def __init__(self, group: int = 4, **kwargs: Any):
        super().__init__(**kwargs)
        self.group = group

    def call(self, x: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(x)
        group = tf.where(shape[0] % self.group == 0, self.group, shape[0])
        groups = tf.reshape(x, [-1, group, math.prod(x.shape[1:])])
        # Subtracts the mean of a group. This is a product, because with fewer sums of gradients
        # TensorFlow's usual executor repeats bit for bit.
        centre = tf.eye(group, dtype=x.dtype) - 1.0 / tf.cast(group, x.dtype)
        variance = tf.reduce_mean(tf.square(tf.matmul(centre, groups)), axis=1)
        deviation = tf.reduce_mean(tf.sqrt(variance + 1e-8), axis=1)
        maps = tf.repeat(deviation, group)[:, None, None, None]
        return tf.concat([x, tf.broadcast_to(maps, [*tf.unstack(shape[:3]), 1])], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:3], (input_shape[3] or 0) + 1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"group": self.group}
