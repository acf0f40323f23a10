from typing import Any

import keras
from keras import layers as kl

from ganzoo import networks
from ganzoo.core.gan import GAN
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.networks.layers import Maxout, normalization


@register("pacgan")
class PacGAN(GAN):
    """PacGAN: The power of two samples in generative adversarial networks.

    Lin, Khetan, Fanti, Oh 2018, arXiv:1712.04086, section 2: D judges m samples at once, which are
    all real or all fake. It can then see that fake samples are too much alike.

        L_D = −E log D(x₁, …, x_m) − E log(1 − D(G(z₁), …, G(z_m)))
        L_G = −E log D(G(z₁), …, G(z_m))

    m is `packing`, 2 by default. The samples of a pack are joined along their last axis, so that
    only the first layer of D becomes larger. The batch size must be a multiple of m.

    `as_published=True` has the networks and the optimizer of the paper's experiment on points in
    the plane: G has 2 latents and four ReLU layers of 400 units with batch normalisation, D has
    three maxout layers of 200 units with 5 pieces, and Adam has the rate 1e-4 and β₁ = 0.8. Train
    it with `batch_size=100`. By default the networks are this library's.
    """

    packing = 2
    as_published: bool = Hyperparameter(
        bool, False, "networks and optimizer of the experiment on points in the plane"
    )
    recipe = GAN.recipe | {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 2e-4}

    def __init__(self, **hyperparameters: Any):
        if hyperparameters.get("as_published") is True:
            published = {"latent_dim": 2, "beta_1": 0.8}
            rates = ("generator_learning_rate", "discriminator_learning_rate")
            hyperparameters = published | dict.fromkeys(rates, 1e-4) | hyperparameters
        super().__init__(**hyperparameters)

    def make_networks(self) -> None:
        if not self.as_published:
            return super().make_networks()
        if self.spec.is_image:
            raise ValueError(
                "as_published=True of pacgan is the experiment on points in the plane, but the "
                "data are images: leave as_published out."
            )
        hidden: list[kl.Layer] = []
        for _ in range(4):
            hidden += [kl.Dense(400, use_bias=False), *normalization("batch"), kl.ReLU()]
        self.generator = keras.Sequential(
            [keras.Input([self.latent_dim]), *hidden, kl.Dense(self.spec.shape[0])],
            name="generator",
        )
        features = keras.Sequential(
            [keras.Input(self.judged_shape), *(Maxout(200, 5) for _ in range(3))], name="features"
        )
        self.discriminator = networks.with_heads(features, self.make_heads())
