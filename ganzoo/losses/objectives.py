"""Adversarial objectives: the losses of the discriminator and the generator.

An objective is a pair of pure functions of (real logits, fake logits). Both return a scalar, which
is minimised. Logits are the discriminator's raw outputs, float32 [batch, ...].

In the equations σ is the sigmoid, sp is the softplus, E is the mean over all logits, and D(x) and
D(G(z)) are logits, or probabilities where an equation has log D.

    losses = ganzoo.objectives.get("hinge")
    losses.discriminator(real_logits, fake_logits)

    def one_sided(real, fake):
        return tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(fake)

    ganzoo.get("dcgan", objective=ganzoo.objectives.Objective(one_sided, losses.generator))

Decorate the functions with `@keras.saving.register_keras_serializable()`, so that a GAN with them
can be saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from ganzoo.foundation.registry import unknown
from ganzoo.foundation.replicas import mean_over_replicas


@keras.saving.register_keras_serializable("ganzoo")
@dataclass(frozen=True)
class Objective:
    """The losses of both players, as functions of (real logits, fake logits) -> scalar.

    Attributes:
        discriminator: loss of the discriminator.
        generator: loss of the generator.
        relativistic: whether the generator's loss reads the real logits. If not, it is called with
            None for them, and the generator's update doesn't run the discriminator on real data.
    """

    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    generator: Callable[[tf.Tensor | None, tf.Tensor], tf.Tensor]
    relativistic: bool = False

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as Keras saves them. Keras must know both functions, see
        `keras.saving.register_keras_serializable`."""
        functions = {"discriminator": self.discriminator, "generator": self.generator}
        saved = {k: keras.saving.serialize_keras_object(f) for k, f in functions.items()}
        return saved | {"relativistic": self.relativistic}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Objective:
        """Makes an objective from the result of `get_config`."""
        return cls(**{k: keras.saving.deserialize_keras_object(v) for k, v in config.items()})


@keras.saving.register_keras_serializable("ganzoo")
def cross_entropy_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """−E log σ(D(x)) − E log(1 − σ(D(G(z)))) = E sp(−D(x)) + E sp(D(G(z))).

    Goodfellow et al. 2014, arXiv:1406.2661, eq. 1. The optimal D reaches
    log 4 − 2·JSD(p_data, p_g).
    """
    return tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))


@keras.saving.register_keras_serializable("ganzoo")
def minimax_generator(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
    """E log(1 − σ(D(G(z)))) = −E sp(D(G(z))). Goodfellow et al. 2014, arXiv:1406.2661, eq. 1."""
    return -tf.reduce_mean(tf.nn.softplus(fake))


@keras.saving.register_keras_serializable("ganzoo")
def non_saturating_generator(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
    """−E log σ(D(G(z))) = E sp(−D(G(z))). Goodfellow et al. 2014, arXiv:1406.2661, section 3."""
    return tf.reduce_mean(tf.nn.softplus(-fake))


minimax = Objective(cross_entropy_discriminator, minimax_generator)
non_saturating = Objective(cross_entropy_discriminator, non_saturating_generator)


def least_squares_coding(a: float, b: float, c: float) -> Objective:
    """D: ½E(D(x) − b)² + ½E(D(G(z)) − a)²; G: ½E(D(G(z)) − c)².

    Mao et al. 2017, arXiv:1611.04076, eq. 2. If b − c = 1 and b − a = 2, G minimises the Pearson χ²
    divergence between p_data + p_g and 2·p_g.

    Args:
        a: D's target for fake samples.
        b: D's target for real samples.
        c: G's target for D's outputs on fake samples.
    """

    def discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        return 0.5 * (tf.reduce_mean(tf.square(real - b)) + tf.reduce_mean(tf.square(fake - a)))

    def generator(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
        return 0.5 * tf.reduce_mean(tf.square(fake - c))

    return Objective(discriminator, generator)


least_squares = least_squares_coding(0.0, 1.0, 1.0)


@keras.saving.register_keras_serializable("ganzoo")
def wasserstein_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """E D(G(z)) − E D(x). Arjovsky et al. 2017, arXiv:1701.07875, eq. 3; D must be Lipschitz."""
    return tf.reduce_mean(fake) - tf.reduce_mean(real)


@keras.saving.register_keras_serializable("ganzoo")
def wasserstein_generator(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
    """−E D(G(z)). Arjovsky et al. 2017, arXiv:1701.07875."""
    return -tf.reduce_mean(fake)


wasserstein = Objective(wasserstein_discriminator, wasserstein_generator)


@keras.saving.register_keras_serializable("ganzoo")
def hinge_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """E relu(1 − D(x)) + E relu(1 + D(G(z))). Lim and Ye 2017, arXiv:1705.02894."""
    return tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake))


hinge = Objective(hinge_discriminator, wasserstein_generator)


@keras.saving.register_keras_serializable("ganzoo")
def relativistic_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """E sp(−(D(x) − D(G(z)))). Row i of the real logits is paired with row i of the fake ones.

    Jolicoeur-Martineau 2018, arXiv:1807.00734; Huang et al. 2024, arXiv:2501.05441, eq. 2.
    """
    return tf.reduce_mean(tf.nn.softplus(fake - real))


@keras.saving.register_keras_serializable("ganzoo")
def relativistic_generator(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
    """E sp(−(D(G(z)) − D(x))): D's loss with real and fake exchanged.

    Huang et al. 2024, arXiv:2501.05441, eq. 2.
    """
    return tf.reduce_mean(tf.nn.softplus(real - fake))


relativistic = Objective(relativistic_discriminator, relativistic_generator, relativistic=True)


@keras.saving.register_keras_serializable("ganzoo")
def relativistic_average_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """E sp(−(D(x) − E D(G(z)))) + E sp(D(G(z)) − E D(x)).

    Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2. The inner means are those of the
    batch, over all replicas.
    """
    above = real - mean_over_replicas(tf.reduce_mean(fake))
    below = fake - mean_over_replicas(tf.reduce_mean(real))
    return tf.reduce_mean(tf.nn.softplus(-above)) + tf.reduce_mean(tf.nn.softplus(below))


@keras.saving.register_keras_serializable("ganzoo")
def relativistic_average_generator(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
    """E sp(−(D(G(z)) − E D(x))) + E sp(D(x) − E D(G(z))): D's loss with real and fake exchanged.

    Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2.
    """
    return relativistic_average_discriminator(fake, real)


relativistic_average = Objective(
    relativistic_average_discriminator, relativistic_average_generator, relativistic=True
)


def f_gan(
    activation: Callable[[tf.Tensor], tf.Tensor], conjugate: Callable[[tf.Tensor], tf.Tensor]
) -> Objective:
    """D: −E g(V(x)) + E f*(g(V(G(z)))); G: −E f*(g(V(G(z)))). V are the logits.

    Nowozin et al. 2016, arXiv:1606.00709, eq. 6 and the paper's table of activations, whose row
    "GAN" is `minimax`. The optimal D reaches −D_f(p_data ‖ p_g), with g(V) = f′(p_data / p_g).
    The named ones are:

        objective            g(V)              f*(g(V))
        kl                   V                 exp(V − 1)
        reverse_kl           −exp(−V)          V − 1
        pearson              V                 V²/4 + V
        squared_hellinger    1 − exp(−V)       exp(V) − 1
        jensen_shannon       log 2 − sp(−V)    sp(V) − log 2
        total_variation      ½ tanh V          ½ tanh V

    Args:
        activation: V -> g(V), which is in the domain of f*.
        conjugate: V -> f*(g(V)). It is one function because computing g first and then f* loses
            precision: for example, −log(2 − eᵗ) is infinite in float32 from V = 17.
    """

    def discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(conjugate(fake)) - tf.reduce_mean(activation(real))

    def generator(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
        return -tf.reduce_mean(conjugate(fake))

    return Objective(discriminator, generator)


kl = f_gan(
    activation=lambda v: v,
    conjugate=lambda v: tf.exp(v - 1.0),
)
reverse_kl = f_gan(
    activation=lambda v: -tf.exp(-v),
    conjugate=lambda v: v - 1.0,
)
pearson = f_gan(
    activation=lambda v: v,
    conjugate=lambda v: 0.25 * tf.square(v) + v,
)
squared_hellinger = f_gan(
    activation=lambda v: -tf.math.expm1(-v),
    conjugate=lambda v: tf.math.expm1(v),
)
jensen_shannon = f_gan(
    activation=lambda v: math.log(2.0) - tf.nn.softplus(-v),
    conjugate=lambda v: tf.nn.softplus(v) - math.log(2.0),
)
total_variation = f_gan(
    activation=lambda v: 0.5 * tf.tanh(v),
    conjugate=lambda v: 0.5 * tf.tanh(v),
)

NAMED = {
    "non_saturating": non_saturating,
    "minimax": minimax,
    "least_squares": least_squares,
    "wasserstein": wasserstein,
    "hinge": hinge,
    "relativistic": relativistic,
    "relativistic_average": relativistic_average,
    "kl": kl,
    "reverse_kl": reverse_kl,
    "pearson": pearson,
    "squared_hellinger": squared_hellinger,
    "jensen_shannon": jensen_shannon,
    "total_variation": total_variation,
}


def get(name: str | Objective) -> Objective:
    """Returns the objective of that name, or `name` itself if it is an Objective.

    Raises:
        ValueError: no objective has that name.
    """
    if isinstance(name, Objective):
        return name
    if name not in NAMED:
        raise ValueError(unknown("objective", name, NAMED))
    return NAMED[name]
