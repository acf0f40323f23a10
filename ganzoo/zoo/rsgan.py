from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("rsgan")
class RSGAN(GAN):
    """The relativistic discriminator: a key element missing from standard GAN.

    Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.1: D estimates the probability that a real
    sample is more realistic than a fake one. Row i of the real batch is compared with row i of the
    fake batch. `ragan` compares with the mean of a batch, and `r3gan` adds gradient penalties.

        L_D = E sp(−(D(x) − D(G(z))))
        L_G = E sp(−(D(G(z)) − D(x)))

    sp is the softplus, and D gives logits.

    Deviation: the networks are this library's.
    """

    objective = objectives.relativistic
    recipe = GAN.recipe | {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 2e-4}
