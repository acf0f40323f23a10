from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register


@register("dcgan")
class DCGAN(GAN):
    """Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks.

    Radford, Metz, Chintala 2016, arXiv:1511.06434: the paper is the networks
    (`ganzoo.networks.dcgan`), the game is the non-saturating one.

        L_D = −E log D(x) − E log(1 − D(G(z)))
        L_G = −E log D(G(z))

    Adam with rate 2e-4 and β₁ 0.5 as in section 4. Deviation: 64 latents and 64 channels at full
    resolution where the paper has 100 and 128, which is what small images need; both are
    hyper-parameters.
    """
