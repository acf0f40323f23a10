import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from ganzoo.core.gan import GAN, Terms
from ganzoo.core.inputs import Given, Input
from ganzoo.core.update import Update
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives
from ganzoo.networks import srgan


@register("srgan")
class SRGAN(GAN):
    """Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network.

    Ledig, Theis, Huszár, Caballero, Cunningham, Acosta, Aitken, Tejani, Totz, Wang, Shi 2017,
    arXiv:1609.04802, eqs. 1 to 6: G enlarges an image x↓, and D tells its output from large images.
    φ are features, in which the output should be near to the large image.

        L_D = −E log D(x) − E log(1 − D(G(x↓)))
        L_G = λ E|φ(x) − φ(G(x↓))| + E|x − G(x↓)| − μ E log D(G(x↓))

    Train it with large images, `gan.fit(images)`: x↓ are the means of blocks of `scale`² pixels.
    `gan.sample(source=…)` enlarges small images, and `gan.given({"image": …})["source"]` are the
    small images of large ones.

    Deviations: φ are D's own features, because the paper's VGG19 is not available offline. They are
    poor at first, so that the distance of the pixels is added, and both distances are absolute. D
    is this library's (`architecture`). There are four residual blocks in place of 16, and the paper
    first trains G alone for a million steps, which `adversarial_weight=0` does. μ is 0.01 and G's
    rate is 1e-3, because training is shorter; the paper's are 0.001 and 1e-4.
    """

    objective = objectives.non_saturating
    checked_shapes = {"rectangular, three channels": (12, 8, 3), "square": (8, 8, 1)}
    judges_one = "D's features of each image are compared with those of its source"
    latent_dim: Any = None  # the input of G is an image
    generator_learning_rate = 1e-3
    scale: int = Hyperparameter(int, 2, "how many times larger the sides become", choices=(2, 4, 8))
    blocks: int = Hyperparameter(int, 4, "residual blocks", at_least=1, at_most=100)
    content_weight: float = Hyperparameter(
        float, 0.1, "λ, weight of the distance of D's features", at_least=0
    )
    adversarial_weight: float = Hyperparameter(
        float, 1e-2, "μ, weight of the adversarial loss", at_least=0
    )

    def make_inputs(self) -> dict[str, Input]:
        spec, scale = self.spec, self.scale
        srgan.check(spec.shape, scale)
        shape = (spec.shape[0] // scale, spec.shape[1] // scale, spec.shape[2])
        # The small images have no column in the data, but the units of the large ones.
        self.fields = {"source": dataclasses.replace(spec, shape=shape), self.output_name: spec}
        return {"source": Given(shape=shape)}

    def make_generator(self) -> keras.Model:
        kind = self._normalization(self.generator_normalization, srgan)
        return srgan.generator(
            self.spec.shape, self.scale, width=self.width, blocks=self.blocks, normalization=kind
        )

    def make_heads(self) -> dict[str, list[keras.layers.Layer]]:
        return super().make_heads() | {"features": []}

    def smaller(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the means of blocks of pixels, [batch, H/scale, W/scale, C]."""
        return tf.nn.avg_pool2d(images, self.scale, self.scale, "VALID")

    def encoded(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        image = self.spec.encode(batch["image"])
        return {"source": self.smaller(image), "image": image}

    def given(self, rows: Mapping[str, Any]) -> dict[str, Any]:
        if "source" in rows:
            return super().given(rows)
        small = self.smaller(self.spec.encode(rows["image"]))
        return {"source": self.fields["source"].decode(small)}

    def generator_loss(self, update: Update) -> Terms:
        terms = super().generator_loss(update)
        real, fake = update.real_outputs["features"], update.fake_outputs["features"]
        content = tf.reduce_mean(tf.abs(tf.stop_gradient(real) - fake))
        return terms | {
            "generator": self.adversarial_weight * terms["generator"],
            "content": self.content_weight * content,
            "reconstruction": tf.reduce_mean(tf.abs(update.real - update.fake)),
        }
