"""Equal means of D's features on real and on fake samples."""

from __future__ import annotations

import keras
import tensorflow as tf

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
        real, fake = (
            tf.reduce_mean(tf.cast(outputs["features"], tf.float32), axis=0)
            for outputs in (update.real_outputs, update.fake_outputs)
        )
        difference = real - fake
        if replica := tf.distribute.get_replica_context():
            difference = replica.all_reduce(tf.distribute.ReduceOp.MEAN, difference)
        return tf.reduce_sum(tf.square(difference))
