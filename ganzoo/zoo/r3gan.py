from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("r3gan")
class R3GAN(GAN):
    """The GAN is dead; long live the GAN! A Modern GAN Baseline.

    Huang, Gokaslan, Kuleshov, Tompkin 2024, arXiv:2501.05441, eqs. 2 and 3: a relativistic
    pairing loss with R1 and R2.

        L_D = E sp(−(D(x) − D(G(z)))) + γ/2 (E‖∇D(x)‖² + E‖∇D(G(z))‖²)
        L_G = E sp(−(D(G(z)) − D(x)))

    sp is the softplus; real and fake are paired in both losses. No normalisation layers anywhere,
    Adam with β₁ 0. `penalties={"r1": γ, "r2": γ}`. Deviations: the networks are this library's
    `mlp` and `dcgan`, not the paper's ResNets; γ and rates are constant where the paper lowers
    them.
    """

    objective = objectives.relativistic
    penalties = {"r1": 1.0, "r2": 1.0}
    generator_normalization = "none"
    discriminator_normalization = "none"
    beta_1 = 0.0
    beta_2 = 0.99
