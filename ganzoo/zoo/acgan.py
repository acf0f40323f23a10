import keras
import tensorflow as tf

from ganzoo.core.gan import GAN
from ganzoo.core.inputs import Labelled
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("acgan")
class ACGAN(Labelled, GAN):
    """Conditional Image Synthesis with Auxiliary Classifier GANs.

    Odena, Olah, Shlens 2017, arXiv:1610.09585, eqs. 2 and 3: only G is told the class c; a second
    head P of D names the class of real samples and of fakes, and both players want it to be right.

        L_D = −E log D(x) − E log(1 − D(G(z, c))) − λ (E log P(c|x) + E log P(c|G(z, c)))
        L_G = −E log D(G(z, c)) − λ E log P(c|G(z, c))

    The terms `class_of_real`, `class_of_fake` (in D's loss) and `class` (in G's) are λ times the
    cross entropies in nats. `gan.classify(x)` names the class of samples. Deviations: this
    library's networks and no noise on D's layers; G has a rate of 1e-3 against D's 2e-4, which
    small data need.
    """

    objective = objectives.non_saturating
    label_to = ("generator",)
    judges_one = "P names the class of each sample"
    generator_learning_rate = 1e-3
    class_weight = Hyperparameter(float, 1.0, "λ, weight of the cross entropies", at_least=0)

    def make_heads(self):
        classes = self.fields["label"].num_classes
        return super().make_heads() | {"class": [keras.layers.Dense(classes, name="class")]}

    def class_logits(self, images):
        return self.discriminator(images, training=False)["class"]

    def cross_entropy(self, outputs, labels):
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs["class"])
        return self.class_weight * tf.reduce_mean(losses)

    def discriminator_loss(self, update):
        return super().discriminator_loss(update) | {
            "class_of_real": self.cross_entropy(update.real_outputs, update.labels),
            "class_of_fake": self.cross_entropy(update.fake_outputs, update.inputs["label"]),
        }

    def generator_loss(self, update):
        named = self.cross_entropy(update.fake_outputs, update.inputs["label"])
        return super().generator_loss(update) | {"class": named}
