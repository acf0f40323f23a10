"""Spectral normalisation: weights divided by their largest singular value.

Miyato, Kataoka, Koyama, Yoshida 2018, arXiv:1802.05957.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers as kl

from ganzoo.networks.layers import Shape


@keras.saving.register_keras_serializable("ganzoo")
class SpectralNormalization(kl.Wrapper):
    """Calls a layer with the kernel W/σ(W). σ is the largest singular value of the kernel as a
    matrix with one column for each output channel.

    Each call makes one step of power iteration, v = Wu/‖Wu‖ and u = Wᵀv/‖Wᵀv‖, from the u of the
    last call in training. σ is vᵀWu. The gradient goes through σ, with constant u and v. Arithmetic
    is in float32.

    Keras's layer of this name stores W/σ in place of W at each call, so that one update of D on
    real and fake samples normalises twice, and its gradient doesn't go through σ. It also has a
    condition in the graph, which can't run in the executor that repeats a training exactly.

    Args:
        layer: a layer with a kernel, such as `keras.layers.Dense` or `keras.layers.Conv2D`.
        kwargs: arguments of `keras.layers.Layer`.
    """

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.u = self.add_weight(
            shape=(self.matrix(self.layer.kernel).shape[-1],),
            initializer=keras.initializers.RandomNormal(),
            trainable=False,
            name="u",
            aggregation="only_first_replica",
            autocast=False,
        )

    def matrix(self, kernel: Any) -> tf.Tensor:
        """Returns a kernel as a matrix [rest, output channels], float32."""
        kernel = tf.cast(kernel, tf.float32)
        if isinstance(self.layer, kl.Conv1DTranspose | kl.Conv2DTranspose | kl.Conv3DTranspose):
            kernel = tf.linalg.matrix_transpose(kernel)
        return tf.reshape(kernel, [-1, kernel.shape[-1]])

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        weights = tf.convert_to_tensor(self.layer.kernel)
        matrix = self.matrix(weights)
        constant = tf.stop_gradient(matrix)
        v = tf.math.l2_normalize(tf.linalg.matvec(constant, self.u), epsilon=1e-12)
        u = tf.math.l2_normalize(tf.linalg.matvec(constant, v, transpose_a=True), epsilon=1e-12)
        if training:
            self.u.assign(u)
        sigma = tf.tensordot(v, tf.linalg.matvec(matrix, u), 1)
        normalized = weights / tf.cast(sigma, weights.dtype)
        trainable = [
            normalized if variable is self.layer.kernel else variable
            for variable in self.layer.trainable_variables
        ]
        constants = self.layer.non_trainable_variables
        return self.layer.stateless_call(trainable, constants, x)[0]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.layer.compute_output_shape(input_shape)


def spectral(model: keras.Model) -> keras.Model:
    """Returns a new model with `SpectralNormalization` around each convolution and dense layer.

    Layers whose kernel starts at zero have no σ to divide by, and stay as they are.

    Args:
        model: a functional model. Its layers are made anew, with new weights.
    """
    wrapped = (kl.Dense, kl.Conv1D, kl.Conv2D, kl.Conv1DTranspose, kl.Conv2DTranspose)

    def clone(layer: kl.Layer) -> kl.Layer:
        new = layer.__class__.from_config(layer.get_config())
        if not isinstance(layer, wrapped):
            return new
        if isinstance(layer.kernel_initializer, keras.initializers.Zeros):
            return new
        return SpectralNormalization(new, name=layer.name)

    return keras.models.clone_model(model, clone_function=clone)
