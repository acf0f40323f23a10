import keras
import tensorflow as tf

from ganzoo.core.gan import GAN, Terms
from ganzoo.core.update import Update
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register


@register("unrolled_gan")
class UnrolledGAN(GAN):
    """Unrolled Generative Adversarial Networks.

    Metz, Poole, Pfau, Sohl-Dickstein 2017, arXiv:1611.02163, section 2: G is judged by the
    discriminator as it would be after k further steps of gradient descent on the same batch. G's
    gradient takes into account how these steps depend on G.

        L_D = −E log D(x) − E log(1 − D(G(z)))
        w₀ = w,  w_{i+1} = w_i − η ∂L_D(w_i)/∂w
        L_G = −E log D(G(z); w_k)

    w are D's weights, k is `unrolled_steps` and η is `unrolling_rate`. With k = 0 this is `gan`.
    The k steps are used for G's update only, and are then forgotten: D itself makes one step.

    Deviations: the k steps are gradient descent, as in the paper's equations, where the paper's
    experiments unroll Adam. With η above 0.1, training can diverge. Adam has the rate 5e-4 for both
    players; the paper's rates for points in the plane are 1e-3 for G and 1e-4 for D. The
    paper's result on its ring is not reproduced: results/claims.csv has the figures.
    """

    architecture = "mlp"
    latent_dim = 16
    generator_learning_rate = 5e-4
    discriminator_learning_rate = 5e-4
    unrolled_steps: int = Hyperparameter(
        int, 5, "k, steps of D that G's update looks ahead", at_least=0, at_most=100
    )
    unrolling_rate: float = Hyperparameter(float, 0.03, "η, rate of these steps", above=0)

    def generator_loss(self, update: Update) -> Terms:
        if not self.unrolled_steps:
            return super().generator_loss(update)
        weights = [tf.convert_to_tensor(w.value) for w in self.discriminator_variables]
        for _ in range(self.unrolled_steps):
            weights = self.descended(weights, update)
        with self.discriminator_at(weights):
            return super().generator_loss(update)

    def discriminator_at(self, weights: list[tf.Tensor]) -> keras.StatelessScope:
        """A context in which the discriminator has these weights. Its state doesn't change."""
        return keras.StatelessScope(zip(self.discriminator_variables, weights, strict=True))

    def descended(self, weights: list[tf.Tensor], update: Update) -> list[tf.Tensor]:
        """The weights after one step on the discriminator's loss, which can be differentiated."""
        ahead = update.with_same_fakes(update.noise, "discriminator")
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            with self.discriminator_at(weights):
                terms = self.discriminator_loss(ahead)
        slopes = tape.gradient(list(terms.values()), weights, unconnected_gradients="zero")
        return [
            weight - self.unrolling_rate * self.mean_over_replicas(slope)
            for weight, slope in zip(weights, slopes, strict=True)
        ]
