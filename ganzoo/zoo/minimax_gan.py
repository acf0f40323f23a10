from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("minimax_gan")
class MinimaxGAN(GAN):
    """Generative Adversarial Nets (the minimax game).

    Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio 2014,
    arXiv:1406.2661, eq. 1: the zero-sum game of the theorem, whose value at D's optimum is
    −log 4 + 2·JSD(p_data, p_g).

        L_D = −E log D(x) − E log(1 − D(G(z)))
        L_G =  E log(1 − D(G(z)))

    G's gradient vanishes where D is sure of the fakes: `gan` has the loss that doesn't. Adam in
    place of the paper's momentum, which `gan` has as `as_published=True`.
    """

    objective = objectives.minimax
    architecture = "mlp"
    latent_dim = 16
    generator_learning_rate = 5e-4
    discriminator_learning_rate = 5e-4
