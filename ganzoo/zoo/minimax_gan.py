from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("minimax_gan")
class MinimaxGAN(GAN):
    """Generative Adversarial Nets (the minimax game).

    Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio 2014,
    arXiv:1406.2661, eq. 1: the zero-sum game of Theorem 1. With the optimal D, the
    value of the game, −L_D, is −log 4 + 2·JSD(p_data, p_g).

        L_D = −E log D(x) − E log(1 − D(G(z)))
        L_G =  E log(1 − D(G(z)))

    G's gradient vanishes when D recognises all fake samples. The loss of `gan` avoids this.
    Deviation: Adam replaces SGD with momentum, because it trains on any data. `gan` has the paper's
    optimizer with `as_published=True`.
    """

    objective = objectives.minimax
    architecture = "mlp"
    latent_dim = 16
    generator_learning_rate = 5e-4
    discriminator_learning_rate = 5e-4
    recipe = GAN.recipe | {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 5e-5}
