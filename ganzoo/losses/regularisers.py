"""Regularisers: terms of a player's loss that may have a state.

    ganzoo.get("dcgan", regularisers={"lecam": 0.3, "orthogonal": 1e-4})
    ganzoo.get("dcgan", regularisers={ganzoo.regularisers.Consistency(flip=False): 10.0})

To write your own, subclass `Regulariser` and pass `regularisers={MyRegulariser(): 0.1}`. A penalty
without a state is simpler to write as a function, see `ganzoo.penalties`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import keras
import tensorflow as tf

from ganzoo.foundation.keras_compat import leaves
from ganzoo.foundation.randomness import Noise
from ganzoo.foundation.registry import unknown


class Update(Protocol):
    """The part of a `ganzoo.core.update.Update` that a regulariser reads."""

    noise: Noise

    @property
    def real_seen(self) -> Any: ...

    @property
    def fake_seen(self) -> Any: ...

    @property
    def real_outputs(self) -> Mapping[str, tf.Tensor]: ...

    @property
    def fake_outputs(self) -> Mapping[str, tf.Tensor]: ...

    def discriminate(self, samples: Any) -> Mapping[str, tf.Tensor]: ...
    @property
    def inputs(self) -> Mapping[str, tf.Tensor]: ...

    gan: Any
    training: bool
    kept: dict[str, tf.Tensor]


class Regulariser:
    """A named term of one player's loss, with a state.

    Attributes:
        name: the name of the term in the logs.
        player: "discriminator" or "generator", to whose loss the term is added.
        heads: further outputs of D that the term reads, name -> the layers on top of D's features
            that compute it; `[]` are the features themselves.
    """

    name = "regulariser"
    player = "discriminator"
    heads: Mapping[str, list[keras.layers.Layer]] = {}

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


def _reflected(index: tf.Tensor, size: int) -> tf.Tensor:
    """Indices up to size − 1 beyond either end of an axis, reflected at its first or last place."""
    return size - 1 - tf.abs(size - 1 - tf.abs(index))


def _moved(image: tf.Tensor, draws: tf.Tensor, flip: bool, shift: float) -> tf.Tensor:
    """Images [batch, height, width, channels], flipped and shifted by `draws`, [batch, 3]."""
    height, width = image.shape[1:3]

    def places(draw: tf.Tensor, size: int) -> tf.Tensor:
        pixels = tf.cast(tf.round((2.0 * draw - 1.0) * int(shift * size)), tf.int32)
        return _reflected(tf.range(size) + pixels[:, None], size)

    rows, columns = places(draws[:, 0], height), places(draws[:, 1], width)
    if flip:
        columns = tf.where(draws[:, 2:] < 0.5, columns, width - 1 - columns)
    image = tf.gather(image, rows, axis=1, batch_dims=1)
    return tf.gather(image, columns, axis=2, batch_dims=1)


@keras.saving.register_keras_serializable("ganzoo")
class Consistency(Regulariser):
    """E(D(x) − D(T(x)))² at real samples x.

    T mirrors an image from left to right with probability ½ and shifts it by up to ⅛ of its height
    and width, in whole pixels; what is shifted out of the image is replaced by a reflection. D then
    judges what an image shows and not where.

    Zhang, Zhang, Odena, Lee 2020, arXiv:1910.12027, section 2.2; the paper's weight is 10. Where D
    judges patches, D(x) is the mean of its logits. Images that D judges together move together.

    Args:
        flip: whether T mirrors images. Use False for letters and digits, whose mirror images are
            none.
        shift: the largest shift, as a share of the height and width, in [0, 0.5].

    Raises:
        ValueError: the arguments are out of range, or the data are not images.
    """

    name = "consistency"
    parts: tuple[str, ...] = ("real",)

    def __init__(self, flip: bool = True, shift: float = 0.125):
        if not isinstance(flip, bool):
            raise ValueError(f"flip={flip!r:.200} must be True or False.")
        if isinstance(shift, bool) or not isinstance(shift, int | float) or not 0 <= shift <= 0.5:
            raise ValueError(f"shift={shift!r:.200} must be a number from 0 to 0.5.")
        self.flip, self.shift = flip, float(shift)

    def build(self, gan: keras.Model) -> None:
        if not gan.spec.is_image:
            raise ValueError(
                f"the regulariser {self.name} moves images, and the data are vectors of "
                f"{gan.spec.shape[0]} features: leave it out."
            )

    def moved(self, samples: Any, noise: Noise) -> Any:
        """Returns T(samples). All images of a nest are moved alike; vectors stay as they are."""
        images = [x for x in tf.nest.flatten(samples) if x.shape.rank == 4]
        draws = noise.uniform([tf.shape(images[0])[0], 3])
        return tf.nest.map_structure(
            lambda x: _moved(x, draws, self.flip, self.shift) if x.shape.rank == 4 else x, samples
        )

    def term(self, update: Update) -> tf.Tensor:
        terms = []
        for part in self.parts:
            moved = self.moved(getattr(update, f"{part}_seen"), update.noise)
            outputs = (getattr(update, f"{part}_outputs"), update.discriminate(moved))
            one, other = (_per_sample_mean(x["logits"]) for x in outputs)
            terms.append(tf.reduce_mean(tf.square(one - other)))
        return tf.reduce_sum(tf.stack(terms))

    def get_config(self) -> dict[str, Any]:
        return {"flip": self.flip, "shift": self.shift}


def _per_sample_mean(logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(logits, range(1, logits.shape.rank))


@keras.saving.register_keras_serializable("ganzoo")
class BalancedConsistency(Consistency):
    """E(D(x) − D(T(x)))² + E(D(G(z)) − D(T(G(z))))².

    `Consistency` for real and for fake samples. With real samples alone, G learns to make moved
    images.

    Zhao, Singh, Lee, Zhang, Odena, Zhang 2020, arXiv:2002.04724, section 2.1; the paper's weight on
    both terms is 10 for CIFAR-10.
    """

    name = "balanced_consistency"
    parts = ("real", "fake")


@keras.saving.register_keras_serializable("ganzoo")
class Orthogonal(Regulariser):
    """Σ ‖WWᵀ ⊙ (1 − I)‖² over the kernels W of G, whose rows are the filters.

    It is 0 if the filters of each layer are orthogonal, whatever their norms. BigGAN needs it for
    truncated latents, see `gan.sample(truncation=…)`.

    Brock, Donahue, Simonyan 2019, arXiv:1809.11096, eq. 3; the paper's weight is 1e-4. The kernels
    are those of dense layers and convolutions; embeddings and normalisations have none.
    """

    name = "orthogonal"
    player = "generator"

    def build(self, gan: keras.Model) -> None:
        self.layers = [
            layer
            for layer in leaves(gan.generator)
            if isinstance(getattr(layer, "kernel", None), keras.Variable)
            # a wrapper's layer is a leaf too, and BigGAN's embedding is an EinsumDense layer
            and not isinstance(layer, keras.layers.Wrapper | keras.layers.EinsumDense)
        ]
        if not self.layers:
            raise ValueError(
                f"the regulariser {self.name} needs a generator with dense layers or "
                "convolutions: leave it out."
            )

    def term(self, update: Update) -> tf.Tensor:
        return tf.reduce_sum(tf.stack([_overlap(filters_of(layer)) for layer in self.layers]))


def filters_of(layer: keras.layers.Layer) -> tf.Tensor:
    """The kernel of a layer as a matrix with a row for each filter, [outputs, rest]."""
    kernel = tf.convert_to_tensor(layer.kernel)
    if "Transpose" in type(layer).__name__:  # [..., outputs, inputs]
        return tf.reshape(tf.experimental.numpy.moveaxis(kernel, -2, 0), [kernel.shape[-2], -1])
    return tf.transpose(tf.reshape(kernel, [-1, kernel.shape[-1]]))


def _overlap(w: tf.Tensor) -> tf.Tensor:
    """Returns ‖WWᵀ ⊙ (1 − I)‖²."""
    norms = tf.reduce_sum(tf.square(w), axis=1)
    if w.shape[0] <= w.shape[1]:
        products = tf.matmul(w, w, transpose_b=True)
        return tf.reduce_sum(tf.square(tf.linalg.set_diag(products, tf.zeros_like(norms))))
    # WᵀW is smaller and has the same norm as WWᵀ
    products = tf.matmul(w, w, transpose_a=True)
    return tf.reduce_sum(tf.square(products)) - tf.reduce_sum(tf.square(norms))


@keras.saving.register_keras_serializable("ganzoo")
class FeatureMatching(Regulariser):
    """‖E f(x) − E f(G(z))‖² with f(x), the features that D computes its logits from.

    G makes samples whose features have the mean of those of the data.

    Salimans, Goodfellow, Zaremba, Cheung, Radford, Chen 2016, arXiv:1606.03498, eq. 1. The means
    are those of all replicas. Deviation: the paper's G has no other loss, while here the term is
    added to the objective.

    Raises:
        ValueError: the discriminator has no output "features".
    """

    name = "feature_matching"
    player = "generator"
    heads = {"features": []}

    def build(self, gan: keras.Model) -> None:
        outputs = getattr(gan.discriminator, "output", None)
        if not isinstance(outputs, dict) or "features" not in outputs:
            raise ValueError(
                f"the regulariser {self.name} reads the features below the logits, and the "
                f"discriminator of {gan.registry_name} doesn't give them: leave it out."
            )

    def term(self, update: Update) -> tf.Tensor:
        real, fake = (
            tf.reduce_mean(tf.cast(outputs["features"], tf.float32), axis=0)
            for outputs in (update.real_outputs, update.fake_outputs)
        )
        difference = real - fake
        if replica := tf.distribute.get_replica_context():
            difference = replica.all_reduce(tf.distribute.ReduceOp.MEAN, difference)
        return tf.reduce_sum(tf.square(difference))


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


NAMED: dict[str, type[Regulariser]] = {
    "balanced_consistency": BalancedConsistency,
    "consistency": Consistency,
    "feature_matching": FeatureMatching,
    "lecam": LeCam,
    "orthogonal": Orthogonal,
    "path_length": PathLength,
}


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
