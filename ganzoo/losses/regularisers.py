"""Regularisers: terms of either player's loss that may have a state of their own.

    ganzoo.get("dcgan", regularisers={"lecam": 0.3})

A regulariser of your own is a subclass of `Regulariser`, given as
`regularisers={MyRegulariser(): 0.1}`. A penalty that needs no state is simpler as a function, see
`ganzoo.penalties`.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.foundation.registry import unknown


class Regulariser:
    """A named term of one player's loss, with a state.

    Attributes:
        name: of the term in the logs.
        player: whose loss it is a term of.
    """

    name = "regulariser"
    player = "discriminator"

    def build(self, gan: Any) -> None:
        """Makes the state with `gan.add_weight`; it is saved and resumed with the GAN."""

    def term(self, update: Any) -> tf.Tensor:
        """The unweighted term, a scalar, of an update (`ganzoo.core.update.Update`)."""
        raise NotImplementedError

    def after(self, update: Any) -> None:
        """Moves the state, after each update of the player."""

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regulariser:
        """The inverse of `get_config`, as Keras calls it."""
        return cls(**config)


@keras.saving.register_keras_serializable("ganzoo")
class LeCam(Regulariser):
    """E relu(D(x) − α_F)² + E relu(α_R − D(G(z)))², α_R and α_F running means of D's logits on real
    and on fake samples.

    Tseng, Jiang, Liu, Yang, Yang 2021, arXiv:2104.03310, eq. 4: it keeps D's outputs near those of
    the other side, which helps where data are few; the authors' weight is 0.3 for BigGAN on
    CIFAR-10. The logits of a batch are averaged over all replicas.

    Deviation: the averages start at 0 and are corrected for it, as Adam's are, where the authors'
    code copies the logits for the first 1,000 steps.

    Args:
        decay: of the running means, in [0, 1).

    Raises:
        ValueError: the decay is out of range.
    """

    name = "lecam"

    def __init__(self, decay: float = 0.99):
        if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 <= decay < 1:
            raise ValueError(f"decay={decay!r} must be a number of at least 0 and below 1.")
        self.decay = float(decay)

    def build(self, gan):
        # Real and fake sums, and what the weights of all logits in them add up to.
        self.averages = gan.add_weight(
            shape=(3,), initializer="zeros", trainable=False, name="lecam_averages",
            aggregation="only_first_replica",
        )  # fmt: skip

    def means(self) -> tf.Tensor:
        """(α_R, α_F); zeros before the first update."""
        averages = self.averages.value
        return averages[:2] / tf.where(averages[2] > 0, averages[2], 1.0)

    def term(self, update):
        alpha_real, alpha_fake = tf.unstack(self.means())
        real = tf.nn.relu(update.real_outputs["logits"] - alpha_fake)
        fake = tf.nn.relu(alpha_real - update.fake_outputs["logits"])
        return tf.reduce_mean(tf.square(real)) + tf.reduce_mean(tf.square(fake))

    def after(self, update):
        logits = (update.real_outputs["logits"], update.fake_outputs["logits"])
        now = tf.stack([*map(tf.reduce_mean, logits), 1.0])
        if replica := tf.distribute.get_replica_context():
            now = replica.all_reduce(tf.distribute.ReduceOp.MEAN, now)
        self.averages.assign(self.decay * self.averages.value + (1.0 - self.decay) * now)

    def get_config(self):
        return {"decay": self.decay}


NAMED: dict[str, type[Regulariser]] = {"lecam": LeCam}


def get(name: str | Regulariser) -> Regulariser:
    """A new regulariser of that name; one that was made already is returned as it is.

    Raises:
        ValueError: no regulariser has that name.
    """
    if isinstance(name, Regulariser):
        return name
    if not isinstance(name, str) or name not in NAMED:
        raise ValueError(unknown("regulariser", name, NAMED))
    return NAMED[name]()
