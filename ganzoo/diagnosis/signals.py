"""Signals of a GAN's training, which `ganzoo.diagnosis.rules` turn into verdicts.

`measure` computes the losses of all players once more on a few fixed rows and fixed latents. It
changes no weight, no state and no random number of the training: assignments within it are dropped.

The signals, of which one that a game or the data can't give is NaN:

- real_logits, fake_logits: means of the discriminator's outputs, as they are.
- held_out_logits: the mean of its outputs on held-out rows.
- accuracy: the share of all pairs of a real and a fake sample that the discriminator orders
  rightly. ½ is chance and 1 is perfect. It needs no threshold, so that it has the same meaning for
  probabilities, for the critic of a Wasserstein GAN, for relativistic losses and for energies.
- slope: the mean of |∂L_G / ∂D(G(z))| over the fake samples, which is what the objective passes on
  to the generator.
- discriminator_slope: the sum of |∂L_D / ∂D(x)| over the real samples and of the same over the fake
  samples, which is what D still has to learn: near 0 if it is sure of every sample.
- PLAYER_gradient: the norm of the gradient of a player's loss, without penalties and regularisers.
- PLAYER_weights: the norm of a player's weights.
- PLAYER_update: the norm of the change of the weights in one step, divided by PLAYER_weights.
- steepness: |real_logits − fake_logits| divided by the mean distance between two real samples. The
  slope of the discriminator is at least about that large.
- diversity: the mean distance between two fake samples, divided by that between two real ones.
- duplicates: the share of fake samples that have another one within a tenth of the median distance
  between a real sample and the nearest other.
- copies: the share of fake samples that have a real one within half of that median. It is only
  measured where samples have at least 16 values: in fewer dimensions good samples are that near.
- precision: the share of fake samples that are nearer to a real one than its fifth nearest other.
- missing: the share of real samples of whose kind no fake one is. The kind of a real sample is
  itself and the nearest others, a tenth of all but at least 5, and a fake one is of the kind of the
  real one that is nearest to it.

- diverged: 1 in the row of the step at which training stopped because a number was not finite, else
  0.

Distances are Euclidean, in the units that the networks see.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from ganzoo.core.update import Update
from ganzoo.devices import precision
from ganzoo.foundation.randomness import Noise
from ganzoo.losses import objectives

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

Rows = Mapping[str, tf.Tensor]

MOST_ROWS = 128
MOST_VALUES = 2**22  # of the samples whose distances are measured
KINDS = 10  # of which a real sample is the centre of one
NEIGHBOURS = 5  # those of a real sample that tell how far is near
LEAST_WIDTH = 16  # values of a sample from which on copies are told from good samples
DRAWN = -(2**40)  # the number of an update that neither training nor `evaluate` makes
NAMES = (
    "real_logits",
    "fake_logits",
    "held_out_logits",
    "accuracy",
    "slope",
    "discriminator_slope",
    "discriminator_gradient",
    "generator_gradient",
    "discriminator_weights",
    "generator_weights",
    "discriminator_update",
    "generator_update",
    "steepness",
    "diversity",
    "duplicates",
    "copies",
    "precision",
    "missing",
    "diverged",
)


def few(gan: GAN, rows: Rows) -> dict[str, tf.Tensor]:
    """At most `MOST_ROWS` of these rows: as many as fill whole packs, spread over all of them."""
    count = len(next(iter(rows.values())))
    every = max(1, count // MOST_ROWS, gan.critic_steps if count > gan.critic_steps else 1)
    chosen = {key: value[::every][:MOST_ROWS] for key, value in rows.items()}
    left = len(next(iter(chosen.values())))
    return {key: value[: left - left % gan.packing] for key, value in chosen.items()}


def measure(
    gan: GAN,
    rows: Rows,
    held_out: Rows | None = None,
    before: Mapping[str, list[tf.Tensor]] | None = None,
) -> dict[str, tf.Tensor]:
    """The signals by name, scalars; those that can't be measured are missing.

    Args:
        gan: a built GAN. Nothing of it changes.
        rows: rows of the training data in the data's units, as `few` chooses them.
        held_out: rows that the GAN is not trained on, likewise.
        before: the variables of each player before the step, by the player's name.
    """
    found: dict[str, tf.Tensor] = {}
    with keras.StatelessScope(initialize_variables=False):
        noise = Noise(gan.seed, DRAWN)
        update = Update(gan, gan.encoded(rows), noise, regularise=False)
        gan.record(update)
        fakes = update.generated[gan.output_name]
        for player in gan.players:
            if player != "discriminator":
                update = update.with_same_fakes(noise, player)
            gradients, slopes = _gradients(gan, player, update)
            if player == "discriminator":
                real, fake = (_one_each(x["logits"]) for x in (
                    update.real_outputs, update.fake_outputs
                ))  # fmt: skip
                found["real_logits"] = tf.reduce_mean(real)
                found["fake_logits"] = tf.reduce_mean(fake)
                if slopes:
                    found["discriminator_slope"] = _size(slopes)
                if (sign := _direction(gan)) is not None:
                    found["accuracy"] = accuracy(sign * real, sign * fake)
            elif player == "generator" and slopes:
                found["slope"] = _size(slopes)
            if player in ("discriminator", "generator"):
                found[f"{player}_gradient"] = tf.linalg.global_norm(gradients)
        if held_out is not None:
            unseen = Update(gan, gan.encoded(held_out), noise, regularise=False)
            with noise:
                found["held_out_logits"] = tf.reduce_mean(unseen.real_outputs["logits"])
    for player in ("discriminator", "generator"):
        weights = [tf.cast(v.value, tf.float32) for v in getattr(gan, f"{player}_variables")]
        size = tf.linalg.global_norm(weights)
        found[f"{player}_weights"] = size
        if before is not None:
            moved = [w - b for w, b in zip(weights, before[player], strict=True)]
            found[f"{player}_update"] = tf.linalg.global_norm(moved) / size
    found |= of_samples(update.data[gan.output_name], fakes)
    found["steepness"] = tf.abs(found["real_logits"] - found["fake_logits"]) / found.pop("distance")
    return found


def weights(gan: GAN) -> dict[str, list[tf.Tensor]]:
    """Copies of the variables of both players, by the player's name."""
    return {
        player: [tf.cast(v.value, tf.float32) + 0 for v in getattr(gan, f"{player}_variables")]
        for player in ("discriminator", "generator")
    }


def accuracy(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """The share of pairs of real [n] and fake [m] in which the real one is larger; equal values
    count half."""
    return 0.5 + 0.5 * tf.reduce_mean(tf.sign(real[:, None] - fake[None, :]))


def of_samples(real: tf.Tensor, fake: tf.Tensor) -> dict[str, tf.Tensor]:
    """diversity, duplicates and copies of fake samples [n, ...] beside real ones [m, ...], and the
    mean `distance` between two real ones."""
    width = math.prod(real.shape[1:])
    count = max(8, MOST_VALUES // width)
    real, fake = (tf.reshape(tf.cast(x[:count], tf.float64), [-1, width]) for x in (real, fake))
    of_real, of_fake, between = (
        _distances(real, real), _distances(fake, fake), _distances(fake, real)
    )  # fmt: skip
    apart = _median(_nearest_other(of_real))
    found = {
        "distance": _mean_pair(of_real),
        "diversity": _mean_pair(of_fake) / _mean_pair(of_real),
        "duplicates": _share(_nearest_other(of_fake) < 0.1 * apart),
    }
    near = _nth_nearest_other(of_real, NEIGHBOURS)
    found["precision"] = _share(tf.reduce_any(between < near[None, :], 1))
    found["missing"] = _missing(of_real, between)
    if width >= LEAST_WIDTH:
        found["copies"] = _share(tf.reduce_min(between, 1) < 0.5 * apart)
    return {key: tf.cast(value, tf.float32) for key, value in found.items()}


def _gradients(gan: GAN, player: str, update: Update) -> tuple[list, list]:
    """The gradients of a player's loss by its variables, and those by D's outputs: on the fakes,
    and for D on the real samples too."""
    variables = getattr(gan, f"{player}_variables")
    sources = [v.value for v in variables]
    own = tf.GradientTape(watch_accessed_variables=False)
    tape = update.generator_tape if player == "generator" else own
    with tape, update.noise:
        tape.watch(sources)
        terms = getattr(gan, f"{player}_loss")(update)
        logits = [update.fake_outputs["logits"]]
        if player == "discriminator":
            logits.append(update.real_outputs["logits"])
    optimizer = getattr(gan, f"{player}_optimizer")
    scale = optimizer.scale_loss(tf.constant(1.0))
    found = precision.gradients(tape, terms, [*sources, *logits], optimizer)
    by_weights, by_outputs = (
        [tf.cast(g, tf.float32) / scale for g in part if g is not None]
        for part in (found[: len(sources)], found[len(sources) :])
    )
    return by_weights, by_outputs


def _size(gradients: list[tf.Tensor]) -> tf.Tensor:
    return tf.add_n([tf.reduce_sum(tf.abs(g)) for g in gradients])


def _direction(gan: GAN) -> float | None:
    """1 if the discriminator's outputs are larger for real samples than for fake ones, −1 if
    smaller, as for energies; None if the objective doesn't tell."""
    objective = objectives.get(gan.objective)
    real, fake = tf.zeros([1]), tf.zeros([1])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(real)
        loss = objective.discriminator(real, fake)
    slope = tape.gradient(loss, real)
    if slope is None:
        return None
    return -tf.sign(tf.reduce_sum(slope))


def _one_each(logits: tf.Tensor) -> tf.Tensor:
    """One output for each sample: the mean of those of its patches."""
    return tf.reduce_mean(tf.reshape(logits, [tf.shape(logits)[0], -1]), 1)


def _distances(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    squares = tf.reduce_sum(x**2, 1)[:, None] + tf.reduce_sum(y**2, 1)[None, :]
    return tf.sqrt(tf.maximum(squares - 2 * tf.matmul(x, y, transpose_b=True), 0.0))


def _mean_pair(distances: tf.Tensor) -> tf.Tensor:
    count = tf.cast(tf.shape(distances)[0], distances.dtype)
    off = distances - tf.linalg.diag(tf.linalg.diag_part(distances))
    return tf.reduce_sum(off) / (count * (count - 1))


def _nearest_other(distances: tf.Tensor) -> tf.Tensor:
    far = tf.fill([tf.shape(distances)[0]], tf.constant(math.inf, distances.dtype))
    return tf.reduce_min(tf.linalg.set_diag(distances, far), 1)


def _missing(of_real: tf.Tensor, between: tf.Tensor) -> tf.Tensor:
    count = tf.shape(of_real)[0]
    taken = tf.math.bincount(
        tf.cast(tf.argmin(between, 1), tf.int32), minlength=count, maxlength=count
    )
    size = tf.minimum(tf.maximum(NEIGHBOURS, count // KINDS), count)
    kind = tf.math.top_k(-of_real, size).indices
    return _share(tf.reduce_sum(tf.gather(taken, kind), 1) == 0)


def _nth_nearest_other(distances: tf.Tensor, number: int) -> tf.Tensor:
    # The nearest of all is the sample itself.
    place = tf.minimum(number, tf.shape(distances)[0] - 1)
    own = tf.linalg.set_diag(distances, tf.zeros_like(tf.linalg.diag_part(distances)))
    return tf.sort(own, 1)[:, place]


def _median(x: tf.Tensor) -> tf.Tensor:
    return tf.sort(x)[tf.shape(x)[0] // 2]


def _share(which: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.cast(which, tf.float64))


def missing(value: Any) -> bool:
    """Whether a recorded number says that the signal could not be measured."""
    return value is None or math.isnan(float(value))
