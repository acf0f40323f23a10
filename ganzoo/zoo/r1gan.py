from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("r1gan")
class R1GAN(GAN):
    """Which Training Methods for GANs do actually Converge?

    Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406, eq. 9: near the equilibrium, where D is 0,
    the non-saturating players circle around each other. The gradient penalty R1 makes them
    converge.

        L_D = −E log D(x) − E log(1 − D(G(z))) + γ/2 E‖∇D(x)‖²
        L_G = −E log D(G(z))

    ∇D is the gradient of D's logit. Set γ with `penalties={"r1": γ}`. Samples come from averaged
    weights of G (`ema`), as in section 6.

    Deviations: γ is 0.1, Adam has β₁ = 0 and β₂ = 0.99 with the rates 1e-3 for G and 4e-4 for D,
    and the decay of the averages is 0.99, all for short training on small images. The paper has
    γ = 10 for large images, RMSProp with the rate 1e-4, and a decay of 0.999. The networks are this
    library's, and the paper's are ResNets.
    """

    objective = objectives.non_saturating
    penalties = {"r1": 0.1}
    generator_learning_rate = 1e-3
    discriminator_learning_rate = 4e-4
    beta_1 = 0.0
    beta_2 = 0.99
    ema = 0.99
    recipe = GAN.recipe | {"steps": 5000}
