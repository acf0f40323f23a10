import keras
import tensorflow as tf

from ganzoo import networks
from ganzoo.core.gan import GAN, Terms
from ganzoo.core.update import Outputs, Update
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.foundation.replicas import mean_over_replicas
from ganzoo.losses.objectives import Objective


@register("began")
class BEGAN(GAN):
    """BEGAN: Boundary Equilibrium Generative Adversarial Networks.

    Berthelot, Schumm, Metz 2017, arXiv:1703.10717, section 3.4: D is an autoencoder with the error
    L(x) = |x − D(x)|. The factor k is adapted so that E L(G(z)) / E L(x) stays near γ.

        L_D = E L(x) − k E L(G(z))
        L_G = E L(G(z))
        k ← clip(k + λ(γ E L(x) − E L(G(z))), 0, 1)
        M = E L(x) + |γ E L(x) − E L(G(z))|

    L is the mean over the values of a sample. The logs contain k and `convergence`, the paper's
    measure M.

    Deviations: encoder and decoder are this library's networks of width 32, with a code of
    `latent_dim` units; the rate is 1e-3 without decay, λ is 0.05 and γ is 1. The paper's values (a
    rate of 1e-4, λ of 0.001, γ of 0.3 to 0.7) are for hundreds of thousands of steps on faces. In a
    few thousand steps on digits these keep k at 0, and G generates only the digit that is easiest
    to encode. To get all ten digits of the 8×8 data set, make D much slower than G: `width=16`,
    `latent_dim=16`, `beta_2=0.9`, `ema=0.995`, `proportional_gain=1.0`, 4,000 steps, and rates of
    2e-3 for G and 1e-4 for D that fall to 0 in the second half.
    """

    objective = Objective(  # `discriminator_loss` adds the second term of L_D
        discriminator=lambda real, fake: tf.reduce_mean(real),
        generator=lambda real, fake: tf.reduce_mean(fake),
    )
    judges_one = "D reconstructs each sample"
    latent_dim = 16
    width = 32
    generator_normalization = "none"
    discriminator_normalization = "none"
    generator_learning_rate = 1e-3
    discriminator_learning_rate = 1e-3
    gamma: float = Hyperparameter(float, 1.0, "γ, diversity ratio", above=0, at_most=1)
    proportional_gain: float = Hyperparameter(float, 0.05, "λ, rate of k", above=0)
    recipe = GAN.recipe | {"latent_dim": 32, "proportional_gain": 0.1}

    def make_discriminator(self) -> keras.Model:
        """Returns an autoencoder, samples -> their reconstructions."""
        features = self.make_features(self.spec.shape)
        if features.output_shape == features.input_shape:
            return features
        code = keras.layers.Dense(self.latent_dim)(features.outputs[0])
        decoder = networks.choose(self.named_architecture, self.spec.shape).generator(
            self.latent_dim, self.spec.shape, width=self.width, normalization="none"
        )
        return keras.Model(features.inputs, decoder(code), name="discriminator")

    def make_state(self) -> None:
        self.k = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="k",
            aggregation="only_first_replica",
        )  # fmt: skip

    def discriminate(
        self, samples: tf.Tensor, condition: tf.Tensor | None, training: bool
    ) -> Outputs:
        reconstructions = self.discriminator(samples, training=training)
        axes = range(1, len(samples.shape))
        return {"logits": tf.reduce_mean(tf.abs(samples - reconstructions), axes)}

    def discriminator_loss(self, update: Update) -> Terms:
        terms = super().discriminator_loss(update)
        fake = tf.reduce_mean(update.fake_outputs["logits"])
        return terms | {"discriminator": terms["discriminator"] - self.k * fake}

    def after_step(self, update: Update, terms: Terms) -> Terms:
        fake = mean_over_replicas(terms["generator"])
        real = mean_over_replicas(tf.reduce_mean(update.real_outputs["logits"]))
        balance = self.gamma * real - fake
        self.k.assign(tf.clip_by_value(self.k + self.proportional_gain * balance, 0.0, 1.0))
        return {"k": self.k, "convergence": real + tf.abs(balance)}
