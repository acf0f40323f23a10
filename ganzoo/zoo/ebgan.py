from typing import Any

import keras
import tensorflow as tf

from ganzoo import networks
from ganzoo.core.gan import GAN, Terms
from ganzoo.core.update import Outputs, Update
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.foundation.replicas import mean_over_replicas
from ganzoo.losses.objectives import Objective


@register("ebgan")
class EBGAN(GAN):
    """Energy-based Generative Adversarial Networks.

    Zhao, Mathieu, LeCun 2017, arXiv:1609.03126, eqs. 1 to 4: D is an autoencoder, and the energy
    E(x) of a sample is the error of its reconstruction. The pulling-away term PT makes the codes s
    of fake samples orthogonal, so that G's samples differ.

        L_D = E E(x) + E max(0, m − E(G(z)))
        L_G = E E(G(z)) + λ PT
        PT = Σ_{i≠j} (sᵢᵀsⱼ / ‖sᵢ‖‖sⱼ‖)² / (N(N − 1))

    E(x) is the mean squared error over the values of a sample, m is `margin`, λ is
    `pulling_away`, and N is the number of samples over all replicas. PT is 1 if all codes are
    parallel, and 0 if they are orthogonal. The term `pulling_away` of the logs is λ PT.

    Deviations: encoder and decoder are this library's networks of width 32, with a code of
    `latent_dim` units; the margin is 0.2, and Adam has the rate 1e-3, for small images. The paper
    has margins of 10 and more for its own scale of E, and chooses networks by a search.
    """

    judges_one = "D reconstructs each sample"
    latent_dim = 32
    width = 32
    discriminator_normalization = "none"
    generator_learning_rate = 1e-3
    discriminator_learning_rate = 1e-3
    objective: Any = None  # made of the margin
    margin: float = Hyperparameter(
        float, 0.2, "m, the energy that fake samples should have", above=0
    )
    pulling_away: float = Hyperparameter(
        float, 0.1, "λ, weight of the pulling-away term", at_least=0
    )

    def __init__(self, **hyperparameters: Any):
        super().__init__(**hyperparameters)
        margin = self.margin
        self.objective = Objective(
            lambda real, fake: tf.reduce_mean(real) + tf.reduce_mean(tf.nn.relu(margin - fake)),
            lambda real, fake: tf.reduce_mean(fake),
        )

    def make_discriminator(self) -> keras.Model:
        """Returns an autoencoder, samples -> their code and their reconstruction."""
        features = self.make_features(self.spec.shape)
        if len(features.output_shape) != 2 or features.output_shape[1] == 1:
            raise ValueError(
                f"your discriminator gives {features.output_shape}, and ebgan puts a code and "
                "a decoder on top of it: let it end in features [batch, n]."
            )
        code = keras.layers.Dense(self.latent_dim, name="code")(features.outputs[0])
        decoder = networks.choose(self.named_architecture, self.spec.shape).generator(
            self.latent_dim, self.spec.shape, width=self.width, normalization="none"
        )
        outputs = {"code": code, "reconstruction": decoder(code)}
        return keras.Model(features.inputs, outputs, name="discriminator")

    def discriminate(
        self, samples: tf.Tensor, condition: tf.Tensor | None, training: bool
    ) -> Outputs:
        outputs = self.discriminator(samples, training=training)
        errors = tf.square(samples - outputs["reconstruction"])
        energy = tf.reduce_mean(errors, range(1, len(samples.shape)))
        return {"logits": energy, "code": outputs["code"]}

    def generator_loss(self, update: Update) -> Terms:
        codes = update.fake_outputs["code"]
        term = self.pulling_away * self.pulled_away(codes)
        return super().generator_loss(update) | {"pulling_away": term}

    def pulled_away(self, codes: tf.Tensor) -> tf.Tensor:
        """PT of codes [batch, n], a scalar in [0, 1]."""
        # Σᵢⱼ (sᵢᵀsⱼ)² = ‖Σᵢ sᵢsᵢᵀ‖², and the matrix can be averaged over replicas.
        codes = tf.math.l2_normalize(tf.cast(codes, tf.float32), axis=1)
        count = tf.cast(tf.shape(codes)[0], tf.float32)
        products = mean_over_replicas(tf.matmul(codes, codes, transpose_a=True) / count)
        count *= tf.distribute.get_replica_context().num_replicas_in_sync
        return (count * tf.reduce_sum(tf.square(products)) - 1.0) / (count - 1.0)
