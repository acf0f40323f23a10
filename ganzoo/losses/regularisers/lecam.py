"""LeCam: a bound on the distance of D's logits from their running means."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.foundation.replicas import mean_over_replicas
from ganzoo.losses.regularisers.regulariser import Regulariser, Update, check_decay


@keras.saving.register_keras_serializable("ganzoo")
class LeCam(Regulariser):
    """E relu(D(x) − α_F)² + E relu(α_R − D(G(z)))².

    α_R and α_F are running means of D's logits on real and on fake samples. The term keeps the
    logits on real samples near those on fake ones and vice versa, which helps on small data.

    Tseng, Jiang, Liu, Yang, Yang 2021, arXiv:2104.03310, eq. 4. The authors' weight is 0.3 for
    BigGAN on CIFAR-10. The running means are those of all replicas.

    Deviation: the means start at 0 and are corrected for this bias, as in Adam. The authors' code
    copies the logits in the first 1,000 steps instead.

    Args:
        decay: decay of the running means, in [0, 1).

    Raises:
        ValueError: the decay is out of range.
    """

    name = "lecam"

    def __init__(self, decay: float = 0.99):
        self.decay = check_decay(decay)

    def build(self, gan: keras.Model) -> None:
        # The weighted sums of real and of fake logits, and the sum of the weights.
        self.averages = gan.add_weight(
            shape=(3,), initializer="zeros", trainable=False, name="lecam_averages",
            aggregation="only_first_replica",
        )  # fmt: skip

    def means(self) -> tf.Tensor:
        """Returns (α_R, α_F), float32 [2]. Both are 0 before the first update."""
        averages = self.averages.value
        return averages[:2] / tf.where(averages[2] > 0, averages[2], 1.0)

    def term(self, update: Update) -> tf.Tensor:
        alpha_real, alpha_fake = tf.unstack(self.means())
        real = tf.nn.relu(update.real_outputs["logits"] - alpha_fake)
        fake = tf.nn.relu(alpha_real - update.fake_outputs["logits"])
        return tf.reduce_mean(tf.square(real)) + tf.reduce_mean(tf.square(fake))

    def after(self, update: Update) -> None:
        logits = (update.real_outputs["logits"], update.fake_outputs["logits"])
        now = mean_over_replicas(tf.stack([*map(tf.reduce_mean, logits), 1.0]))
        self.averages.assign(self.decay * self.averages.value + (1.0 - self.decay) * now)

    def get_config(self) -> dict[str, Any]:
        return {"decay": self.decay}
