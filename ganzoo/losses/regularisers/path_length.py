"""Path length: equal steps of the latents change the image by the same amount."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from ganzoo.foundation.replicas import mean_over_replicas
from ganzoo.losses.regularisers.regulariser import Regulariser, Update, check_decay


@keras.saving.register_keras_serializable("ganzoo")
class PathLength(Regulariser):
    """E(‖Jᵀy‖ − a)², y ~ N(0, 1)/√(HW) for each value of an image, a the running mean of ‖Jᵀy‖.

    J is the Jacobian of the generated images with respect to the generator's "styles", or to its
    latents if it has none. The norm is the root of the squared norms of all layers' styles,
    averaged over the layers. It makes a step in the styles change the image by the same amount
    everywhere. The term takes one pass of G on every second sample.

    Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, arXiv:1912.04958, eq. 4; the authors'
    weight is 2. As in their code, a starts at 0 and includes the current lengths. It is the mean of
    all replicas.

    Args:
        decay: decay of the running mean, in [0, 1).

    Raises:
        ValueError: the decay is out of range.
    """

    name = "path_length"
    player = "generator"

    def __init__(self, decay: float = 0.99):
        self.decay = check_decay(decay)

    def build(self, gan: keras.Model) -> None:
        if gan.latent_dim is None:
            raise ValueError(
                f"the regulariser {self.name} differentiates samples by latents, and the generator "
                f"of {gan.registry_name} maps samples to samples: leave it out."
            )
        self.mean = gan.add_weight(
            shape=(), initializer="zeros", trainable=False, name="path_length_mean",
            aggregation="only_first_replica",
        )  # fmt: skip

    def lengths(self, update: Update) -> tf.Tensor:
        """Returns ‖Jᵀy‖ for every second sample of the update, float32 [rows]."""
        inputs = {name: value[::2] for name, value in update.inputs.items()}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([x for x in inputs.values() if x.dtype.is_floating])
            generated = update.gan.generate(inputs, training=True)
        samples = generated[update.gan.output_name]
        sources = generated.get("styles", inputs.get("latent"))
        count = tf.shape(samples)[0]
        y = update.noise.normal([count, *samples.shape[1:]])
        y = tf.cast(y / math.sqrt(math.prod(samples.shape[1:-1])), samples.dtype)
        squares = tf.square(tape.gradient(samples, sources, output_gradients=y))
        squares = tf.reduce_sum(tf.cast(squares, tf.float32), axis=-1)
        # The root has no derivative at 0.
        return tf.sqrt(tf.reduce_mean(tf.reshape(squares, [count, -1]), axis=1) + 1e-12)

    def term(self, update: Update) -> tf.Tensor:
        lengths = self.lengths(update)
        now = mean_over_replicas(tf.stop_gradient(tf.reduce_mean(lengths)))
        mean = self.decay * self.mean.value + (1.0 - self.decay) * now
        update.kept[self.name] = mean
        return tf.reduce_mean(tf.square(lengths - mean))

    def after(self, update: Update) -> None:
        if self.name in update.kept:  # the term took part in this update
            self.mean.assign(update.kept[self.name])

    def get_config(self) -> dict[str, Any]:
        return {"decay": self.decay}
