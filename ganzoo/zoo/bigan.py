import keras
import tensorflow as tf

from ganzoo.core.gan import GAN, Terms
from ganzoo.core.update import Update
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives
from ganzoo.networks.layers import LeakyReLU


@register("bigan")
class BiGAN(GAN):
    """Adversarial Feature Learning.

    Donahue, Krähenbühl, Darrell 2017, arXiv:1605.09782, eqs. 2 and 3: an encoder E is trained
    together with G, and D gets pairs of a sample and its latents.

        L_D = −E log D(x, E(x)) − E log(1 − D(G(z), z))
        L_G = −E log D(G(z), z) − E log(1 − D(x, E(x)))

    At the optimum E inverts G: `gan.encode(x)` infers z. L_G is the loss of G and of E, which
    exchanges the labels of real and fake as in the authors' experiments (section 4).

    Deviation: G and E have the rate 1e-3 and D has 2e-4, because with equal rates D is too strong
    on small data.
    """

    anomaly_formula = "egbad"
    objective = objectives.non_saturating
    generator_learning_rate = 1e-3

    def make_discriminator(self) -> keras.Model:
        """Returns a model [samples, latents] -> logits. The latents are concatenated to the
        features of the samples."""
        features = self.make_features(self.judged_shape)
        latents = keras.Input([self.latent_dim * self.packing], name="latent")
        x = keras.layers.Concatenate()([features.outputs[0], latents])
        x = LeakyReLU()(keras.layers.Dense(512, kernel_initializer="he_normal")(x))
        logits = keras.layers.Dense(1, name="logits")(x)
        return keras.Model([*features.inputs, latents], {"logits": logits}, name="discriminator")

    def make_networks(self) -> None:
        super().make_networks()
        features = self.make_features(self.spec.shape)
        latents = keras.layers.Dense(self.latent_dim)(features.outputs[0])
        self.encoder = keras.Model(features.inputs[0], latents, name="encoder")

    def real(self, update: Update) -> tuple[tf.Tensor, tf.Tensor]:
        if not update.training:
            return update.sample, self.encode_images(update.sample)
        return update.sample, self.encoder(update.sample, training=True)

    def fake(self, update: Update) -> tuple[tf.Tensor, tf.Tensor]:
        return super().fake(update), update.inputs["latent"]

    def generator_loss(self, update: Update) -> Terms:
        encoder = tf.reduce_mean(tf.nn.softplus(update.real_outputs["logits"]))
        return super().generator_loss(update) | {"encoder": encoder}

    @property
    def generator_variables(self) -> list[keras.Variable]:
        return super().generator_variables + self.encoder.trainable_variables

    def encode_images(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the latents, [batch, latent_dim], of images in network units."""
        return self.averaged(self.encoder, images)
