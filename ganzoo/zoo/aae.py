import keras
import tensorflow as tf

from ganzoo import networks
from ganzoo.core.gan import GAN, Terms
from ganzoo.core.update import Update
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives
from ganzoo.networks import mlp


@register("aae")
class AAE(GAN):
    """Adversarial Autoencoders.

    Makhzani, Shlens, Jaitly, Goodfellow, Frey 2015, arXiv:1511.05644, section 2: an encoder E and a
    decoder G are an autoencoder. D tells the codes E(x) from latents z ~ N(0, 1), and E learns to
    make codes that D takes for latents.

        L_D = −E log D(z) − E log(1 − D(E(x)))
        L_G = λ E|x − G(E(x))|² − E log D(E(x))

    So G makes samples of latents, as in any GAN, and `gan.encode(x)` infers latents. L_G is the
    loss of G and of E, and |·|² is the mean over the values of a sample.

    Deviations: E and G are updated once in each step, on the sum of both terms, and not once for
    each. E is deterministic, which is one of the paper's three choices. E and G are this library's
    networks, of which images get convolutions.
    """

    objective = objectives.non_saturating
    judges_one = "D judges the latents of each sample"
    judges_samples = False
    latent_dim = 8
    generator_learning_rate = 1e-3
    reconstruction_weight: float = Hyperparameter(
        float, 10.0, "λ, weight of the squared error", at_least=0
    )

    def make_discriminator(self) -> keras.Model:
        """Returns a model of latents [batch, latent_dim] -> logits."""
        kind = self._normalization(self.discriminator_normalization, mlp)
        features = mlp.features((self.latent_dim,), width=self.width, normalization=kind)
        return networks.with_heads(features, self.make_heads())

    def make_networks(self) -> None:
        super().make_networks()
        features = self.make_features(self.spec.shape)
        codes = keras.layers.Dense(self.latent_dim)(features.outputs[0])
        self.encoder = keras.Model(features.inputs[0], codes, name="encoder")

    def real(self, update: Update) -> tf.Tensor:
        return update.inputs["latent"]

    def fake(self, update: Update) -> tf.Tensor:
        return self.encoder(update.sample, training=update.training)

    def generator_loss(self, update: Update) -> Terms:
        codes = {**update.inputs, "latent": update.fake}
        decoded = self.generate(codes, update.training)[self.output_name]
        error = tf.reduce_mean(tf.square(update.sample - decoded))
        return super().generator_loss(update) | {
            "reconstruction": self.reconstruction_weight * error
        }

    @property
    def generator_variables(self) -> list[keras.Variable]:
        return super().generator_variables + self.encoder.trainable_variables

    def encode_images(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the latents, [batch, latent_dim], of images in network units."""
        return self.averaged(self.encoder, images)
