"""Regularisers: terms of a player's loss that may have a state.

    ganzoo.get("dcgan", regularisers={"lecam": 0.3})

To write your own, subclass `Regulariser` and pass `regularisers={MyRegulariser(): 0.1}`. A penalty
without a state is simpler to write as a function, see `ganzoo.penalties`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import keras
import tensorflow as tf

from ganzoo.foundation.keras_compat import leaves
from ganzoo.foundation.registry import unknown


class Update(Protocol):
    """The part of a `ganzoo.core.update.Update` that a regulariser reads."""

    @property
    def real_outputs(self) -> Mapping[str, tf.Tensor]: ...

    @property
    def fake_outputs(self) -> Mapping[str, tf.Tensor]: ...


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
        if isinstance(decay, bool) or not isinstance(decay, int | float) or not 0 <= decay < 1:
            raise ValueError(f"decay={decay!r} must be a number of at least 0 and below 1.")
        self.decay = float(decay)

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
class Orthogonal(Regulariser):
    """Σ ‖WᵀW ⊙ (1 − I)‖² over G's kernels W, as matrices with a column for each output channel.

    It makes different columns of a kernel orthogonal, and leaves their lengths free. Its gradient
    is 4W(WᵀW ⊙ (1 − I)). Biases, normalisation layers and embeddings of classes are left out.

    Brock, Donahue, Simonyan 2019, arXiv:1809.11096, eq. 3. The paper's weight is 1e-4. The authors'
    code has half of the gradient, which is that of the weight 5e-5 here.
    """

    name = "orthogonal"
    player = "generator"

    def build(self, gan: keras.Model) -> None:
        self.kernels = [
            layer.kernel
            for layer in leaves(gan.generator)
            if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D)
        ]

    def term(self, update: Update) -> tf.Tensor:
        terms = []
        for kernel in self.kernels:
            columns = tf.reshape(kernel, [-1, kernel.shape[-1]])
            products = tf.matmul(columns, columns, transpose_a=True)
            products = tf.linalg.set_diag(products, tf.zeros(kernel.shape[-1]))
            terms.append(tf.reduce_sum(tf.square(products)))
        return tf.add_n(terms)


NAMED: dict[str, type[Regulariser]] = {"lecam": LeCam, "orthogonal": Orthogonal}


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
