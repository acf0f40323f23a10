from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("sngan")
class SNGAN(GAN):
    """Spectral Normalization for Generative Adversarial Networks.

    Miyato, Kataoka, Koyama, Yoshida 2018, arXiv:1802.05957, eqs. 8, 16 and 17: each kernel W of
    D is divided by its largest singular value σ(W), which bounds D's Lipschitz constant.

        L_D = E relu(1 − D(x)) + E relu(1 + D(G(z))),  D has the kernels W / σ(W)
        L_G = −E D(G(z))

    σ is estimated by one step of power iteration in each call, see
    `ganzoo.networks.spectral.SpectralNormalization`. The networks are the paper's residual ones.

    Deviations: D has one update for each one of G, and not five, and the rates are constant at
    G's 1e-3 and D's 4e-4, because training is shorter. The paper's are `critic_steps=5`, rates of
    2e-4 that fall to 0 in 100,000 steps, and `latent_dim=128`.

    Reported: FID 9.01 on CIFAR-10 with 50,000 samples, as trained by Kang, Shin,
    Park 2022, arXiv:2206.09479 (figures of their library StudioGAN).
    """

    objective = objectives.hinge
    architecture_of_images = "resnet"
    discriminator_normalization = "spectral"
    generator_learning_rate = 1e-3
    discriminator_learning_rate = 4e-4
    beta_1 = 0.0
    beta_2 = 0.9
