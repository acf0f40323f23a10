from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register


@register("dcgan")
class DCGAN(GAN):
    """Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks.

    Radford, Metz, Chintala 2016, arXiv:1511.06434: the paper proposes convolutional networks
    (`ganzoo.networks.dcgan`). The losses are the non-saturating ones.

        L_D = −E log D(x) − E log(1 − D(G(z)))
        L_G = −E log D(G(z))

    Adam has the rate 2e-4 and β₁ = 0.5, as in section 4. Deviation: there are 64 latents, and
    64 channels in the stage next to the image. The paper has 100 and 128, which small images don't
    need; `latent_dim` and `width` change them.

    Reported: FID 48.29 on CIFAR-10 with 50,000 samples, as trained by Kang, Shin,
    Park 2022, arXiv:2206.09479 (figures of their library StudioGAN).
    """

    recipe = GAN.recipe | {
        "generator_learning_rate": 1e-3, "discriminator_learning_rate": 2e-4, "steps": 5000,
    }  # fmt: skip
