from collections.abc import Mapping

import keras

from ganzoo import data
from ganzoo.core.gan import GAN
from ganzoo.core.inputs import Input, Normal
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.networks import recurrent


@register("rcgan")
class RCGAN(GAN):
    """Real-valued (Medical) Time Series Generation with Recurrent Conditional GANs.

    Esteban, Hyland, Rätsch 2017, arXiv:1706.02633, section 3: both networks are LSTMs. G gets
    latents zₜ at each of T steps, and D judges each step of a series by the steps up to it.

        L_D = −E mean_t log D(x₁…x_t) − E mean_t log(1 − D(G(z)₁…G(z)_t))
        L_G = −E mean_t log D(G(z)₁…G(z)_t)

    It learns series (N, time, features) of at most 256 steps. `latent_dim` is the width of zₜ, so
    that a sample has T·`latent_dim` latents. With `conditioning="concatenation"` both networks are
    told the class at each step, which is RCGAN; without, it is the paper's RGAN.

    The data set "sines" takes a minute on one core with batches of 64, 1,500 steps and rates of
    2e-3 that fall to 0; 3,000 steps give better series.

    Deviations: both players have Adam with a rate of 1e-3 and one update each. The authors' code
    has SGD with a rate of 0.1 for D and five updates of D for each one of G.
    Series are standardised, so G's output is linear.
    """

    columns: Mapping[str, data.Column] = {"series": data.Column("sample", ranks=(2,))}
    checked_shapes: Mapping[str, tuple[int, ...]] = {
        "one step": (1, 1),
        "an odd number of steps, three features": (7, 3),
    }
    default_data = "sines"
    architecture = "recurrent"
    recipe = {}
    generator_learning_rate = 1e-3
    discriminator_learning_rate = 1e-3
    latent_dim: int = Hyperparameter(
        int, 5, "width of the latents z ~ N(0, 1) of each step", at_least=1, at_most=65_536
    )
    conditioning: str = Hyperparameter(
        str, "none", "whether both networks are told the class at each step, which needs labels",
        choices=("none", "concatenation"),
    )  # fmt: skip

    def make_inputs(self) -> dict[str, Input]:
        return super().make_inputs() | {"latent": Normal(width=self._latents)}

    @property
    def _latents(self) -> int:
        """The latents of all steps."""
        return self.spec.shape[0] * self.latent_dim

    def make_generator(self) -> keras.Model:
        if self.architecture != "recurrent" or self.conditioning == "none":
            return super().make_generator()
        classes = self.fields["label"].classes
        kind = self._normalization(self.generator_normalization, recurrent)
        return recurrent.generator(
            self._latents, self.spec.shape, width=self.width, normalization=kind, condition=classes
        )
