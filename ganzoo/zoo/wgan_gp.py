from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("wgan_gp")
class WGANGP(GAN):
    """Improved Training of Wasserstein GANs.

    Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville 2017, arXiv:1704.00028, eq. 3 and Algorithm 1.

        L_D = E D(G(z)) − E D(x) + λ E(‖∇D(x̂)‖ − 1)²,  x̂ = εx + (1 − ε)G(z),  ε ~ U(0, 1)
        L_G = −E D(G(z))

    λ = 10 (`penalties={"gradient_penalty": 10}`), five critic steps, Adam 1e-4 with β (0.5, 0.9),
    which the authors' MNIST code has; the paper's own β₁ is 0. No batch normalisation in the
    critic: the penalty is per sample.
    """

    objective = objectives.wasserstein
    penalties = {"gradient_penalty": 10.0}
    critic_steps = 5
    generator_learning_rate = 1e-4
    discriminator_learning_rate = 1e-4
    beta_2 = 0.9
    tiny_problem = {"penalties": {"gradient_penalty": 0.1}}  # as in the authors' toy code
