"""The layers of StyleGAN2's generator: mapping, modulated convolutions, noise.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, arXiv:1912.04958, section 2.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from ganzoo.foundation.randomness import current
from ganzoo.foundation.replicas import mean_over_replicas
from ganzoo.networks.equalized import EqualizedDense, activated, filtered
from ganzoo.networks.layers import Shape


def modulated(
    x: tf.Tensor, styles: tf.Tensor, kernel: tf.Tensor, *, demodulate: bool = True, up: bool = False
) -> tf.Tensor:
    """Convolves each sample with its own kernel, kernel·s, divided by its norm for each output.

    w'ᵢⱼₖ = sᵢwᵢⱼₖ / √(Σ (sᵢwᵢⱼₖ)² + 1e-8). The sum is over inputs i and positions k, for each
    output j. Since the convolution is linear, its inputs are multiplied by s and its outputs are
    divided by the norm, so that all samples share one convolution.

    Args:
        x: [batch, H, W, C].
        styles: s, [batch, C].
        kernel: w, [3, 3, C, filters] or [1, 1, C, filters].
        demodulate: whether the outputs are divided by the norm.
        up: whether the outputs are twice as large. Zeros are inserted after each row and column of
            x, and the outputs are filtered by `equalized.FIR` with the gain 4.
    """
    x = x * styles[:, None, None, :]
    if up:
        size = kernel.shape[0]
        batch, height, width = tf.unstack(tf.shape(x)[:3])
        shape = [batch, 2 * height - 2 + size, 2 * width - 2 + size, kernel.shape[-1]]
        turned = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
        x = tf.nn.conv2d_transpose(x, turned, shape, 2, "VALID")
        x = filtered(x, 2 - size // 2, gain=4.0)
    else:
        x = tf.nn.conv2d(x, kernel, 1, "SAME")
    if not demodulate:
        return x
    squares = tf.matmul(tf.square(styles), tf.reduce_sum(tf.square(kernel), [0, 1]))
    return x * tf.math.rsqrt(squares + 1e-8)[:, None, None, :]


@keras.saving.register_keras_serializable("ganzoo")
class Mapping(keras.layers.Layer):
    """The mapping network f: latents z and truncation ψ -> styles w for each layer,
    [batch, n], [batch] -> [batch, styles, n].

    w = f(z/√(mean z²)), and in inference w̄ + ψ(w − w̄). w̄ is the running mean of w.

    In training, each sample has another latent z' with probability `mixing`. Its styles are used
    from a uniformly drawn layer on (style mixing, Karras et al. 2019, arXiv:1812.04948,
    section 3.1). Outside of an update of a GAN there is no mixing.

    Args:
        styles: number of layers that get a style.
        depth: number of dense layers.
        rate: multiplier of their learning rate.
        mixing: a probability.
        decay: decay of w̄.
        drawn: how many values of z, the first ones, are random. The others, such as a class, are
            the same in z'. None for all.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        styles: int,
        depth: int = 8,
        rate: float = 0.01,
        mixing: float = 0.9,
        decay: float = 0.995,
        drawn: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.styles, self.depth, self.rate = styles, depth, rate
        self.mixing, self.decay, self.drawn = mixing, decay, drawn

    def build(self, input_shapes: list[Shape]) -> None:
        (_, width), _ = input_shapes
        self.dense = [
            EqualizedDense(width or 0, activate=True, rate=self.rate) for _ in range(self.depth)
        ]
        for layer in self.dense:
            layer.build((None, width))
        self.mean = self.add_weight(
            shape=(width,), initializer="zeros", trainable=False, name="mean",
            aggregation="only_first_replica", autocast=False,
        )  # fmt: skip

    def mapped(self, z: tf.Tensor) -> tf.Tensor:
        """Returns f(z), float32 [batch, n] -> [batch, n]."""
        z = z * tf.math.rsqrt(tf.reduce_mean(tf.square(z), axis=1, keepdims=True) + 1e-8)
        for layer in self.dense:
            z = layer(z)
        return tf.cast(z, tf.float32)

    def call(self, inputs: list[tf.Tensor], training: bool | None = None) -> tf.Tensor:
        z, truncation = inputs
        w = self.mapped(z)
        noise = current() if training else None
        if not training:
            w = self.mean + tf.cast(truncation, tf.float32)[:, None] * (w - self.mean)
        else:
            self._follow(w)
        w = tf.repeat(w[:, None], self.styles, axis=1)
        if noise is None or not self.mixing or self.styles < 2:
            return w
        count = tf.shape(z)[0]
        drawn = z.shape[1] if self.drawn is None else self.drawn
        other = tf.concat([noise.normal([count, drawn]), z[:, drawn:]], axis=1)
        other = self.mapped(other)[:, None]
        first = 1 + noise.integers([count], self.styles - 1)
        first = tf.where(noise.uniform([count]) < self.mixing, first, self.styles)
        return tf.where((tf.range(self.styles) < first[:, None])[:, :, None], w, other)

    def _follow(self, w: tf.Tensor) -> None:
        """Moves w̄ towards the mean of all replicas."""
        now = mean_over_replicas(tf.stop_gradient(tf.reduce_mean(w, axis=0)))
        self.mean.assign(now + self.decay * (self.mean - now))

    def compute_output_shape(self, input_shapes: list[Shape]) -> Shape:
        (batch, width), _ = input_shapes
        return (batch, self.styles, width)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "styles": self.styles,
            "depth": self.depth,
            "rate": self.rate,
            "mixing": self.mixing,
            "decay": self.decay,
            "drawn": self.drawn,
        }


@keras.saving.register_keras_serializable("ganzoo")
class LearnedConstant(keras.layers.Layer):
    """The constant input of the synthesis network, repeated for each sample of the inputs,
    [batch, ...] -> [batch, *shape].

    Args:
        shape: (H, W, C).
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, shape: tuple[int, int, int], **kwargs: Any):
        super().__init__(**kwargs)
        self.shape = tuple(shape)

    def build(self, input_shape: Shape) -> None:
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.constant = self.add_weight(shape=self.shape, initializer=normal, name="constant")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        constant = ops.cast(self.constant, self.compute_dtype)
        return tf.repeat(constant[None], tf.shape(x)[0], axis=0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self.shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"shape": self.shape}


@keras.saving.register_keras_serializable("ganzoo")
class StyledConv2D(keras.layers.Layer):
    """A `modulated` convolution with noise, bias and activation; maps and w, [batch, H, W, C] and
    [batch, n] -> [batch, H, W, filters], or twice the size with `up`.

    The styles s are an affine map of w, whose bias starts at 1. The noise is one value of N(0, 1)
    for each position, times a learned strength that starts at 0. It is drawn anew in each update
    of a GAN. Elsewhere it is a constant, so that a generator is a function of its inputs.

    Args:
        filters: number of outputs.
        up: whether the maps are doubled.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, filters: int, up: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.up = filters, up

    def build(self, input_shapes: list[Shape]) -> None:
        maps, (_, width) = input_shapes
        inputs = maps[-1] or 0
        self.affine = EqualizedDense(inputs, bias=1.0)
        self.affine.build((None, width))
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.kernel = self.add_weight(
            shape=(3, 3, inputs, self.filters), initializer=normal, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        self.strength = self.add_weight(shape=(), initializer="zeros", name="strength")
        _, height, width, _ = self.compute_output_shape(input_shapes)
        self.noise = self.add_weight(
            shape=(1, height, width, 1),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=False,
            name="noise",
        )

    def call(self, inputs: list[tf.Tensor], training: bool | None = None) -> tf.Tensor:
        x, w = inputs
        kernel = ops.convert_to_tensor(self.kernel)
        x = modulated(x, self.affine(w), kernel, up=self.up)
        drawn, noise = current() if training else None, ops.convert_to_tensor(self.noise)
        if drawn is not None:
            noise = tf.cast(drawn.normal([tf.shape(x)[0], *self.noise.shape[1:]]), x.dtype)
        return activated(x + noise * self.strength + self.bias)

    def compute_output_shape(self, input_shapes: list[Shape]) -> Shape:
        (batch, height, width, _), _ = input_shapes
        factor = 2 if self.up else 1
        return (batch, factor * (height or 0), factor * (width or 0), self.filters)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"filters": self.filters, "up": self.up}


@keras.saving.register_keras_serializable("ganzoo")
class ToImage(keras.layers.Layer):
    """A modulated 1×1 convolution without demodulation, noise or activation; maps and w,
    [batch, H, W, C] and [batch, n] -> [batch, H, W, channels].

    Args:
        channels: channels of the image.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, channels: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.channels = channels

    def build(self, input_shapes: list[Shape]) -> None:
        maps, (_, width) = input_shapes
        inputs = maps[-1] or 0
        self.affine = EqualizedDense(inputs, bias=1.0)
        self.affine.build((None, width))
        self.scale = 1.0 / math.sqrt(inputs)
        normal = keras.initializers.RandomNormal(stddev=1.0)
        self.kernel = self.add_weight(
            shape=(1, 1, inputs, self.channels), initializer=normal, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.channels,), initializer="zeros", name="bias")

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        x, w = inputs
        return modulated(x, self.affine(w), self.kernel * self.scale, demodulate=False) + self.bias

    def compute_output_shape(self, input_shapes: list[Shape]) -> Shape:
        (batch, height, width, _), _ = input_shapes
        return (batch, height, width, self.channels)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"channels": self.channels}
