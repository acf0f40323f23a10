from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("r3gan")
class R3GAN(GAN):
    """The GAN is dead; long live the GAN! A Modern GAN Baseline.

    Huang, Gokaslan, Kuleshov, Tompkin 2024, arXiv:2501.05441, eqs. 2 and 3: the losses compare each
    real sample with a fake one, and D's loss has the gradient penalties R1 and R2.

        L_D = E sp(−(D(x) − D(G(z)))) + γ/2 (E‖∇D(x)‖² + E‖∇D(G(z))‖²)
        L_G = E sp(−(D(G(z)) − D(x)))

    sp is the softplus. The networks have no normalisation layers, and Adam has β₁ = 0. Set γ with
    `penalties={"r1": γ, "r2": γ}`.

    Deviations: the networks are this library's `mlp` and `dcgan`, because the paper's ResNets are
    made for larger images. γ and the rates are constant, because the paper's decay is made for
    longer training; pass schedules to change them.
    """

    objective = objectives.relativistic
    penalties = {"r1": 1.0, "r2": 1.0}
    generator_normalization = "none"
    discriminator_normalization = "none"
    beta_1 = 0.0
    beta_2 = 0.99
