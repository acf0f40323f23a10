from ganzoo.core.gan import GAN
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("lsgan")
class LSGAN(GAN):
    """Least Squares Generative Adversarial Networks.

    Mao, Li, Xie, Lau, Wang, Smolley 2017, arXiv:1611.04076, eq. 2: a codes fake, b real, c what G
    wants D to say.

        L_D = ½ E(D(x) − b)² + ½ E(D(G(z)) − a)²
        L_G = ½ E(D(G(z)) − c)²

    `coding` is (a, b, c): (0, 1, 1) of eq. 9, (−1, 1, 0) of eq. 8, which minimises the Pearson χ²
    divergence, or (−1, 1, 1) of the authors' later study, arXiv:1712.06391. Deviation: Adam, with
    a faster G (1e-3) than D (2e-4): on small data equal rates lose digits.
    """

    coding = Hyperparameter(
        tuple, (0, 1, 1), "(a, b, c)", choices=((0, 1, 1), (-1, 1, 0), (-1, 1, 1))
    )
    generator_learning_rate = 1e-3

    @property
    def objective(self):
        return objectives.least_squares_coding(*self.coding)
