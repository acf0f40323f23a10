import math
from typing import Any

import keras
import tensorflow as tf
from keras import layers as kl
from keras import ops

from ganzoo import networks
from ganzoo.core.gan import GAN
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives
from ganzoo.networks.layers import Dropout, Maxout


@keras.saving.register_keras_serializable("ganzoo")
class GrowingMomentum(keras.optimizers.SGD):
    """SGD whose momentum grows linearly from `momentum` to 0.7 over 125,000 updates.

    These are the 250 epochs of 50,000 digits, in batches of 100, of the authors' experiment.
    """

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
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

    The discriminator returns logits; D(x) above is their sigmoid. By default the networks are plain
    MLPs and the optimizer is Adam, which train on any data.

    `as_published=True` has the networks and the optimizer of the authors' MNIST experiment. G has
    two ReLU layers of 1200 units and 100 latents. D has two maxout layers of 240 units with 5
    pieces, and dropout. Images are in [0, 1] within the networks. SGD has the rate 0.1 and a
    growing momentum. Train it with `batch_size=100`.

    Deviations of `as_published=True`: the bias of G's output starts at 0, not at the mean image,
    because the networks are made without reading the data. Latents are N(0, 1) as in the rest of
    the library, and not U(−√3, √3). L_D is the sum of its two terms, and not their mean, and D is
    updated before G, not at the same time, as in the paper's Algorithm 1.

    Reported: Parzen windows give the test set of MNIST 225 ± 2 nats (table 1 of the paper).
    """

    objective = objectives.non_saturating
    architecture = "mlp"
    latent_dim = 16
    generator_learning_rate = 5e-4
    discriminator_learning_rate = 5e-4
    as_published: bool = Hyperparameter(
        bool, False, "networks and optimizer of the 2014 experiment"
    )
    recipe = GAN.recipe | {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 2e-4}

    def __init__(self, **hyperparameters: Any):
        if hyperparameters.get("as_published") is True:
            hyperparameters = {"latent_dim": 100} | hyperparameters
        super().__init__(**hyperparameters)

    def make_networks(self) -> None:
        if not self.as_published:
            return super().make_networks()
        uniform = keras.initializers.RandomUniform
        # With pixels in [-1, 1] and the rate 0.1 the discriminator diverges.
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
                Dropout(0.2),
                Maxout(240, 5, uniform(-0.005, 0.005)),
                Dropout(0.5),
                Maxout(240, 5, uniform(-0.005, 0.005)),
                Dropout(0.5),
            ],
            name="features",
        )
        self.discriminator = networks.with_heads(
            features, {"logits": [kl.Dense(1, kernel_initializer=uniform(-0.005, 0.005))]}
        )

    def optimizer_for(self, learning_rate: Any) -> keras.optimizers.Optimizer:
        if not self.as_published:
            return super().optimizer_for(learning_rate)
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 1 / 1.000004)
        return GrowingMomentum(rate, momentum=0.5)
