from ganzoo.core.gan import GAN
from ganzoo.core.inputs import Labelled
from ganzoo.foundation.registry import register


@register("cgan")
class ConditionalGAN(Labelled, GAN):
    """Conditional Generative Adversarial Nets.

    Mirza, Osindero 2014, arXiv:1411.1784, eq. 2: both players see the label y.

        L_D = −E log D(x|y) − E log(1 − D(G(z|y)|y))
        L_G = −E log D(G(z|y)|y)

    Fakes take the labels of the real batch, so both have the data's class frequencies. Deviations:
    convolutional networks by default (`architecture="mlp"` for perceptrons as in the paper), the
    non-saturating loss for G, and Adam.
    """
