from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("wgan_gp")
class WGANGP(GAN):
    """Improved Training of Wasserstein GANs.

    Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville 2017, arXiv:1704.00028, eq. 3 and Algorithm 1:
    the critic D estimates the Wasserstein distance, and a gradient penalty keeps ‖∇D‖ near 1.

        L_D = E D(G(z)) − E D(x) + λ E(‖∇D(x̂)‖ − 1)²,  x̂ = εx + (1 − ε)G(z),  ε ~ U(0, 1)
        L_G = −E D(G(z))

    λ is 10 (`penalties={"gradient_penalty": 10}`), and the critic has five updates for each one of
    G. The critic has no batch normalisation, because the penalty needs the gradient of each sample
    alone. The penalty acts on normalised data: points have mean 0 and standard deviation 1.

    On points λ is 0.1, as in the authors' toy code. With `width=128`, `latent_dim=2`,
    `critic_steps=3`, batches of 256, and rates of 1e-3 that fall to 0 in the second half of 12,000
    steps, it finds all 25 Gaussians of "grid". A schedule of D's rate counts the updates of D,
    which are `critic_steps` for each step.

    Deviation: Adam has the rate 1e-4 and β = (0.5, 0.9) as in the authors' MNIST code. The paper's
    β₁ is 0.

    Reported: FID 53.98 on CIFAR-10 with 50,000 samples, as trained by Kang, Shin,
    Park 2022, arXiv:2206.09479 (figures of their library StudioGAN).
    """

    objective = objectives.wasserstein
    penalties = {"gradient_penalty": 10.0}
    critic_steps = 5
    generator_learning_rate = 1e-4
    discriminator_learning_rate = 1e-4
    beta_2 = 0.9
    tiny_problem = {"penalties": {"gradient_penalty": 0.1}}  # as in the authors' toy code
    recipe = GAN.recipe | {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
