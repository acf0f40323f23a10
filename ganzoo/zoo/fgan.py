from typing import Any

from ganzoo.core.gan import GAN
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives


@register("fgan")
class FGAN(GAN):
    """f-GAN: Training Generative Neural Samplers using Variational Divergence Minimization.

    Nowozin, Cseke, Tomioka 2016, arXiv:1606.00709, eq. 6: G minimises an f-divergence of the data
    from its samples. −L_D is a lower bound of the divergence, and the optimal D reaches it.

        L_D = −E g(V(x)) + E f*(g(V(G(z))))
        L_G = −E f*(g(V(G(z))))

    V is the output of the discriminator network, g brings it to the domain of f*, and f* is the
    convex conjugate of f. `divergence` is one of the paper's table: "kl", KL(data ‖ samples);
    "reverse_kl"; "pearson", Pearson's χ²; "squared_hellinger"; "jensen_shannon", which is twice the
    JSD; and "total_variation". The table's row "GAN" is `minimax_gan`.

    Deviations: the networks are this library's MLP, and Adam has the rate 5e-4 as in `gan`.
    """

    objective = objectives.jensen_shannon
    architecture = "mlp"
    latent_dim = 16
    generator_learning_rate = 5e-4
    discriminator_learning_rate = 5e-4
    divergence: str = Hyperparameter(
        str,
        "jensen_shannon",
        "what G minimises",
        choices=(
            "kl", "reverse_kl", "pearson", "squared_hellinger", "jensen_shannon",
            "total_variation",
        ),
    )  # fmt: skip
    recipe = GAN.recipe | {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 2e-4}

    def __init__(self, **hyperparameters: Any):
        super().__init__(**hyperparameters)
        self.objective = objectives.get(self.divergence)
