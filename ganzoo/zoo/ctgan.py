import keras
import tensorflow as tf

from ganzoo.core.gan import GAN, Terms
from ganzoo.core.tabular import Tabular
from ganzoo.core.update import Update
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives
from ganzoo.networks import ctgan


@register("ctgan")
class CTGAN(Tabular, GAN):
    """Modeling Tabular Data using Conditional GAN.

    Xu, Skoularidou, Cuesta-Infante, Veeramachaneni 2019, arXiv:1907.00503, sections 4.2 to 4.4: a
    Wasserstein GAN with gradient penalty on rows of mixed columns. G and D are told a condition c,
    one category of one column, and the real rows are drawn among those that have it. G also
    minimises the cross entropy H of c and of its own category of that column.

        L_D = E D(G(z, c), c) − E D(x, c) + 10 E(‖∇D(x̂)‖ − 1)²
        L_G = −E D(G(z, c), c) + E H(c, G(z, c))

    D judges ten rows at once (`packing=10`, PacGAN). `ganzoo.data.tables` has the encoding of a
    row, and `ganzoo.data.training_by_sampling` how rows are drawn. A table without categories has
    no condition.

    Deviations: the mode of a number is the most probable one, where the paper draws it. A missing
    number is a mode of its own, and numbers with few distinct values are categories. Samples use
    moving batch statistics, and conditions as frequent as in the data. There is no weight decay
    (the paper's is 1e-6).

    Reported: F1 of a classifier that was trained on samples and tested on real rows of "adult"
    0.601 (real rows 0.669), arXiv:1907.00503, table 2.
    """

    objective = objectives.wasserstein
    penalties = {"gradient_penalty": 10.0}
    packing = 10
    latent_dim = 128
    recipe = {
        "packing": 1,
        "ema": 0.99,
        "generator_learning_rate": 2e-3,
        "discriminator_learning_rate": 2e-3,
        "steps": 600,
    }
    beta_2 = 0.9
    condition_weight: float = Hyperparameter(
        float, 1.0, "weight of the cross entropy H", at_least=0
    )
    default_data = "customers"
    architecture_of_images = "ctgan"
    architecture: str = Hyperparameter(str, "auto", "the paper's networks", choices=("auto",))
    generator_normalization: str = Hyperparameter(
        str, "auto", "of activations in G: batch normalisation", choices=("auto",)
    )
    discriminator_normalization: str = Hyperparameter(
        str, "auto", "in D, of weights (spectral); auto: none", choices=("auto", "spectral")
    )
    tiny_problem = {"packing": 1, "width": 128}
    waivers = {
        "check_two_replicas_equal_one": "each replica draws the masks of D's dropout by itself"
    }

    def make_generator(self) -> keras.Model:
        """Returns a model of {"latent", "condition", "gumbel"}, see `ganzoo.networks.ctgan`."""
        columns = [(column.is_category, column.choices) for column in self.table]
        condition = self.fields["condition"].classes if "condition" in self.fields else 0
        return ctgan.generator(self.latent_dim, condition, columns, width=self.width)

    def make_features(self, shape: tuple[int, ...], condition: int = 0) -> keras.Model:
        return ctgan.features(shape, condition=condition, width=self.width)

    def generator_loss(self, update: Update) -> Terms:
        terms = super().generator_loss(update)
        if "condition" not in update.inputs:
            return terms
        own = tf.gather(
            update.generated["categories"], update.inputs["condition"], axis=1, batch_dims=1
        )
        return terms | {"condition": -self.condition_weight * tf.reduce_mean(own)}
