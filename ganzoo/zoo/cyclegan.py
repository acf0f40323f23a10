import functools
from typing import Any

import keras
import tensorflow as tf

from ganzoo import data
from ganzoo.core.gan import GAN, Terms
from ganzoo.core.inputs import Given, Input
from ganzoo.core.replay import Replay
from ganzoo.core.update import Update
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.registry import register
from ganzoo.losses.objectives import Objective
from ganzoo.networks import cyclegan


@register("cyclegan")
class CycleGAN(GAN):
    """Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks.

    Zhu, Park, Isola, Efros 2017, arXiv:1703.10593, eqs. 1 to 3 and sections 4, 5.2 and 7: G maps
    images a to images b, F maps b to a, and no image has a partner. A discriminator for each set
    returns one logit for each patch.

        L_D = ½ (E(D_B(b) − 1)² + E D_B(G(a))² + E(D_A(a) − 1)² + E D_A(F(b))²)
        L_G = E(D_B(G(a)) − 1)² + E(D_A(F(b)) − 1)²
              + λ (E|F(G(a)) − a| + E|G(F(b)) − b|) + λ μ (E|G(b) − b| + E|F(a) − a|)

    Train it with `gan.fit({"a": …, "b": …})`. `gan.sample(a=…)` maps a to b with G, and
    `gan.encode(…)` maps b to a with F. L_G is the loss of both generators. D is shown some fakes
    again, see `ganzoo.core.replay`. The paper has batches of 1.

    Deviations: images below 128×128 get three residual blocks in place of six or nine, and smaller
    patches. The rates are constant.
    """

    objective = Objective(  # of the logits of D_A and D_B side by side, with one mean of both
        discriminator=lambda real, fake: (
            tf.reduce_mean(tf.square(real - 1.0)) + tf.reduce_mean(tf.square(fake))
        ),
        generator=lambda real, fake: 2.0 * tf.reduce_mean(tf.square(fake - 1.0)),
    )
    columns = {"a": data.Column("sample", paired=False), "b": data.Column("sample", paired=False)}
    checked_shapes = {"rectangular, three channels": (12, 8, 3), "square": (16, 16, 1)}
    default_data = "unpaired_digits"
    architecture_of_images = "cyclegan"
    judges_one = "D_A and D_B judge single images"
    latent_dim: Any = None  # the input of G is an image
    waivers = {
        "check_two_replicas_equal_one": "rounding grows beyond 1e-5 in three steps; tests check two"
    }
    architecture: str = Hyperparameter(str, "auto", "residual and PatchGAN", choices=("auto",))
    blocks: int | None = Hyperparameter(
        int, None, "residual blocks; None: 9 from 256×256, 6 from 128×128, else 3",
        at_least=1, at_most=100, optional=True,
    )  # fmt: skip
    cycle_weight: float = Hyperparameter(float, 10.0, "λ, weight of the cycles", at_least=0)
    identity_weight: float = Hyperparameter(
        float, 0.5, "μ, weight of the identity, in units of λ; 0: none", at_least=0
    )
    replay: int = Hyperparameter(
        int, 50, "fakes of each set that are kept and shown to D again; 0: none",
        at_least=0, at_most=10_000,
    )  # fmt: skip

    def make_inputs(self) -> dict[str, Input]:
        return {"a": Given(shape=self.fields["a"].shape)}

    def make_networks(self) -> None:
        a, b = (self.fields[name].shape for name in "ab")
        if a[:2] != b[:2]:
            sizes = f"images a have the size {a[:2]} and images b {b[:2]}"
            raise ValueError(f"{sizes}: resize one of them.")
        if a != b and self.identity_weight:
            seen = f"images a have {a[-1]} channels and images b {b[-1]}"
            raise ValueError(f"{seen}, which can't be compared: pass identity_weight=0.")
        kind = self._normalization(self.generator_normalization, cyclegan)
        make = functools.partial(
            cyclegan.generator, width=self.width, blocks=self.blocks, normalization=kind
        )
        self.generator, self.inverse = make(a, b), make(b, a, name="inverse")
        kind = self._normalization(self.discriminator_normalization, cyclegan)
        self.discriminator = cyclegan.discriminator([a, b], width=self.width, normalization=kind)

    def make_state(self) -> None:
        names = "ab" if self.replay else ""
        self.replays = [Replay(self, self.fields[n].shape, self.replay, n) for n in names]

    def real(self, update: Update) -> tuple[tf.Tensor, ...]:
        return update.data["a"], update.data["b"]

    def fake(self, update: Update) -> tuple[tf.Tensor, ...]:
        made = self.inverse(update.data["b"], training=update.training), update.generated["b"]
        if not (self.replay and update.training and update.player == "discriminator"):
            return made
        return tuple(r.exchange(x, update.noise) for r, x in zip(self.replays, made, strict=True))

    def generator_loss(self, update: Update) -> Terms:
        terms = super().generator_loss(update)
        a, b = update.real
        fake_a, fake_b = update.fake

        def distances(of_b: tf.Tensor, of_a: tf.Tensor) -> tf.Tensor:
            mapped_b = self.inverse(of_b, training=update.training)
            mapped_a = self.generator(of_a, training=update.training)
            return tf.reduce_mean(tf.abs(mapped_b - a)) + tf.reduce_mean(tf.abs(mapped_a - b))

        terms["cycle"] = self.cycle_weight * distances(fake_b, fake_a)
        if self.identity_weight:
            terms["identity"] = self.cycle_weight * self.identity_weight * distances(a, b)
        return terms

    @property
    def generator_variables(self) -> list[keras.Variable]:
        return super().generator_variables + self.inverse.trainable_variables

    def encode_images(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the images a that F makes of images b, both in network units."""
        return self.averaged(self.inverse, images)
