import keras
import tensorflow as tf

from ganzoo import data
from ganzoo.core.gan import GAN
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("sgan")
class SemiSupervisedGAN(GAN):
    """Improved Techniques for Training GANs (semi-supervised learning with feature matching).

    Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen 2016, arXiv:1606.03498, sections 3.1 and 5:
    D is a classifier with K logits l, from samples of which few have a label; that a sample is real
    is the log-sum-exp L of its logits.

        L_D = −E log p(y|x) + ½ E sp(−L(x)) + ½ E sp(L(G(z)))
        L_G = ‖E f(x) − E f(G(z))‖²

    f are the features below D's last layer, sp is the softplus. A label that is missing is −1, None
    or NaN. The cross entropy is the mean over the labelled rows of a batch: where few rows have a
    label, repeat those rows, so that each batch has some. `gan.classify(x)` names the class.

    Deviations: this library's networks without weight normalisation and without noise on D's
    layers; Adam's rate is 1e-3; D's weights are not averaged.
    """

    objective = objectives.non_saturating
    columns = {"image": data.Column("sample"), "label": data.Column("label", optional=True)}
    judges_one = "D names the class of each sample"
    discriminator_normalization = "none"
    generator_learning_rate = 1e-3
    discriminator_learning_rate = 1e-3
    num_classes = Hyperparameter(
        int, None, "how many classes there are; None: as many as the data has",
        at_least=2, at_most=data.CLASSES, optional=True,
    )  # fmt: skip

    def make_heads(self):
        classes = self.fields["label"].num_classes
        return {"class": [keras.layers.Dense(classes, name="class")], "features": []}

    def discriminate(self, samples, condition, training):
        outputs = super().discriminate(samples, condition, training)
        return outputs | {"logits": tf.reduce_logsumexp(outputs["class"], axis=-1, keepdims=True)}

    def class_logits(self, images):
        return self.discriminator(images, training=False)["class"]

    def discriminator_loss(self, update):
        terms = super().discriminator_loss(update)
        labelled = tf.cast(update.labels >= 0, tf.float32)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.maximum(update.labels, 0), update.real_outputs["class"]
        )
        # The share of labelled rows is that of all replicas, or they would weigh rows differently.
        share = self.mean_over_replicas(tf.reduce_mean(labelled))
        named = tf.math.divide_no_nan(tf.reduce_mean(labelled * losses), share)
        return terms | {"discriminator": 0.5 * terms["discriminator"], "class": named}

    def generator_loss(self, update):
        real, fake = (
            tf.reduce_mean(outputs["features"], axis=0)
            for outputs in (update.real_outputs, update.fake_outputs)
        )
        return {"generator": tf.reduce_sum(tf.square(real - fake))}
