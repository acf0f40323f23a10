import math

import tensorflow as tf

from ganzoo.core.gan import GAN, Terms
from ganzoo.core.inputs import Codes
from ganzoo.core.update import Update
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.foundation.replicas import mean_over_replicas


@register("infogan")
class InfoGAN(Codes, GAN):
    """InfoGAN: Interpretable Representation Learning by Information Maximizing GANs.

    Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel 2016, arXiv:1606.03657, eq. 6: G also gets
    latent codes c. A network Q, which shares its features with D, infers c from the sample. Both
    players maximise L_I, a lower bound of the mutual information of c and G(z, c).

        L_D = −E log D(x) − E log(1 − D(G(z, c))) − λ L_I
        L_G = −E log D(G(z, c)) − λ L_I
        L_I = E log Q(c|G(z, c)) + H(c) ≤ I(c; G(z, c))

    Q is a softmax for the category. For each continuous code it is a Gaussian of scale 1, as in the
    authors' code, because the term of a learned scale becomes much larger than that of the
    category. The term `posterior` of D's loss and the term `information` of G's loss are −λ L_I.

    `gan.sample(16, category=3)` fixes the category, and `gan.sample(16, code=[0.5, -1])` the codes.
    `ganzoo.latents.traverse(gan, "code:0")` varies one code.

    The logs `category_information`, which is at most log(categories), and `code_information` are
    the bound in nats. The latter takes the standard deviation of Q's errors as the scale. The
    learning rates are those of the authors' MNIST experiment. Deviation: the noise z is N(0, 1) as
    in the rest of the library, and not uniform.
    """

    architecture_of_images = "infogan"
    latent_dim = 62
    generator_learning_rate = 1e-3
    information_weight: float = Hyperparameter(float, 1.0, "λ, weight of the bound L_I", at_least=0)
    recipe = GAN.recipe | {"penalties": {"r1": 0.1}}

    def information_loss(self, update: Update) -> tf.Tensor:
        """Returns −λ L_I, a scalar in nats."""
        category, squares = self.code_errors(update)
        codes = tf.reduce_sum(0.5 * squares + 0.5 * math.log(2 * math.pi) - math.log(2.0))
        return self.information_weight * (category - math.log(self.categories) + codes)

    def discriminator_loss(self, update: Update) -> Terms:
        return super().discriminator_loss(update) | {"posterior": self.information_loss(update)}

    def generator_loss(self, update: Update) -> Terms:
        return super().generator_loss(update) | {"information": self.information_loss(update)}

    def after_step(self, update: Update, terms: Terms) -> Terms:
        category, squares = self.code_errors(update)
        # The mean comes before the logarithm, so that it doesn't depend on the number of replicas.
        squares = mean_over_replicas(squares)
        scales = 0.5 * tf.math.log(2 * math.pi * math.e * squares)
        return {
            "category_information": math.log(self.categories) - category,
            "code_information": tf.reduce_sum(math.log(2.0) - scales),
        }
