import math

import tensorflow as tf

from ganzoo.core.gan import GAN
from ganzoo.core.inputs import Codes
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register


@register("infogan")
class InfoGAN(Codes, GAN):
    """InfoGAN: Interpretable Representation Learning by Information Maximizing GANs.

    Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel 2016, arXiv:1606.03657, eq. 6: latent codes
    c, and Q on D's trunk that reads them back, so that G keeps their mutual information.

        L_D = −E log D(x) − E log(1 − D(G(z, c))) − λ L_I
        L_G = −E log D(G(z, c)) − λ L_I
        L_I = E log Q(c|G(z, c)) + H(c) ≤ I(c; G(z, c))

    Q is a softmax for the category and, as in the authors' code, a Gaussian of scale 1 for each
    continuous code: a learned scale drowns the category. The terms `posterior` (in D's loss) and
    `information` (in G's) are −λ L_I; the logs `category_information`, at most log(categories),
    and `code_information` are the bound in nats, for the codes with the scale that Q's errors
    have. Rates as in the authors' MNIST experiment. Deviation: the noise is normal.
    """

    architecture_of_images = "infogan"
    latent_dim = 62
    generator_learning_rate = 1e-3
    information_weight = Hyperparameter(float, 1.0, "λ, weight of the bound L_I", at_least=0)

    def information_loss(self, update):
        category, squares = self.code_errors(update)
        codes = tf.reduce_sum(0.5 * squares + 0.5 * math.log(2 * math.pi) - math.log(2.0))
        return self.information_weight * (category - math.log(self.categories) + codes)

    def discriminator_loss(self, update):
        return super().discriminator_loss(update) | {"posterior": self.information_loss(update)}

    def generator_loss(self, update):
        return super().generator_loss(update) | {"information": self.information_loss(update)}

    def after_step(self, update, terms):
        category, squares = self.code_errors(update)
        squares = self.mean_over_replicas(squares)  # or the logarithm is another one
        scales = 0.5 * tf.math.log(2 * math.pi * math.e * squares)
        return {
            "category_information": math.log(self.categories) - category,
            "code_information": tf.reduce_sum(math.log(2.0) - scales),
        }
