"""SNGAN by hand in Keras and TensorFlow, as peers.tutorial trains it.

Miyato et al. 2018, arXiv:1802.05957: the residual networks of appendix B.4, which judge with
kernels divided by their spectral norms, and the hinge loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import layers as kl


class Spectral(kl.Layer):
    """Calls a dense layer or a convolution of stride 1 with the kernel W/σ. One step of power
    iteration in each call estimates σ, through which the gradient goes; u and v are constants."""

    def __init__(self, layer: kl.Layer):
        super().__init__()
        self.layer = layer

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.layer.build(shape)
        channels = self.layer.kernel.shape[-1]
        self.u = self.add_weight(
            shape=(1, channels), initializer="random_normal", trainable=False, autocast=False
        )

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        kernel = tf.convert_to_tensor(self.layer.kernel)
        matrix = tf.cast(tf.reshape(kernel, [-1, kernel.shape[-1]]), tf.float32)
        fixed = tf.stop_gradient(matrix)
        v = tf.math.l2_normalize(tf.matmul(self.u, fixed, transpose_b=True), epsilon=1e-12)
        u = tf.math.l2_normalize(tf.matmul(v, fixed), epsilon=1e-12)
        if training:
            self.u.assign(u)
        sigma = tf.reduce_sum(tf.matmul(v, matrix) * u)
        kernel = kernel / tf.cast(sigma, kernel.dtype)
        if kernel.shape.rank == 2:
            return tf.nn.bias_add(tf.matmul(x, kernel), self.layer.bias)
        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), self.layer.bias)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return self.layer.compute_output_shape(shape)


def networks(latents: int, shape: tuple[int, ...], width: int) -> tuple[Any, Any]:
    """G with 4·width channels in three blocks from 4×4 to 32×32, and D with 2·width in four."""

    def normalised(x: Any) -> Any:
        return kl.ReLU()(kl.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))

    def conv(x: Any, channels: int, size: int = 3) -> Any:
        return kl.Conv2D(channels, size, padding="same")(x)

    z = keras.Input([latents])
    x = kl.Reshape([4, 4, 4 * width])(kl.Dense(4 * 4 * 4 * width)(z))
    for _ in range(3):
        h = conv(kl.UpSampling2D()(normalised(x)), 4 * width)
        h = conv(normalised(h), 4 * width)
        x = kl.Add()([h, conv(kl.UpSampling2D()(x), 4 * width, 1)])
    image = kl.Activation("tanh")(conv(normalised(x), shape[-1]))

    def judged(x: Any, size: int = 3) -> Any:
        return Spectral(kl.Conv2D(2 * width, size, padding="same"))(x)

    x = sample = keras.Input(shape)
    for block in range(4):
        down = kl.AveragePooling2D(2) if block < 2 else kl.Identity()
        h = judged(kl.ReLU()(judged(kl.ReLU()(x) if block else x)))
        if block == 0:
            shortcut = judged(down(x), 1)  # the mean is taken of the image, which has few channels
        elif block == 1:
            shortcut = down(judged(x, 1))
        else:
            shortcut = x
        x = kl.Add()([down(h), shortcut])
    x = kl.Rescaling(8 * 8.0)(kl.GlobalAveragePooling2D()(kl.ReLU()(x)))
    return keras.Model(z, image), keras.Model(sample, Spectral(kl.Dense(1))(x))


def make_step(
    generator: Any, discriminator: Any, optimizers: list[Any], batch: int, latents: int
) -> Callable[[Any], object]:
    """A step on a batch of real rows: D in one pass over real and fake ones, then G on others."""

    @tf.function
    def train_step(real):
        fake = generator(tf.random.normal([batch, latents]), training=True)
        with tf.GradientTape() as tape:
            joined = tf.concat([real, tf.cast(fake, real.dtype)], 0)
            logits = tf.cast(discriminator(joined, training=True), tf.float32)
            of_real, of_fake = tf.split(logits, 2)
            loss = tf.reduce_mean(tf.nn.relu(1 - of_real)) + tf.reduce_mean(tf.nn.relu(1 + of_fake))
        weights = discriminator.trainable_variables
        optimizers[1].apply(tape.gradient(loss, weights), weights)
        weights = generator.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in weights])
            fake = generator(tf.random.normal([batch, latents]), training=True)
            loss = -tf.reduce_mean(tf.cast(discriminator(fake, training=True), tf.float32))
        optimizers[0].apply(tape.gradient(loss, [v.value for v in weights]), weights)

    return train_step
