import tensorflow as tf

from ganzoo import data
from ganzoo.core.gan import GAN
from ganzoo.core.inputs import Given
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives
from ganzoo.networks import unet


@register("pix2pix")
class Pix2Pix(GAN):
    """Image-to-Image Translation with Conditional Adversarial Networks.

    Isola, Zhu, Zhou, Efros 2017, arXiv:1611.07004, eqs. 1 to 4: G maps a source picture x to the
    target y that belongs to it; D judges the pair, patch by patch.

        L_D = ½ (−E log D(x, y) − E log(1 − D(x, G(x))))
        L_G = −E log D(x, G(x)) + λ E|y − G(x)|

    Train it on `{"source": …, "target": …}` and map pictures with `gan.sample(source=…)`. G is a
    U-Net, D a PatchGAN (`ganzoo.networks.unet`). Deviations: dropout, the only noise, is off and
    batch statistics are those of training when pictures are mapped, so that an export gives what
    `sample` gives; small pictures have fewer stages. The paper takes batches of 1 to 10.
    """

    objective = objectives.non_saturating
    columns = {"source": data.Column("sample"), "target": data.Column("sample")}
    checked_shapes = {"rectangular, three channels": (20, 16, 3), "square": (16, 16, 1)}
    default_data = "digit_pairs"
    architecture_of_images = "unet"
    judges_one = "D judges a picture beside its source"
    architecture = Hyperparameter(str, "auto", "U-Net and PatchGAN", choices=("auto",))
    latent_dim = None
    waivers = {
        "check_two_replicas_equal_one": "each replica draws the masks of G's dropout by itself"
    }
    reconstruction_weight = Hyperparameter(float, 100.0, "λ, weight of the distance", at_least=0)

    def make_inputs(self):
        return {"source": Given(shape=self.fields["source"].shape)}

    def make_generator(self):
        kind = self._normalization(self.generator_normalization, unet)
        shapes = (self.fields["source"].shape, self.spec.shape)
        if shapes[0][:2] != shapes[1][:2]:
            raise ValueError(
                f"sources are {shapes[0][:2]} and targets {shapes[1][:2]}: resize one of them."
            )
        return unet.generator(*shapes, width=self.width, normalization=kind)

    def make_discriminator(self):
        kind = self._normalization(self.discriminator_normalization, unet)
        channels = self.fields["source"].shape[-1] + self.spec.shape[-1]
        shape = (*self.spec.shape[:2], channels)
        return unet.patches(shape, width=self.width, normalization=kind)

    def real(self, update):
        return tf.concat([update.data["source"], update.sample], axis=-1)

    def fake(self, update):
        return tf.concat([update.data["source"], super().fake(update)], axis=-1)

    def discriminator_loss(self, update):
        terms = super().discriminator_loss(update)
        return terms | {"discriminator": 0.5 * terms["discriminator"]}

    def generator_loss(self, update):
        distance = tf.reduce_mean(tf.abs(update.sample - super().fake(update)))
        return super().generator_loss(update) | {
            "reconstruction": self.reconstruction_weight * distance
        }
