from ganzoo.core.gan import GAN
from ganzoo.core.inputs import Labelled
from ganzoo.foundation.registry import register


@register("cgan")
class ConditionalGAN(Labelled, GAN):
    """Conditional Generative Adversarial Nets.

    Mirza, Osindero 2014, arXiv:1411.1784, eq. 2: G and D get the label y.

        L_D = −E log D(x|y) − E log(1 − D(G(z|y)|y))
        L_G = −E log D(G(z|y)|y)

    Fake samples have the labels of the real batch, so classes are as frequent as in the data.
    `gan.sample(16, labels=3)` draws samples of one class.

    Deviations: the networks are convolutional by default, because they give better images
    (`architecture="mlp"` has perceptrons, as in the paper). G has the non-saturating loss, whose
    gradient doesn't vanish early in training, and both players have Adam, which trains on any data.
    """

    recipe = GAN.recipe | {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 2e-4}
