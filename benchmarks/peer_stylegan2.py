"""StyleGAN2 by hand in Keras and TensorFlow, as peers.tutorial trains it.

Karras et al. 2020, arXiv:1912.04958. It has the mapping network with style mixing and the running
mean of styles, modulated and demodulated convolutions with noise, the generator with skips of
images, the residual discriminator, filters of (1, 3, 3, 1), the deviation of groups of four
samples, equalised rates, an average of G's weights, and, in each `EVERY`-th step, R1 and the
regulariser of path lengths on half of the batch. Left out, as in all engines, are progressive
growing, which the paper drops, and truncation, which is not for training.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers as kl

EVERY, R1, PATH_LENGTH, MIXING = 8, 0.5, 2.0, 0.9
FIR = (1.0, 3.0, 3.0, 1.0)


def active(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.leaky_relu(x, 0.2) * math.sqrt(2)


def fir(x: tf.Tensor, before: int, after: int, stride: int = 1, gain: float = 1.0) -> tf.Tensor:
    """The filter along both axes, after a padding of so many zeros before and after each."""
    kernel = np.outer(FIR, FIR) / np.sum(FIR) ** 2 * gain
    kernel = np.tile(kernel[:, :, None, None], [1, 1, x.shape[-1], 1])
    x = tf.pad(x, [[0, 0], [before, after], [before, after], [0, 0]])
    return tf.nn.depthwise_conv2d(x, tf.constant(kernel, x.dtype), [1, stride, stride, 1], "VALID")


def twice(x: tf.Tensor) -> tf.Tensor:
    """Images of twice the size: a zero after each row and column, then the filter."""
    count, (height, width, channels) = tf.shape(x)[0], x.shape[1:]
    x = tf.pad(x[:, :, None, :, None], [[0, 0], [0, 0], [0, 1], [0, 0], [0, 1], [0, 0]])
    return fir(tf.reshape(x, [count, 2 * height, 2 * width, channels]), 2, 1, gain=4.0)


class Equalised(kl.Layer):
    """Weights from N(0, 1/rate²), which are used times rate/√inputs."""

    def kernel_of(self, shape: tuple[int, ...], rate: float = 1.0) -> Any:
        self.scale = rate / math.sqrt(math.prod(shape[:-1]))
        normal = keras.initializers.RandomNormal(stddev=1 / rate)
        return self.add_weight(shape=shape, initializer=normal)


class Dense(Equalised):
    def __init__(self, units: int, activate: bool = False, rate: float = 1.0, bias: float = 0.0):
        super().__init__()
        self.units, self.activate, self.rate, self.start = units, activate, rate, bias

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.kernel = self.kernel_of((shape[-1], self.units), self.rate)
        self.bias = self.add_weight(
            shape=(self.units,), initializer=keras.initializers.Constant(self.start / self.rate)
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = tf.matmul(x, self.kernel * self.scale) + self.bias * self.rate
        return active(x) if self.activate else x


class Conv(Equalised):
    """A convolution of D; `down` halves the sides."""

    def __init__(self, channels: int, size: int = 3, down: bool = False, activate: bool = True):
        super().__init__()
        self.channels, self.size, self.down, self.activate = channels, size, down, activate

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.kernel = self.kernel_of((self.size, self.size, shape[-1], self.channels))
        if self.activate:
            self.bias = self.add_weight(shape=(self.channels,), initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        kernel = self.kernel * self.scale
        if self.down and self.size == 1:
            x = tf.nn.conv2d(fir(x, 1, 1, stride=2), kernel, 1, "VALID")
        elif self.down:
            x = tf.nn.conv2d(fir(x, 2, 2), kernel, 2, "VALID")
        else:
            x = tf.nn.conv2d(x, kernel, 1, "SAME")
        return active(x + self.bias) if self.activate else x


class Modulated(Equalised):
    """A convolution of G, scaled by a style. Those that make images (`to_image`) have neither
    demodulation nor noise nor activation; `up` doubles the sides."""

    def __init__(self, channels: int, up: bool = False, to_image: bool = False):
        super().__init__()
        self.channels, self.up, self.to_image = channels, up, to_image

    def build(self, shapes: list[tuple[int | None, ...]]) -> None:
        (*_, inputs), (_, styles) = shapes
        self.affine = Dense(inputs, bias=1.0)
        self.affine.build((None, styles))
        size = 1 if self.to_image else 3
        self.kernel = self.kernel_of((size, size, inputs, self.channels))
        self.bias = self.add_weight(shape=(self.channels,), initializer="zeros")
        if not self.to_image:
            self.strength = self.add_weight(shape=(), initializer="zeros")

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        x, style = inputs
        style, kernel = self.affine(style), tf.convert_to_tensor(self.kernel)
        count, (height, width, _) = tf.shape(x)[0], x.shape[1:]
        x = x * style[:, None, None, :]
        if self.to_image:
            return tf.nn.conv2d(x, kernel * self.scale, 1, "SAME") + self.bias
        if self.up:
            shape = [count, 2 * height + 1, 2 * width + 1, self.channels]
            turned = tf.transpose(kernel[::-1, ::-1], [0, 1, 3, 2])
            x = fir(tf.nn.conv2d_transpose(x, turned, shape, 2, "VALID"), 1, 1, gain=4.0)
        else:
            x = tf.nn.conv2d(x, kernel, 1, "SAME")
        squares = tf.matmul(tf.square(style), tf.reduce_sum(tf.square(kernel), [0, 1]))
        x = x * tf.math.rsqrt(squares + 1e-8)[:, None, None, :]
        noise = tf.random.normal([count, x.shape[1], x.shape[2], 1])
        return active(x + tf.cast(noise, x.dtype) * self.strength + self.bias)

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        (count, height, width, _), _ = shapes
        factor = 2 if self.up else 1
        return (count, factor * height, factor * width, self.channels)


class Mapping(kl.Layer):
    """Latents [batch, n] -> styles [batch, styles, n], of two latents with the probability of
    `MIXING` in training."""

    def __init__(self, styles: int):
        super().__init__()
        self.styles = styles
        self.dense: list[Dense] = []

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.dense = [Dense(shape[-1], activate=True, rate=0.01) for _ in range(2)]
        for layer in self.dense:
            layer.build(shape)
        self.mean = self.add_weight(
            shape=shape[1:], initializer="zeros", trainable=False, autocast=False
        )

    def of(self, z: tf.Tensor) -> tf.Tensor:
        z = z * tf.math.rsqrt(tf.reduce_mean(tf.square(z), 1, keepdims=True) + 1e-8)
        return tf.cast(self.dense[1](self.dense[0](z)), tf.float32)

    def call(self, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        w = self.of(z)
        repeated = tf.repeat(w[:, None], self.styles, axis=1)
        if not training:
            return repeated
        self.mean.assign(0.995 * self.mean + 0.005 * tf.stop_gradient(tf.reduce_mean(w, 0)))
        count = tf.shape(z)[0]
        other = self.of(tf.random.normal([count, z.shape[1]], dtype=z.dtype))
        first = tf.random.uniform([count], 1, self.styles, tf.int32)
        first = tf.where(tf.random.uniform([count]) < MIXING, first, self.styles)
        own = (tf.range(self.styles) < first[:, None])[:, :, None]
        return tf.where(own, repeated, other[:, None])

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], self.styles, shape[1])


class Constant(kl.Layer):
    def __init__(self, side: int, channels: int):
        super().__init__()
        self.shape = (side, side, channels)

    def build(self, shape: tuple[int | None, ...]) -> None:
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.constant = self.add_weight(shape=self.shape, initializer=normal)

    def call(self, styles: tf.Tensor) -> tf.Tensor:
        return tf.repeat(tf.convert_to_tensor(self.constant)[None], tf.shape(styles)[0], axis=0)


class Twice(kl.Layer):
    def call(self, x: tf.Tensor) -> tf.Tensor:
        return twice(x)


class Deviation(kl.Layer):
    """Adds a map with the deviation over groups of four samples."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        count, size = tf.shape(x)[0], x.shape[1:]
        groups = tf.reshape(x, [-1, 4, *size])
        centred = groups - tf.reduce_mean(groups, 1, keepdims=True)
        deviation = tf.sqrt(tf.reduce_mean(tf.square(centred), 1) + 1e-8)
        deviation = tf.repeat(tf.reduce_mean(deviation, [1, 2, 3]), 4)
        maps = tf.broadcast_to(deviation[:, None, None, None], [count, *size[:2], 1])
        return tf.concat([x, maps], -1)


class Generator(keras.Model):
    """Latents -> styles -> images."""

    def __init__(self, mapping: Any, synthesis: Any):
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis
        self.built = True

    def call(self, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.synthesis(self.mapping(z, training=training), training=training)


def networks(latents: int, shape: tuple[int, ...], width: int) -> tuple[Any, Any]:
    """G from 4×4 pixels, and D down to them; `width` channels in full size, twice as many in half
    the size, and so on."""
    stages = round(math.log2(shape[0] / 4))
    channels = [width * 2**stage for stage in range(stages + 1)]
    z, styles = keras.Input([latents]), keras.Input([2 * stages + 2, latents])
    each = [styles[:, number] for number in range(2 * stages + 2)]
    x = Modulated(channels[-1])([Constant(4, channels[-1])(styles), each[0]])
    image = Modulated(shape[-1], to_image=True)([x, each[1]])
    for number, n in enumerate(reversed(channels[:-1])):
        first, second, last = each[2 * number + 1 : 2 * number + 4]
        x = Modulated(n)([Modulated(n, up=True)([x, first]), second])
        part = Modulated(shape[-1], to_image=True)([x, last])
        image = kl.Add()([Twice()(image), part])
    mapping = keras.Model(z, Mapping(2 * stages + 2)(z))
    generator = Generator(mapping, keras.Model(styles, image))
    x = sample = keras.Input(shape)
    x = Conv(channels[0], 1)(x)
    for n, wider in itertools.pairwise(channels):
        skip = Conv(wider, 1, down=True, activate=False)(x)
        x = kl.Add()([Conv(wider, down=True)(Conv(n)(x)), skip])
        x = kl.Rescaling(math.sqrt(0.5))(x)
    x = kl.Flatten()(Conv(channels[-1])(Deviation()(x)))
    logits = Dense(1)(Dense(channels[-1], activate=True)(x))
    return generator, keras.Model(sample, logits)


def traced_step(
    generator: Any, discriminator: Any, optimizers: list[Any], batch: int, latents: int
) -> Callable[[Any, bool], object]:
    """A step on a batch of real rows, with or without the regularisers: D, then G on other fakes.
    Fakes have a pass of D of their own, because the deviation is one of a group."""
    mean = tf.Variable(0.0)

    def logits_of(samples: tf.Tensor) -> tf.Tensor:
        return tf.cast(discriminator(samples, training=True), tf.float32)

    def path_penalty(z: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            styles = generator.mapping(z, training=True)
            tape.watch(styles)
            images = generator.synthesis(styles, training=True)
        y = tf.random.normal(images.shape) / math.sqrt(math.prod(images.shape[1:3]))
        slopes = tape.gradient(images, styles, output_gradients=tf.cast(y, images.dtype))
        squares = tf.reduce_sum(tf.square(tf.cast(slopes, tf.float32)), -1)
        lengths = tf.sqrt(tf.reduce_mean(squares, 1) + 1e-12)
        mean.assign(0.99 * mean + 0.01 * tf.stop_gradient(tf.reduce_mean(lengths)))
        return tf.reduce_mean(tf.square(lengths - mean))

    @tf.function
    def train_step(real, regularise):
        real = tf.ensure_shape(real, [batch, *real.shape[1:]])
        fake = generator(tf.random.normal([batch, latents]), training=True)
        with tf.GradientTape() as tape:
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(real)
                of_real = logits_of(real)
            loss = tf.reduce_mean(tf.nn.softplus(-of_real))
            loss += tf.reduce_mean(tf.nn.softplus(logits_of(fake)))
            if regularise:
                slopes = tf.square(inner.gradient(of_real, real))
                loss += EVERY * R1 / 2 * tf.reduce_mean(tf.reduce_sum(slopes, [1, 2, 3]))
        weights = discriminator.trainable_variables
        optimizers[1].apply(tape.gradient(loss, weights), weights)
        weights = generator.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in weights])
            z = tf.random.normal([batch, latents])
            loss = tf.reduce_mean(tf.nn.softplus(-logits_of(generator(z, training=True))))
            if regularise:
                loss += EVERY * PATH_LENGTH * path_penalty(z[::2])
        optimizers[0].apply(tape.gradient(loss, [v.value for v in weights]), weights)

    return train_step


def make_step(*about: Any) -> Callable[[Any], object]:
    """`traced_step`, regularised in each `EVERY`-th step."""
    train_step, steps = traced_step(*about), itertools.count()
    return lambda real: train_step(real, next(steps) % EVERY == 0)
