import keras
import tensorflow as tf

from ganzoo import data
from ganzoo.core.gan import GAN, Terms
from ganzoo.core.update import Outputs, Update
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.foundation.replicas import mean_over_replicas
from ganzoo.losses import objectives
from ganzoo.losses.regularisers import feature_matching


@register("sgan")
class SemiSupervisedGAN(GAN):
    """Improved Techniques for Training GANs (semi-supervised learning with feature matching).

    Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen 2016, arXiv:1606.03498, sections 3.1 and 5:
    D is a classifier with K logits, which learns from data of which only a part is labelled. The
    log-sum-exp L of the K logits is the logit of "real".

        L_D = −E log p(y|x) + ½ E sp(−L(x)) + ½ E sp(L(G(z)))
        L_G = ‖E f(x) − E f(G(z))‖²

    f(x) are the features before D's last layer, and sp is the softplus. A missing label is -1, None
    or NaN. The cross entropy is the mean over the labelled rows of a batch. If only few rows have a
    label, repeat them in the data, so that each batch has some. `gan.classify(x)` predicts classes.

    Deviations: the networks are this library's, without weight normalisation and without noise on
    D's layers; Adam has the rate 1e-3, because training is shorter than in the paper; D's weights
    are not averaged.
    """

    objective = objectives.non_saturating
    columns = {"image": data.Column("sample"), "label": data.Column("label", optional=True)}
    judges_one = "D predicts the class of each sample"
    discriminator_normalization = "none"
    generator_learning_rate = 1e-3
    discriminator_learning_rate = 1e-3
    num_classes: int | None = Hyperparameter(
        int, None, "number of classes; None: that of the data",
        at_least=2, at_most=data.CLASSES, optional=True,
    )  # fmt: skip

    def make_heads(self) -> dict[str, list[keras.layers.Layer]]:
        classes = self.fields["label"].num_classes
        return {"class": [keras.layers.Dense(classes, name="class")], "features": []}

    def discriminate(
        self, samples: tf.Tensor, condition: tf.Tensor | None, training: bool
    ) -> Outputs:
        outputs = super().discriminate(samples, condition, training)
        return outputs | {"logits": tf.reduce_logsumexp(outputs["class"], axis=-1, keepdims=True)}

    def class_logits(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the logits of the classes, [batch, classes], for images in network units."""
        return self.discriminator(images, training=False)["class"]

    def discriminator_loss(self, update: Update) -> Terms:
        terms = super().discriminator_loss(update)
        labels = update.data["label"]
        labelled = tf.cast(labels >= 0, tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.maximum(labels, 0), update.real_outputs["class"]
        )
        # The share of labelled rows is that of all replicas, so that each row has the same weight.
        share = mean_over_replicas(tf.reduce_mean(labelled))
        entropy = tf.math.divide_no_nan(tf.reduce_mean(labelled * losses), share)
        return terms | {"discriminator": 0.5 * terms["discriminator"], "class": entropy}

    def generator_loss(self, update: Update) -> Terms:
        terms = {"generator": feature_matching.squared_distance(update)}
        return terms | self._regularisation("generator", update)
