from typing import Any

from ganzoo.augmentation import ADA
from ganzoo.core.gan import GAN
from ganzoo.foundation import schedules
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives

STEPS = 20_000_000 // 512  # the paper's images and batch size


@register("r3gan")
class R3GAN(GAN):
    """The GAN is dead; long live the GAN! A Modern GAN Baseline.

    Huang, Gokaslan, Kuleshov, Tompkin 2024, arXiv:2501.05441, eqs. 2 and 3: the losses compare each
    real sample with a fake one, and D's loss has the gradient penalties R1 and R2.

        L_D = E sp(−(D(x) − D(G(z)))) + γ/2 (E‖∇D(x)‖² + E‖∇D(G(z))‖²)
        L_G = E sp(−(D(G(z)) − D(x)))

    sp is the softplus. The networks have no normalisation layers, and Adam has β₁ = 0. Set γ with
    `penalties={"r1": γ, "r2": γ}`. The paper's residual networks are `architecture="r3gan"`.

    `as_published=True` has the settings of the authors' CIFAR-10 experiment for 39,062 steps with
    `batch_size=512`: residual networks of width 768, and cosine schedules of the rates from 2e-4 to
    5e-5, of γ from 0.05 to 0.005, and of the probability of ADA's transforms from 0 to 0.55.

    Deviations: by default the networks are this library's `mlp` and `dcgan`, and γ and the rates
    are constant, because the paper's are made for longer training. With `as_published=True`, β₂ and
    the EMA decay are constant at their last values, because they have no schedules here.

    Reported: FID 1.96 on CIFAR-10, 1.95 on FFHQ at 64×64, and all 1,000 modes of StackedMNIST (the
    paper and its authors' repository).
    """

    objective = objectives.relativistic
    penalties = {"r1": 1.0, "r2": 1.0}
    generator_normalization = "none"
    discriminator_normalization = "none"
    beta_1 = 0.0
    beta_2 = 0.99
    as_published: bool = Hyperparameter(bool, False, "the authors' settings for CIFAR-10")
    recipe = GAN.recipe | {
        "generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3, "steps": 5000,
    }  # fmt: skip

    def __init__(self, **hyperparameters: Any):
        if hyperparameters.get("as_published") is True:
            rate = schedules.cosine(2e-4, 5e-5, STEPS)
            gamma = schedules.cosine(0.05, 0.005, STEPS)
            hyperparameters = {
                "architecture": "r3gan",
                "width": 768,
                "generator_learning_rate": rate,
                "discriminator_learning_rate": rate,
                "penalties": {"r1": gamma, "r2": gamma},
                "ema": 0.5 ** (512 / 5_000_000),
                "augment": ADA(probability=schedules.cosine(0.0, 0.55, STEPS)),
            } | hyperparameters
        super().__init__(**hyperparameters)
