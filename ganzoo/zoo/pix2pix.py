from typing import Any

import keras
import tensorflow as tf

from ganzoo import data
from ganzoo.core.gan import GAN, Terms
from ganzoo.core.inputs import Given, Input
from ganzoo.core.update import Update
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives
from ganzoo.networks import unet


@register("pix2pix")
class Pix2Pix(GAN):
    """Image-to-Image Translation with Conditional Adversarial Networks.

    Isola, Zhu, Zhou, Efros 2017, arXiv:1611.07004, eqs. 1 to 4: G maps a source image x to its
    target image y. D gets both and returns one logit for each patch of them.

        L_D = ½ (−E log D(x, y) − E log(1 − D(x, G(x))))
        L_G = −E log D(x, G(x)) + λ E|y − G(x)|

    Train it with `gan.fit({"source": …, "target": …})` and map images with `gan.sample(source=…)`.
    G is a U-Net and D is a PatchGAN (`ganzoo.networks.unet`). The paper has batches of 1 to 10.

    Deviations: `sample` maps images without dropout, which is the only noise, and with the moving
    statistics of batch normalisation, so that an export gives the same images as `sample`. Small
    images have fewer stages, because they can't be halved eight times.
    """

    objective = objectives.non_saturating
    columns = {"source": data.Column("sample"), "target": data.Column("sample")}
    checked_shapes = {"rectangular, three channels": (20, 16, 3), "square": (16, 16, 1)}
    default_data = "digit_pairs"
    architecture_of_images = "unet"
    judges_one = "D gets each image together with its source"
    architecture: str = Hyperparameter(str, "auto", "U-Net and PatchGAN", choices=("auto",))
    latent_dim: Any = None  # the input of G is an image
    waivers = {
        "check_two_replicas_equal_one": "each replica draws the masks of G's dropout by itself"
    }
    reconstruction_weight: float = Hyperparameter(
        float, 100.0, "λ, weight of the distance", at_least=0
    )

    def make_inputs(self) -> dict[str, Input]:
        return {"source": Given(shape=self.fields["source"].shape)}

    def make_generator(self) -> keras.Model:
        kind = self._normalization(self.generator_normalization, unet)
        shapes = (self.fields["source"].shape, self.spec.shape)
        if shapes[0][:2] != shapes[1][:2]:
            raise ValueError(
                f"sources have the size {shapes[0][:2]} and targets {shapes[1][:2]}: resize one of "
                "them."
            )
        return unet.generator(*shapes, width=self.width, normalization=kind)

    def make_discriminator(self) -> keras.Model:
        kind = self._normalization(self.discriminator_normalization, unet)
        channels = self.fields["source"].shape[-1] + self.spec.shape[-1]
        shape = (*self.spec.shape[:2], channels)
        return unet.patches(shape, width=self.width, normalization=kind)

    def real(self, update: Update) -> tf.Tensor:
        return tf.concat([update.data["source"], update.sample], axis=-1)

    def fake(self, update: Update) -> tf.Tensor:
        return tf.concat([update.data["source"], super().fake(update)], axis=-1)

    def discriminator_loss(self, update: Update) -> Terms:
        terms = super().discriminator_loss(update)
        return terms | {"discriminator": 0.5 * terms["discriminator"]}

    def generator_loss(self, update: Update) -> Terms:
        distance = tf.reduce_mean(tf.abs(update.sample - super().fake(update)))
        return super().generator_loss(update) | {
            "reconstruction": self.reconstruction_weight * distance
        }
