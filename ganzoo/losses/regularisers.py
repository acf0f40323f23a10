"""Regularisers: terms of a player's loss that may have a state.

    ganzoo.get("dcgan", regularisers={"lecam": 0.3})

To write your own, subclass `Regulariser` and pass `regularisers={MyRegulariser(): 0.1}`. A penalty
without a state is simpler to write as a function, see `ganzoo.penalties`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import keras
import tensorflow as tf

from ganzoo.foundation.randomness import Noise
from ganzoo.foundation.registry import unknown


class Update(Protocol):
    """The part of a `ganzoo.core.update.Update` that a regulariser reads."""

    @property
    def real_outputs(self) -> Mapping[str, tf.Tensor]: ...

    @property
    def fake_outputs(self) -> Mapping[str, tf.Tensor]: ...

    @property
    def inputs(self) -> Mapping[str, tf.Tensor]: ...

    gan: Any
    noise: Noise
    training: bool
    kept: dict[str, tf.Tensor]


class Regulariser:
    """A named term of one player's loss, with a state.

    Attributes:
        name: the name of the term in the logs.
        player: "discriminator" or "generator", to whose loss the term is added.
    """

    name = "regulariser"
    player = "discriminator"

    def build(self, gan: keras.Model) -> None:
        """Makes the state with `gan.add_weight`. It is saved and loaded with the GAN."""

    def term(self, update: Update) -> tf.Tensor:
        """Returns the term for a `ganzoo.core.update.Update`, a scalar without its weight."""
        raise NotImplementedError

    def after(self, update: Update) -> None:
        """Changes the state. It is called after each update of the player."""

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, as Keras saves them."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regulariser:
        """Makes a regulariser from the result of `get_config`."""
        return cls(**config)


@keras.saving.register_keras_serializable("ganzoo")
class LeCam(Regulariser):
    """E relu(D(x) − α_F)² + E relu(α_R − D(G(z)))².

    α_R and α_F are running means of D's logits on real and on fake samples. The term keeps the
    logits on real samples near those on fake ones and vice versa, which helps on small data.

    Tseng, Jiang, Liu, Yang, Yang 2021, arXiv:2104.03310, eq. 4. The authors' weight is 0.3 for
    BigGAN on CIFAR-10. The running means are those of all replicas.

    Deviation: the means start at 0 and are corrected for this bias, as in Adam. The authors' code
    copies the logits in the first 1,000 steps instead.

    Args:
        decay: decay of the running means, in [0, 1).

    Raises:
        ValueError: the decay is out of range.
    """

    name = "lecam"

    def __init__(self, decay: float = 0.99):
        self.decay = _decay(decay)

    def build(self, gan: keras.Model) -> None:
        # The weighted sums of real and of fake logits, and the sum of the weights.
        self.averages = gan.add_weight(
            shape=(3,), initializer="zeros", trainable=False, name="lecam_averages",
            aggregation="only_first_replica",
        )  # fmt: skip

    def means(self) -> tf.Tensor:
        """Returns (α_R, α_F), float32 [2]. Both are 0 before the first update."""
        averages = self.averages.value
        return averages[:2] / tf.where(averages[2] > 0, averages[2], 1.0)

    def term(self, update: Update) -> tf.Tensor:
        alpha_real, alpha_fake = tf.unstack(self.means())
        real = tf.nn.relu(update.real_outputs["logits"] - alpha_fake)
        fake = tf.nn.relu(alpha_real - update.fake_outputs["logits"])
        return tf.reduce_mean(tf.square(real)) + tf.reduce_mean(tf.square(fake))

    def after(self, update: Update) -> None:
        logits = (update.real_outputs["logits"], update.fake_outputs["logits"])
        now = tf.stack([*map(tf.reduce_mean, logits), 1.0])
        if replica := tf.distribute.get_replica_context():
            now = replica.all_reduce(tf.distribute.ReduceOp.MEAN, now)
        self.averages.assign(self.decay * self.averages.value + (1.0 - self.decay) * now)

    def get_config(self) -> dict[str, Any]:
        return {"decay": self.decay}


@keras.saving.register_keras_serializable("ganzoo")
class PathLength(Regulariser):
    """E(‖Jᵀy‖ − a)², y ~ N(0, 1)/√(HW) for each value of an image, a the running mean of ‖Jᵀy‖.

    J is the Jacobian of the generated images with respect to the generator's "styles", or to its
    latents if it has none. The norm is the root of the squared norms of all layers' styles,
    averaged over the layers. It makes a step in the styles change the image by the same amount
    everywhere. The term takes one pass of G on every second sample.

    Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, arXiv:1912.04958, eq. 4; the authors'
    weight is 2. As in their code, a starts at 0 and includes the current lengths. It is the mean of
    all replicas.

    Args:
        decay: decay of the running mean, in [0, 1).

    Raises:
        ValueError: the decay is out of range.
    """

    name = "path_length"
    player = "generator"

    def __init__(self, decay: float = 0.99):
        self.decay = _decay(decay)

    def build(self, gan: keras.Model) -> None:
        self.mean = gan.add_weight(
            shape=(), initializer="zeros", trainable=False, name="path_length_mean",
            aggregation="only_first_replica",
        )  # fmt: skip

    def lengths(self, update: Update) -> tf.Tensor:
        """Returns ‖Jᵀy‖ for every second sample of the update, float32 [rows]."""
        inputs = {name: value[::2] for name, value in update.inputs.items()}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([x for x in inputs.values() if x.dtype.is_floating])
            generated = update.gan.generate(inputs, training=True)
        samples = generated[update.gan.output_name]
        sources = generated.get("styles", inputs.get("latent"))
        count = tf.shape(samples)[0]
        y = update.noise.normal([count, *samples.shape[1:]])
        y = tf.cast(y / math.sqrt(math.prod(samples.shape[1:-1])), samples.dtype)
        squares = tf.square(tape.gradient(samples, sources, output_gradients=y))
        squares = tf.reduce_sum(tf.cast(squares, tf.float32), axis=-1)
        # The root has no derivative at 0.
        return tf.sqrt(tf.reduce_mean(tf.reshape(squares, [count, -1]), axis=1) + 1e-12)

    def term(self, update: Update) -> tf.Tensor:
        lengths = self.lengths(update)
        now = tf.stop_gradient(tf.reduce_mean(lengths))
        if replica := tf.distribute.get_replica_context():
            now = replica.all_reduce(tf.distribute.ReduceOp.MEAN, now)
        mean = self.decay * self.mean.value + (1.0 - self.decay) * now
        update.kept[self.name] = mean
        return tf.reduce_mean(tf.square(lengths - mean))

    def after(self, update: Update) -> None:
        if self.name in update.kept:  # the term took part in this update
            self.mean.assign(update.kept[self.name])

    def get_config(self) -> dict[str, Any]:
        return {"decay": self.decay}


def _decay(decay: Any) -> float:
    if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 <= decay < 1:
        raise ValueError(f"decay={decay!r} must be a number of at least 0 and below 1.")
    return float(decay)


NAMED: dict[str, type[Regulariser]] = {"lecam": LeCam, "path_length": PathLength}


def get(name: str | Regulariser) -> Regulariser:
    """Returns a new regulariser of that name, or `name` itself if it is a regulariser.

    Raises:
        ValueError: no regulariser has that name.
    """
    if isinstance(name, Regulariser):
        return name
    if not isinstance(name, str) or name not in NAMED:
        raise ValueError(unknown("regulariser", name, NAMED))
    return NAMED[name]()
