from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("ragan")
class RaGAN(GAN):
    """The relativistic discriminator: a key element missing from standard GAN.

    Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2: D estimates the probability that a real
    sample is more realistic than fake samples are on average, and the reverse. `rsgan` has the
    paper's other game, which compares a real sample with one fake sample.

        L_D = E sp(−(D(x) − E D(G(z)))) + E sp(D(G(z)) − E D(x))
        L_G = E sp(−(D(G(z)) − E D(x))) + E sp(D(x) − E D(G(z)))

    sp is the softplus, and D gives logits. The means are those of the batch, over all replicas. G's
    gradient comes from the real samples too, because the mean of the fake logits is subtracted from
    their logits.

    Deviation: the networks are this library's.
    """

    objective = objectives.relativistic_average
    recipe = GAN.recipe | {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 2e-4}
