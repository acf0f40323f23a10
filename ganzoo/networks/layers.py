"""Layers that Keras doesn't have, or whose second derivatives are wrong or slow in Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

Shape = tuple[int | None, ...]
Gradient = Callable[..., Any]


def leaky_relu(x: tf.Tensor, slope: float) -> tf.Tensor:
    """Returns max(x, slope·x), computed by TensorFlow's kernels in both directions.

    The derivative is computed from the sign of the output and not of the input, so that TensorFlow
    can fuse the activation with the matrix product or convolution before it. The second derivative
    with respect to x is 0 and costs nothing. TensorFlow's own runs a whole backward pass on zeros.

    Args:
        x: a tensor of any shape.
        slope: at least 0.
    """

    def backward(dy: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.LeakyReluGrad(gradients=dy, features=y, alpha=slope)

    @tf.custom_gradient
    def differentiable_backward(dy: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        return backward(dy, y), lambda ddy: (backward(ddy, y), None)

    @tf.custom_gradient
    def forward(x: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        y = tf.nn.leaky_relu(x, slope)
        return y, lambda dy: differentiable_backward(dy, y)

    return forward(x)


@keras.saving.register_keras_serializable("ganzoo")
class LeakyReLU(keras.layers.Layer):
    """max(x, slope·x), for tensors of any shape.

    It replaces Keras's layer for two reasons. The second derivative of Keras's layer runs a whole
    backward pass on zeros, which makes gradient penalties slower, and TensorFlow prints an error
    when it tries to fuse the layer with a convolution.

    Args:
        slope: at least 0.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, slope: float = 0.2, **kwargs: Any):
        super().__init__(**kwargs)
        self.slope = slope

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return leaky_relu(x, self.slope)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"slope": self.slope}


@keras.saving.register_keras_serializable("ganzoo")
class Conv2D(keras.layers.Conv2D):
    """Keras's layer, of maps whose sides are doubled by repetition first with `resize`, [batch, h,
    w, n] -> [batch, 2h, 2w, filters].

    Such a resize convolution (Odena, Dumoulin, Olah 2016, doi:10.23915/distill.00003) has the
    weights and the values of `keras.layers.UpSampling2D` and `keras.layers.Conv2D`, which it
    computes as one. With 3×3 taps it is a transposed convolution with the stride 2, whose 4×4 taps
    are sums of those of the kernel: 4 products in place of 9. With 1×1 taps it is a convolution
    and a repetition after it: 1 product in place of 4.

    Args:
        filters, kernel_size: as in Keras. The size is 1 or 3 with `resize`.
        resize: whether the sides are doubled. The padding is then "same".
        kwargs: further arguments of `keras.layers.Conv2D`.
    """

    def __init__(self, filters: int, kernel_size: Any, *, resize: bool = False, **kwargs: Any):
        super().__init__(filters, kernel_size, **kwargs | ({"padding": "same"} if resize else {}))
        self.resize = resize

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        if not self.resize:
            return super().convolution_op(inputs, kernel)
        if self.kernel_size == (1, 1):
            found = super().convolution_op(inputs, kernel)
            return tf.repeat(tf.repeat(found, 2, axis=1), 2, axis=2)
        kernel = tf.reverse(tf.convert_to_tensor(kernel), [0, 1])
        for axis in (0, 1):
            before, after = [[0, 0]] * 4, [[0, 0]] * 4
            before[axis], after[axis] = [1, 0], [0, 1]
            kernel = tf.pad(kernel, before) + tf.pad(kernel, after)
        batch, (height, width) = tf.shape(inputs)[0], inputs.shape[1:3]
        return tf.nn.conv2d_transpose(
            inputs,
            tf.transpose(kernel, [0, 1, 3, 2]),
            [batch, 2 * height, 2 * width, self.filters],
            strides=2,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, *sides, filters = super().compute_output_shape(input_shape)
        return batch, *[(1 + self.resize) * side for side in sides], filters

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"resize": self.resize}


@keras.saving.register_keras_serializable("ganzoo")
class Dropout(keras.layers.Dropout):
    """Keras's layer, at less than half of its time on a CPU.

    It draws 16 random bits for each value instead of 32, so the rate is rounded to a multiple of
    2⁻¹⁶. Arguments are those of `keras.layers.Dropout`, without `noise_shape`.
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training or self.rate == 0:
            return inputs
        below = min(max(round(2**16 * (1 - self.rate)), 1), 2**16 - 1)
        words = -(-tf.size(inputs) // 4)
        seed = self.seed_generator.next()
        words = tf.random.stateless_uniform([words], seed, None, None, tf.uint64)
        bits = tf.reshape(tf.bitcast(words, tf.uint16), [-1])[: tf.size(inputs)]
        kept = tf.reshape(bits, tf.shape(inputs)) < tf.constant(below, tf.uint16)
        return inputs * (tf.cast(kept, inputs.dtype) * (2**16 / below))


@keras.saving.register_keras_serializable("ganzoo")
class Maxout(keras.layers.Layer):
    """The largest of `pieces` affine maps for each output, [batch, n] -> [batch, units].

    Goodfellow et al. 2013, arXiv:1302.4389.

    Args:
        units: number of outputs.
        pieces: number of affine maps for each output.
        kernel_initializer: a Keras initializer or its name.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        units: int,
        pieces: int,
        kernel_initializer: str | keras.initializers.Initializer = "glorot_uniform",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units, self.pieces = units, pieces
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Shape) -> None:
        self.dense = keras.layers.Dense(
            self.units * self.pieces, kernel_initializer=self.kernel_initializer
        )
        self.dense.build(input_shape)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return ops.max(ops.reshape(self.dense(x), (-1, self.units, self.pieces)), axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "pieces": self.pieces,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable("ganzoo")
class BatchNormalization(keras.layers.BatchNormalization):
    """(x − mean) / √(variance + ε)·γ + β, mean and variance of a batch per channel;
    [batch, ..., channels] -> the same.

    Ioffe and Szegedy 2015, arXiv:1502.03167. Weights, settings and values are those of Keras's
    layer. Where one device trains, both directions are TensorFlow's fused kernels, which take a
    third of the time, and whose second derivative is right: Keras's layer takes the variance from
    TensorFlow's moments, which stop the gradient at the mean.
    """

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        alone = context is None or context.num_replicas_in_sync == 1
        usual = not self.renorm and mask is None
        known = self.dtype == "float32" and len(inputs.shape) in (2, 4)
        if not (training and self.trainable and alone and usual and known):
            return super().call(inputs, training=training, mask=mask)
        # Half precision can't hold the sums of squares.
        x = tf.cast(inputs, tf.float32)
        maps = x if len(x.shape) == 4 else x[:, None, None, :]
        channels = [inputs.shape[-1]]
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=maps,
            scale=self.gamma if self.scale else tf.ones(channels),
            offset=self.beta if self.center else tf.zeros(channels),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
        )
        # The kernel gives the unbiased variance, and Keras averages the biased one.
        count = tf.cast(tf.size(maps) / tf.shape(maps)[-1], tf.float32)
        variance *= (count - 1) / count
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + new * (1 - self.momentum))
        return tf.cast(tf.reshape(outputs, tf.shape(x)), self.compute_dtype)


@keras.saving.register_keras_serializable("ganzoo")
class LayerNormalization(keras.layers.Layer):
    """(x − mean) / √(variance + 1e-5)·γ + β, for x of shape [batch, ..., channels].

    Each sample has one mean and one variance, over all its axes. γ and β have the shape [channels].

    Ba et al. 2016, arXiv:1607.06450. Keras's LayerNormalization and GroupNormalization can't be
    used with a gradient penalty: they take the variance from `tf.nn.moments`, which stops the
    gradient at the mean, so that their first derivatives are right and their second ones are wrong.
    """

    def build(self, input_shape: Shape) -> None:
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="beta")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        axes = tuple(range(1, len(x.shape)))
        x = x - ops.mean(x, axes, keepdims=True)
        variance = ops.mean(ops.square(x), axes, keepdims=True)
        return x * ops.rsqrt(variance + 1e-5) * self.gamma + self.beta

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@keras.saving.register_keras_serializable("ganzoo")
class InstanceNormalization(keras.layers.Layer):
    """(x − mean) / √(variance + 1e-5), for x of shape [batch, ..., channels], without weights.

    Each channel of each sample has its own mean and variance, over all positions.

    Ulyanov et al. 2016, arXiv:1607.08022. It is not Keras's GroupNormalization for the reason that
    `LayerNormalization` gives.
    """

    def call(self, x: tf.Tensor) -> tf.Tensor:
        axes = tuple(range(1, len(x.shape) - 1))
        x = x - ops.mean(x, axes, keepdims=True)
        variance = ops.mean(ops.square(x), axes, keepdims=True)
        return x * ops.rsqrt(variance + 1e-5)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@keras.saving.register_keras_serializable("ganzoo")
class Modulation(keras.layers.Layer):
    """x·(1 + gain) + offset, for [x, gain, offset]. x is [batch, ..., channels]; gain and offset
    are [batch, channels], the same for all positions of a map."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        x, gain, offset = inputs
        per_map = (-1, *[1] * (len(x.shape) - 2), x.shape[-1])
        return x * (1.0 + ops.reshape(gain, per_map)) + ops.reshape(offset, per_map)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return input_shape[0]


@keras.saving.register_keras_serializable("ganzoo")
class Scale(keras.layers.Layer):
    """γ·x, with one trainable γ that begins at 0."""

    def build(self, input_shape: Shape) -> None:
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self.gamma * x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


def self_attention(x: keras.KerasTensor, reduction: int = 8) -> keras.KerasTensor:
    """x + γ·o(x): each position of a map gathers what the others have.

    The weights are softmax(θ(x) φ(x)ᵀ) over the positions of φ, and o is a 1×1 convolution of the
    weighted means of g(x). θ, φ and g are 1×1 convolutions, and φ and g are max-pooled by 2×2. All
    are without a bias, and γ begins at 0, so that the result is x at first.

    Zhang, Goodfellow, Metaxas, Odena 2019, arXiv:1805.08318, section 3.

    Args:
        x: maps [batch, h, w, channels].
        reduction: θ and φ have channels // reduction channels, and g has channels // 2.
    """
    kl, channels = keras.layers, x.shape[-1]

    def project(maps: keras.KerasTensor, count: int) -> keras.KerasTensor:
        return kl.Conv2D(max(1, count), 1, use_bias=False)(maps)

    def rows(maps: keras.KerasTensor) -> keras.KerasTensor:
        return kl.Reshape((-1, maps.shape[-1]))(maps)

    def pooled(maps: keras.KerasTensor) -> keras.KerasTensor:
        return kl.MaxPooling2D(2, padding="same")(maps)

    queries = rows(project(x, channels // reduction))
    keys = rows(pooled(project(x, channels // reduction)))
    values = rows(pooled(project(x, channels // 2)))
    weights = kl.Softmax()(kl.Dot(axes=2)([queries, keys]))
    gathered = kl.Reshape((*x.shape[1:3], values.shape[-1]))(kl.Dot(axes=(2, 1))([weights, values]))
    return kl.Add()([x, Scale()(project(gathered, channels))])


def modulated(
    x: keras.KerasTensor, y: keras.KerasTensor, kernel_initializer: str = "zeros"
) -> keras.KerasTensor:
    """x·(1 + V y) + W y: a scale and an offset of each channel that are linear in a condition.

    Args:
        x: [batch, ..., channels].
        y: [batch, n].
        kernel_initializer: of V and W. With zeros, x isn't changed at first.
    """
    gain, offset = (
        keras.layers.Dense(x.shape[-1], use_bias=False, kernel_initializer=kernel_initializer)(y)
        for _ in range(2)
    )
    return Modulation()([x, gain, offset])


def conditional_batch(
    x: keras.KerasTensor, y: keras.KerasTensor, kernel_initializer: str = "zeros"
) -> keras.KerasTensor:
    """Batch normalisation whose scale and offset depend on a condition, see `modulated`.

    If y is a one-hot label, each class has a scale and an offset of its own for each channel.

    de Vries et al. 2017, arXiv:1707.00683; Miyato and Koyama 2018, arXiv:1802.05637.
    """
    return modulated(_batch(scale=False, center=False)(x), y, kernel_initializer)


@keras.saving.register_keras_serializable("ganzoo")
class ClippedInInference(keras.layers.Layer):
    """Clips images to [-1, 1] in inference, and returns them as they are in training, where
    gradients are needed everywhere."""

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return x if training else ops.clip(x, -1.0, 1.0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


def normalization(kind: str) -> list[keras.layers.Layer]:
    """Returns new layers that normalise: one layer, or none for "none".

    Args:
        kind: "batch", "layer", "instance" (see `LayerNormalization` and `InstanceNormalization`) or
            "none". The statistics of "batch" are those of the batches of all replicas, so that
            several replicas train as one device.
    """
    if kind == "batch":
        return [_batch()]
    if kind == "instance":
        return [InstanceNormalization()]
    if kind == "layer":
        return [LayerNormalization()]
    return []


def small_normal() -> keras.initializers.Initializer:
    """Returns a new initializer N(0, 0.02²). One initializer can't be shared by layers, because it
    gives equal values to weights of equal shapes."""
    return keras.initializers.RandomNormal(0.0, 0.02)


def normalized(
    x: keras.KerasTensor, kind: str, condition: keras.KerasTensor | None = None
) -> keras.KerasTensor:
    """Returns x, normalised.

    Args:
        x: [batch, ..., channels].
        kind: of `normalization`, or "conditional_batch" (see `conditional_batch`).
        condition: the one-hot label for "conditional_batch", [batch, classes].
    """
    if kind == "conditional_batch":
        return conditional_batch(x, condition)
    for layer in normalization(kind):
        x = layer(x)
    return x


def _batch(**options: bool) -> BatchNormalization:
    return BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True, **options)
