import keras
import tensorflow as tf

from ganzoo.core.gan import GAN, Terms
from ganzoo.core.update import Update
from ganzoo.devices import precision
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.foundation.replicas import mean_over_replicas

Tensors = list[tf.Tensor]


@register("unrolled_gan")
class UnrolledGAN(GAN):
    """Unrolled Generative Adversarial Networks.

    Metz, Poole, Pfau, Sohl-Dickstein 2017, arXiv:1611.02163, section 2: G is judged by the
    discriminator as it would be after k further steps of its optimizer on the same batch. G's
    gradient takes into account how these steps depend on G.

        L_D = −E log D(x) − E log(1 − D(G(z)))
        w₀ = w,  w_{i+1} = w_i − Adam(∂L_D(w_i)/∂w)
        L_G = −E log D(G(z); w_k)

    w are D's weights and k is `unrolled_steps`. With k = 0 this is `gan`. The steps begin with the
    moments and the rate of D's own Adam, as in the paper's experiments. They are used for G's
    update only, and are then forgotten: D itself makes one step. With an optimizer other than Adam
    the steps ahead are plain gradient descent at its rate.

    Deviations: G and D have three layers of 256 units, the paper's two of 128. A schedule of D's
    rate is read once per update, not for each step ahead.
    """

    architecture = "mlp"
    latent_dim = 256
    generator_learning_rate = 1e-3
    discriminator_learning_rate = 1e-4
    unrolled_steps: int = Hyperparameter(
        int, 5, "k, steps of D that G's update looks ahead", at_least=0, at_most=100
    )

    def generator_loss(self, update: Update) -> Terms:
        with self.discriminator_at(self.weights_ahead(update)):
            return super().generator_loss(update)

    def discriminator_at(self, weights: Tensors) -> keras.StatelessScope:
        """A context in which the discriminator has these weights. Its state doesn't change."""
        return keras.StatelessScope(zip(self.discriminator_variables, weights, strict=True))

    def weights_ahead(self, update: Update) -> Tensors:
        """D's weights after k steps, which can be differentiated."""
        weights = [tf.convert_to_tensor(w.value) for w in self.discriminator_variables]
        if not (self.unrolled_steps and self.built and self.compiled):
            return weights
        optimizer = precision.inner(self.discriminator_optimizer)
        rate = tf.cast(optimizer.learning_rate, tf.float32)
        if not isinstance(optimizer, keras.optimizers.Adam):
            for _ in range(self.unrolled_steps):
                slopes = self.slopes(weights, update)
                weights = [w - rate * g for w, g in zip(weights, slopes, strict=True)]
            return weights
        beta_1, beta_2 = optimizer.beta_1, optimizer.beta_2
        means = [tf.convert_to_tensor(x.value) for x in optimizer._momentums]
        squares = [tf.convert_to_tensor(x.value) for x in optimizer._velocities]
        for ahead in range(1, self.unrolled_steps + 1):
            slopes = self.slopes(weights, update)
            means = [beta_1 * m + (1 - beta_1) * g for m, g in zip(means, slopes, strict=True)]
            squares = [
                beta_2 * s + (1 - beta_2) * g**2 for s, g in zip(squares, slopes, strict=True)
            ]
            t = tf.cast(optimizer.iterations + ahead, tf.float32)
            scale = rate * tf.sqrt(1 - beta_2**t) / (1 - beta_1**t)
            # The gradient of √s is infinite at 0, where a weight had no slope so far.
            weights = [
                w - scale * m / (tf.sqrt(tf.maximum(s, 1e-30)) + optimizer.epsilon)
                for w, m, s in zip(weights, means, squares, strict=True)
            ]
        return weights

    def slopes(self, weights: Tensors, update: Update) -> Tensors:
        """The gradient of D's loss on this batch at these weights, which can be differentiated."""
        other = update.with_same_fakes(update.noise, "discriminator")
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            with self.discriminator_at(weights):
                terms = self.discriminator_loss(other)
        slopes = tape.gradient(list(terms.values()), weights, unconnected_gradients="zero")
        return [mean_over_replicas(slope) for slope in slopes]
