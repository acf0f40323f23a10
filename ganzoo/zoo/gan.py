import math

import keras
from keras import layers as kl
from keras import ops

from ganzoo import networks
from ganzoo.core.gan import GAN
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives
from ganzoo.networks.layers import Maxout


@keras.saving.register_keras_serializable("ganzoo")
class GrowingMomentum(keras.optimizers.SGD):
    """SGD whose momentum grows linearly from `momentum` to 0.7 over 125,000 updates: the 250
    epochs of 50,000 digits in batches of 100 that the authors' experiment took."""

    def update_step(self, gradient, variable, learning_rate):
        grown = ops.minimum(ops.cast(self.iterations, variable.dtype) / 125_000, 1)
        momentum = self.momentum + (0.7 - self.momentum) * grown
        velocity = self.momentums[self._get_variable_index(variable)]
        self.assign(
            velocity, momentum * velocity - ops.cast(learning_rate, variable.dtype) * gradient
        )
        self.assign_add(variable, velocity)


@register("gan")
class NonSaturatingGAN(GAN):
    """Generative Adversarial Nets.

    Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio 2014,
    arXiv:1406.2661, Algorithm 1 with the non-saturating loss of section 3.

        L_D = −E log D(x) − E log(1 − D(G(z)))
        L_G = −E log D(G(z))

    D gives logits; D(x) above is their sigmoid. By default plain MLPs under Adam, which train on
    any data. `as_published=True` takes the networks and the optimizer of the authors' MNIST
    experiment: G 100→1200→1200→x with ReLU, D of two maxout layers of 240 units with 5 pieces and
    dropout, images in [0, 1] within the networks, SGD with rate 0.1 and growing momentum; give it
    batches of 100. Its deviations: the output bias starts at 0, not at the pixels' marginals;
    latents are N(0, 1), theirs U(−√3, √3); L_D is the sum of its two terms, theirs the mean; D
    moves before G, theirs at once.
    """

    objective = objectives.non_saturating
    architecture = "mlp"
    latent_dim = 16
    generator_learning_rate = 5e-4
    discriminator_learning_rate = 5e-4
    as_published = Hyperparameter(bool, False, "networks and optimizer of the 2014 experiment")

    def __init__(self, **hyperparameters):
        if hyperparameters.get("as_published") is True:
            hyperparameters = {"latent_dim": 100} | hyperparameters
        super().__init__(**hyperparameters)

    def make_networks(self):
        if not self.as_published:
            return super().make_networks()
        uniform = keras.initializers.RandomUniform
        # the rate of 0.1 is for pixels in [0, 1]; in [-1, 1] D diverges
        to_pixels = [kl.Rescaling(0.5, 0.5)] if self.spec.is_image else []
        from_pixels = [kl.Activation("sigmoid"), kl.Rescaling(2.0, -1.0)] if to_pixels else []
        self.generator = keras.Sequential(
            [
                keras.Input([self.latent_dim]),
                kl.Dense(1200, "relu", kernel_initializer=uniform(-0.05, 0.05)),
                kl.Dense(1200, "relu", kernel_initializer=uniform(-0.05, 0.05)),
                kl.Dense(math.prod(self.spec.shape), kernel_initializer=uniform(-0.05, 0.05)),
                kl.Reshape(self.spec.shape),
                *from_pixels,
            ],
            name="generator",
        )
        features = keras.Sequential(
            [
                keras.Input(self.spec.shape),
                *to_pixels,
                kl.Flatten(),
                kl.Dropout(0.2),
                Maxout(240, 5, uniform(-0.005, 0.005)),
                kl.Dropout(0.5),
                Maxout(240, 5, uniform(-0.005, 0.005)),
                kl.Dropout(0.5),
            ],
            name="features",
        )
        self.discriminator = networks.with_heads(
            features, {"logits": [kl.Dense(1, kernel_initializer=uniform(-0.005, 0.005))]}
        )

    def optimizer_for(self, learning_rate):
        if not self.as_published:
            return super().optimizer_for(learning_rate)
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 1 / 1.000004)
        return GrowingMomentum(rate, momentum=0.5)
