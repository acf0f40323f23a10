from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("dragan")
class DRAGAN(GAN):
    """On Convergence and Stability of GANs.

    Kodali, Abernethy, Hays, Kira 2017, arXiv:1705.07215, Algorithm 1: a gradient penalty keeps
    ‖∇D‖ near 1 around the real samples, where sharp slopes of D lead to mode collapse.

        L_D = −E log D(x) − E log(1 − D(G(z))) + λ E(‖∇D(x̂)‖ − 1)²
        L_G = −E log D(G(z))
        x̂ = x + ε·½std(x)·u,  ε ~ U(0, 1) per sample,  u ~ U(0, 1) per value

    ∇D is the gradient of D's logit. λ is 10 (`penalties={"dragan": 10}`). D has no batch
    normalisation, because the penalty needs the gradient of each sample alone.

    Deviations: the noise is that of the authors' code, and the paper has N(0, cI); the networks are
    this library's.
    """

    objective = objectives.non_saturating
    penalties = {"dragan": 10.0}
    tiny_problem = {"penalties": {"dragan": 0.1}}  # the weight 10 is for images
    recipe = GAN.recipe | {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
