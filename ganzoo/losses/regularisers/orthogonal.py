"""Orthogonal filters of G."""

from __future__ import annotations

import keras
import tensorflow as tf

from ganzoo.foundation.keras_compat import leaves
from ganzoo.losses.regularisers.regulariser import Regulariser, Update


@keras.saving.register_keras_serializable("ganzoo")
class Orthogonal(Regulariser):
    """Σ ‖WWᵀ ⊙ (1 − I)‖² over the kernels W of G, whose rows are the filters.

    It is 0 if the filters of each layer are orthogonal, whatever their norms. BigGAN needs it for
    truncated latents, see `gan.sample(truncation=…)`.

    Brock, Donahue, Simonyan 2019, arXiv:1809.11096, eq. 3; the paper's weight is 1e-4. The kernels
    are those of dense layers and convolutions; embeddings and normalisations have none.
    """

    name = "orthogonal"
    player = "generator"

    def build(self, gan: keras.Model) -> None:
        self.layers = [
            layer
            for layer in leaves(gan.generator)
            if isinstance(getattr(layer, "kernel", None), keras.Variable)
            # a wrapper's layer is a leaf too, and BigGAN's embedding is an EinsumDense layer
            and not isinstance(layer, keras.layers.Wrapper | keras.layers.EinsumDense)
        ]
        if not self.layers:
            raise ValueError(
                f"the regulariser {self.name} needs a generator with dense layers or "
                "convolutions: leave it out."
            )

    def term(self, update: Update) -> tf.Tensor:
        return tf.reduce_sum(tf.stack([overlap(filters_of(layer)) for layer in self.layers]))


def filters_of(layer: keras.layers.Layer) -> tf.Tensor:
    """The kernel of a layer as a matrix with a row for each filter, [outputs, rest]."""
    kernel = tf.convert_to_tensor(layer.kernel)
    if "Transpose" in type(layer).__name__:  # [..., outputs, inputs]
        return tf.reshape(tf.experimental.numpy.moveaxis(kernel, -2, 0), [kernel.shape[-2], -1])
    return tf.transpose(tf.reshape(kernel, [-1, kernel.shape[-1]]))


def overlap(w: tf.Tensor) -> tf.Tensor:
    """Returns ‖WWᵀ ⊙ (1 − I)‖²."""
    norms = tf.reduce_sum(tf.square(w), axis=1)
    if w.shape[0] <= w.shape[1]:
        products = tf.matmul(w, w, transpose_b=True)
        return tf.reduce_sum(tf.square(tf.linalg.set_diag(products, tf.zeros_like(norms))))
    # WᵀW is smaller and has the same norm as WWᵀ
    products = tf.matmul(w, w, transpose_a=True)
    return tf.reduce_sum(tf.square(products)) - tf.reduce_sum(tf.square(norms))
