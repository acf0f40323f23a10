"""Adversarial objectives: (real logits, fake logits) -> scalar, pure functions, all minimised.

Logits are the critic's raw outputs, [batch, ...]; σ is the sigmoid, sp the softplus, E the mean
over the batch. Each objective is a pair: what the discriminator minimises and what the generator
minimises. Real and fake logits reach both, since relativistic games pair them in both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from ganzoo.foundation.registry import unknown


@keras.saving.register_keras_serializable("ganzoo")
@dataclass(frozen=True)
class Objective:
    """What each player minimises: two functions of (real logits, fake logits).

    Attributes:
        discriminator: loss of the discriminator.
        generator: loss of the generator.
        relativistic: whether the generator's loss reads the real logits. Where it doesn't, it is
            given None for them and the critic isn't run on real data in the generator's turn.
    """

    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    generator: Callable[[tf.Tensor | None, tf.Tensor], tf.Tensor]
    relativistic: bool = False

    def get_config(self) -> dict[str, Any]:
        """What Keras saves; the two functions must be registered with Keras."""
        functions = {"discriminator": self.discriminator, "generator": self.generator}
        saved = {k: keras.saving.serialize_keras_object(f) for k, f in functions.items()}
        return saved | {"relativistic": self.relativistic}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Objective:
        return cls(**{k: keras.saving.deserialize_keras_object(v) for k, v in config.items()})


def _mean(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(x)


def cross_entropy_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """−E log σ(D(x)) − E log(1 − σ(D(G(z)))) = E sp(−D(x)) + E sp(D(G(z))).

    Goodfellow et al. 2014, arXiv:1406.2661, eq. 1. At its minimum over D it is
    log 4 − 2·JSD(p_data, p_g).
    """
    return _mean(tf.nn.softplus(-real)) + _mean(tf.nn.softplus(fake))


def minimax_generator(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
    """E log(1 − σ(D(G(z)))) = −E sp(D(G(z))). Goodfellow et al. 2014, arXiv:1406.2661, eq. 1."""
    return -_mean(tf.nn.softplus(fake))


def non_saturating_generator(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
    """−E log σ(D(G(z))) = E sp(−D(G(z))). Goodfellow et al. 2014, arXiv:1406.2661, section 3."""
    return _mean(tf.nn.softplus(-fake))


minimax = Objective(cross_entropy_discriminator, minimax_generator)
non_saturating = Objective(cross_entropy_discriminator, non_saturating_generator)


def least_squares_coding(a: float, b: float, c: float) -> Objective:
    """D: ½E(D(x) − b)² + ½E(D(G(z)) − a)²; G: ½E(D(G(z)) − c)².

    Mao et al. 2017, arXiv:1611.04076, eq. 2: a codes fake, b real, c what G wants D to say.
    With b − c = 1 and b − a = 2 it minimises the Pearson χ² divergence between p_data + p_g and
    2·p_g.
    """

    def discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        return 0.5 * (_mean(tf.square(real - b)) + _mean(tf.square(fake - a)))

    def generator(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
        return 0.5 * _mean(tf.square(fake - c))

    return Objective(discriminator, generator)


least_squares = least_squares_coding(0.0, 1.0, 1.0)


def wasserstein_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """E D(G(z)) − E D(x). Arjovsky et al. 2017, arXiv:1701.07875, eq. 3; D must be Lipschitz."""
    return _mean(fake) - _mean(real)


def wasserstein_generator(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
    """−E D(G(z)). Arjovsky et al. 2017, arXiv:1701.07875."""
    return -_mean(fake)


wasserstein = Objective(wasserstein_discriminator, wasserstein_generator)


def hinge_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """E relu(1 − D(x)) + E relu(1 + D(G(z))). Lim and Ye 2017, arXiv:1705.02894."""
    return _mean(tf.nn.relu(1.0 - real)) + _mean(tf.nn.relu(1.0 + fake))


hinge = Objective(hinge_discriminator, wasserstein_generator)


def relativistic_discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """E sp(−(D(x) − D(G(z)))), real and fake paired row by row.

    Jolicoeur-Martineau 2018, arXiv:1807.00734; Huang et al. 2024, arXiv:2501.05441, eq. 2.
    """
    return _mean(tf.nn.softplus(fake - real))


def relativistic_generator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """E sp(−(D(G(z)) − D(x))), real and fake paired row by row; the mirror of D's loss."""
    return _mean(tf.nn.softplus(real - fake))


relativistic = Objective(relativistic_discriminator, relativistic_generator, relativistic=True)


def f_gan(
    activation: Callable[[tf.Tensor], tf.Tensor], conjugate: Callable[[tf.Tensor], tf.Tensor]
) -> Objective:
    """D: −E g(V(x)) + E f*(g(V(G(z)))); G: −E f*(g(V(G(z)))), V the logits.

    Nowozin et al. 2016, arXiv:1606.00709, eq. 6 and its table of activations. At its minimum over
    D it is −D_f(p_data ‖ p_g), where g(V) = f′(p_data / p_g). The row "GAN" is `minimax`.

    Args:
        activation: g(V), in the domain of f*.
        conjugate: f*(g(V)) as one function of V, since in floats the steps of it lose what the
            whole keeps: −log(2 − eᵗ) is infinite from V = 17.
    """

    def discriminator(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        return _mean(conjugate(fake)) - _mean(activation(real))

    def generator(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
        return -_mean(conjugate(fake))

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
    "kl": kl,
    "reverse_kl": reverse_kl,
    "pearson": pearson,
    "squared_hellinger": squared_hellinger,
    "jensen_shannon": jensen_shannon,
    "total_variation": total_variation,
}


def get(name: str | Objective) -> Objective:
    """The objective of a name; an Objective is returned as it is.

    Raises:
        ValueError: no objective has that name.
    """
    if isinstance(name, Objective):
        return name
    if name not in NAMED:
        raise ValueError(unknown("objective", name, NAMED))
    return NAMED[name]
