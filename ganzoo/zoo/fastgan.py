import keras
import tensorflow as tf

from ganzoo.core.gan import GAN, Terms
from ganzoo.core.update import Update
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses import objectives
from ganzoo.networks import fastgan, stages

DEEPEST = 4  # doublings of a decoder


@register("fastgan")
class FastGAN(GAN):
    """Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis.

    Liu, Zhu, Song, Elgammal 2021, arXiv:2101.04775, eqs. 3 to 5: decoders P and Q reconstruct the
    real image x from the last feature maps f of D, and a random quarter of x from the same quarter
    of the maps h before. So D learns features that describe the whole image.

        L_D = E relu(u − D(x)) + E relu(u + D(G(z))) + λ E|x − P(f(x))| + λ E|x′ − Q(h(x)′)|
        L_G = −E D(G(z)),   u ~ U(0.8, 1)

    x′ and h′ are the quarters. The images are those that D sees, after DiffAugment. The authors
    have batches of 8.

    Deviations: the distance of images is L1 and not LPIPS, which needs a network that was trained
    on other images. There are the paper's two decoders; the authors' code has a third one. The
    networks are narrower, see `ganzoo.networks.fastgan`. Samples come from averaged weights.
    """

    objective = objectives.hinge
    architecture_of_images = "fastgan"
    architecture: str = Hyperparameter(str, "auto", "networks of the paper", choices=("auto",))
    checked_shapes = {"odd and rectangular, three channels": (13, 9, 3), "square": (27, 27, 1)}
    waivers = {"check_tiny_problem": "the networks are made for images, the problem is of vectors"}
    judges_one = "D reconstructs each sample"
    augment = "diffaugment"
    ema = 0.99
    reconstruction_weight: float = Hyperparameter(
        float, 1.0, "λ, weight of the reconstructions", at_least=0
    )
    recipe = GAN.recipe | {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}

    def make_networks(self) -> None:
        if not self.spec.is_image or min(self.spec.shape[:2]) < stages.SMALLEST:
            seen = "×".join(map(str, self.spec.shape))
            raise ValueError(
                f"fastgan needs images of at least 8×8, but samples have the shape {seen}: train "
                "another GAN, such as lsgan."
            )
        super().make_networks()
        kind = self._normalization(self.discriminator_normalization, fastgan)
        for name, maps in (("whole", "coarse"), ("part", "fine")):
            height, width, channels = self.discriminator.output[maps].shape[1:]
            if name == "part":
                height, width = height // 2, width // 2
            decoder = fastgan.decoder(
                (height, width, channels), self.spec.shape[-1], min(DEEPEST, self._halvings(maps)),
                width=self.width, normalization=kind, name=name,
            )  # fmt: skip
            setattr(self, f"{name}_decoder", decoder)

    def make_discriminator(self) -> keras.Model:
        """Returns a model samples -> logits, and the maps that the decoders read."""
        features = self.make_features(self.spec.shape)
        (head,) = self.make_heads()["logits"]
        outputs = {name: features.get_layer(name).output for name in ("coarse", "fine")}
        outputs["logits"] = head(features.outputs[0])
        return keras.Model(features.inputs, outputs, name="discriminator")

    def _halvings(self, maps: str) -> int:
        """Returns how often the image is halved up to these maps."""
        return len(stages.sizes(self.spec.shape)) - (1 if maps == "coarse" else 2)

    def _distance(self, decoded: tf.Tensor, images: tf.Tensor, maps: str) -> tf.Tensor:
        """Returns E|x − decoded|, for images that are pooled to the size of the decoded ones."""
        size = 2 ** max(0, self._halvings(maps) - DEEPEST)
        pooled = tf.nn.avg_pool2d(images, size, size, "SAME") if size > 1 else images
        height, width = pooled.shape[1:3]
        return tf.reduce_mean(tf.abs(pooled - decoded[:, :height, :width]))

    def reconstruction(self, update: Update) -> tf.Tensor:
        """Returns the sum of both distances on the real images."""
        images, outputs = update.real_seen, update.real_outputs
        whole = self.whole_decoder(outputs["coarse"], training=update.training)
        place = update.noise.integers([update.count], 4)
        fine = fastgan.quarter(outputs["fine"], place)
        decoded = self.part_decoder(fine, training=update.training)
        # The decoder's output covers whole maps, so the sides must be multiples of theirs.
        size = [2 * side * 2 ** self._halvings("fine") for side in fine.shape[1:3]]
        added = [max(0, want - have) for want, have in zip(size, images.shape[1:3], strict=True)]
        padded = tf.pad(images, [[0, 0], [0, added[0]], [0, added[1]], [0, 0]])
        part = fastgan.quarter(padded[:, : size[0], : size[1]], place)
        return self._distance(whole, images, "coarse") + self._distance(decoded, part, "fine")

    def discriminator_loss(self, update: Update) -> Terms:
        margin = update.noise.uniform([update.count, 1], 0.8, 1.0)
        real, fake = update.real_outputs["logits"], update.fake_outputs["logits"]
        hinge = tf.reduce_mean(tf.nn.relu(margin - real) + tf.nn.relu(margin + fake))
        distance = self.reconstruction_weight * self.reconstruction(update)
        terms = {"discriminator": hinge, "reconstruction": distance}
        return super().discriminator_loss(update) | terms

    @property
    def discriminator_variables(self) -> list[keras.Variable]:
        decoders = self.whole_decoder.trainable_variables + self.part_decoder.trainable_variables
        return super().discriminator_variables + decoders
