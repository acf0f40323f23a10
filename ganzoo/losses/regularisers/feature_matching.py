"""Equal means of D's features on real and on fake samples."""

from __future__ import annotations

import keras
import tensorflow as tf

from ganzoo.foundation.replicas import mean_over_replicas
from ganzoo.losses.regularisers.regulariser import Regulariser, Update


@keras.saving.register_keras_serializable("ganzoo")
class FeatureMatching(Regulariser):
    """‖E f(x) − E f(G(z))‖² with f(x), the features that D computes its logits from.

    G makes samples whose features have the mean of those of the data.

    Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen 2016, arXiv:1606.03498, eq. 1. The means
    are those of all replicas. Deviation: the paper's G has no other loss, while here the term is
    added to the objective.

    Raises:
        ValueError: the discriminator has no output "features".
    """

    name = "feature_matching"
    player = "generator"
    heads = {"features": []}

    def build(self, gan: keras.Model) -> None:
        outputs = getattr(gan.discriminator, "output", None)
        if not isinstance(outputs, dict) or "features" not in outputs:
            raise ValueError(
                f"the regulariser {self.name} reads the features below the logits, and the "
                f"discriminator of {gan.registry_name} doesn't give them: leave it out."
            )

    def term(self, update: Update) -> tf.Tensor:
        return squared_distance(update)


def squared_distance(update: Update) -> tf.Tensor:
    """‖E f(x) − E f(G(z))‖², of the output "features" of D, with the means of all replicas."""
    real, fake = (
        tf.reduce_mean(tf.cast(outputs["features"], tf.float32), axis=0)
        for outputs in (update.real_outputs, update.fake_outputs)
    )
    return tf.reduce_sum(tf.square(mean_over_replicas(real - fake)))
