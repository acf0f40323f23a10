"""ADA: augmentations whose probability follows how much the discriminator overfits."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from ganzoo.augmentation.augmentation import Augmentation
from ganzoo.augmentation.warps import affine
from ganzoo.foundation import schedules
from ganzoo.foundation.randomness import Noise
from ganzoo.foundation.replicas import mean_over_replicas
from ganzoo.losses import objectives

EVERY = 4  # updates of D between two changes of p
SMALL_TURN = math.pi / 18  # 10 degrees


@keras.saving.register_keras_serializable("ganzoo")
class ADA(Augmentation):
    """Training Generative Adversarial Networks with Limited Data.

    Karras, Aittala, Hellsten, Laine, Lehtinen, Aila 2020, arXiv:2006.06676, sections 2 and 3:
    each transform is applied with the probability p. p grows while D tells the training data too
    surely from fakes, and falls otherwise:

        r = E sign(D(x) − c),   p ← clip(p + sign(r − target)·images shown / images, 0, 1)

    The transforms are the paper's pixel blits, geometric and colour transforms: translation,
    scaling, rotation, brightness, contrast, and for images of three channels also luma flip, hue
    and saturation. p changes after every fourth update of D. It is a part of the saved state, and
    the logs show it as `augment_probability`. All replicas share it.

        ganzoo.get("dcgan", augment="ada")
        ganzoo.get("dcgan", augment=ganzoo.augmentation.ADA(images=500_000))

    Deviations: `images` is 20,000 for short runs; the paper has 500,000. c is the logit that
    the objective gives to samples of which real and fake ones are equally likely: 0 for the paper's
    loss, ½ for LSGAN. Pixels are interpolated bilinearly and not by wavelets. p is at most 1.
    Images that are not of three channels are rotated by up to 10° only and not mirrored, because
    mirrored or turned letters and digits are others.

    Args:
        target: the r that is aimed for, in [−1, 1].
        images: number of images that D is shown while p goes from 0 to 1.
        turns: whether images are also mirrored, and turned by any angle. None: if they have three
            channels.
        probability: a number in [0, 1] or a schedule of the step. p then has this value and is not
            adapted.

    Raises:
        ValueError: a number is out of range, or the GAN's objective gives the sign of D's logits no
            meaning (such as `wgan`) and `probability` is None.
    """

    name = "ada"

    def __init__(
        self,
        target: float = 0.6,
        images: int = 20_000,
        turns: bool | None = None,
        probability: float | LearningRateSchedule | None = None,
    ):
        _check_number("target", target, -1, 1)
        _check_number("images", images, 1, 10**12)
        if not (turns is None or isinstance(turns, bool)):
            raise ValueError(f"turns={turns!r:.80} must be True, False or None.")
        if isinstance(probability, LearningRateSchedule):
            schedules.check(probability)
        elif probability is not None:
            _check_number("probability", probability, 0, 1)
        self.target, self.images, self.turns = target, images, turns
        self.probability = probability

    def check(self, gan: keras.Model) -> None:
        self.neutral: float | None = 0.0
        if self.probability is None:  # a game with losses of its own has no objective
            objective = gan.objective and objectives.get(gan.objective)
            self.neutral = neutral(objective) if objective else None
        if self.neutral is None:
            raise ValueError(
                f"augment='ada' reads from the sign of D's logits how much D overfits, and the "
                f"objective of {gan.registry_name} gives the sign no meaning: use 'diffaugment', "
                "or ganzoo.augmentation.ADA(probability=0.3)."
            )

    def build(self, gan: keras.Model) -> None:
        super().build(gan)
        self._gan = gan
        if self.probability is None:
            # p, the sum of the signs and the number of updates since the last change of p
            self.state = gan.add_weight(
                shape=(3,), initializer="zeros", trainable=False, name="ada",
                aggregation="only_first_replica",
            )  # fmt: skip

    @property
    def p(self) -> tf.Tensor:
        """The present probability, a float32 scalar."""
        if self.probability is None:
            return self.state.value[0]
        value = schedules.value_at(self.probability, self._gan.log.iterations)
        return tf.clip_by_value(tf.cast(value, tf.float32), 0.0, 1.0)

    def __call__(self, samples: tf.Tensor, noise: Noise) -> tf.Tensor:
        coloured = samples.shape[-1] == 3
        draws = Draws(noise, tf.shape(samples)[0], self.p)
        turns = coloured if self.turns is None else self.turns
        samples = affine(samples, geometry(draws, samples.shape[1:3], turns))
        return recoloured(draws, samples) if coloured else brightened(draws, samples)

    def after(self, update: Any) -> dict[str, tf.Tensor]:
        if self.probability is None:
            self._adapt(update)
        return {"augment_probability": self.p}

    def _adapt(self, update: Any) -> None:
        signs = tf.reduce_mean(tf.sign(update.real_outputs["logits"] - self.neutral))
        signs = mean_over_replicas(signs)
        replica = tf.distribute.get_replica_context()
        replicas = replica.num_replicas_in_sync if replica else 1
        p, total, updates = tf.unstack(self.state.value)
        total, updates = total + signs, updates + 1.0
        due = tf.cast(updates >= EVERY, tf.float32)
        shown = tf.cast(update.count * replicas, tf.float32) * updates
        p += due * tf.sign(total / updates - self.target) * shown / self.images
        kept = 1.0 - due
        self.state.assign(tf.stack([tf.clip_by_value(p, 0.0, 1.0), kept * total, kept * updates]))

    def get_config(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "images": self.images,
            "turns": self.turns,
            "probability": self.probability,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ADA:
        given = config.get("probability")
        if isinstance(given, dict):
            config = config | {"probability": keras.saving.deserialize_keras_object(given)}
        return cls(**config)


def neutral(objective: objectives.Objective) -> float | None:
    """Returns the logit c at which D's loss is least if real and fake samples have the same logit.
    None if there is no such c, as for losses that depend only on differences of logits."""
    grid = np.linspace(-4.0, 4.0, 513, dtype="float32")
    losses = np.array([float(objective.discriminator(c, c)) for c in tf.constant(grid[:, None])])
    best = grid[losses <= losses.min() + 1e-5]
    return float(best.mean()) if grid[0] < best[0] and best[-1] < grid[-1] else None


class Draws:
    """Random parameters of transforms, each applied with the probability p.

    Args:
        noise: gives the random draws.
        count: number of samples.
        p: the probability, a float32 scalar.
    """

    def __init__(self, noise: Noise, count: Any, p: tf.Tensor):
        self.noise, self.count, self.p = noise, count, p

    def uniform(self, low: float, high: float) -> tf.Tensor:
        """Draws from U(low, high), [count]."""
        return self.noise.uniform([self.count], low, high)

    def normal(self, deviation: float) -> tf.Tensor:
        """Draws from N(0, deviation²), [count]."""
        return deviation * self.noise.normal([self.count])

    def sign(self) -> tf.Tensor:
        """Draws −1 or 1, [count]."""
        return tf.where(self.uniform(-1.0, 1.0) < 0.0, -1.0, 1.0)

    def maybe(self, value: tf.Tensor, identity: float, p: tf.Tensor | None = None) -> tf.Tensor:
        """Returns `value` with the probability p, otherwise `identity`."""
        return tf.where(self.uniform(0.0, 1.0) < (self.p if p is None else p), value, identity)


def geometry(draws: Draws, sides: tuple[int, int], turns: bool) -> tf.Tensor:
    """Draws pixel blits and geometric transforms: [count, 3, 3], see `warps.affine`."""
    height, width = sides
    matrices = []
    if turns:
        mirrored = draws.maybe(draws.sign(), 1.0)
        matrices.append(_matrix(mirrored, 1.0))
        quarters = draws.maybe(tf.floor(draws.uniform(0.0, 4.0)), 0.0)
        matrices.append(_rotation(quarters * (math.pi / 2)))
    by = [draws.uniform(-0.125, 0.125) * side for side in (width, height)]
    whole = draws.maybe(tf.constant(1.0), 0.0)
    matrices.append(_matrix(1.0, 1.0, *(whole * tf.round(d) for d in by)))
    scale = draws.maybe(2.0 ** draws.normal(0.2), 1.0)
    matrices.append(_matrix(scale, scale))
    most = math.pi if turns else SMALL_TURN
    # Two rotations, so that either is applied with the probability p.
    each = 1.0 - tf.sqrt(1.0 - draws.p)
    first, second = (draws.maybe(draws.uniform(-most, most), 0.0, each) for _ in range(2))
    stretch = draws.maybe(2.0 ** draws.normal(0.2), 1.0)
    matrices += [_rotation(first), _matrix(stretch, 1.0 / stretch), _rotation(second)]
    by = [draws.normal(0.125) * side for side in (width, height)]
    moved = draws.maybe(tf.constant(1.0), 0.0)
    matrices.append(_matrix(1.0, 1.0, *(moved * d for d in by)))
    product = matrices[0]
    for matrix in matrices[1:]:
        product = product @ matrix
    return product


def brightened(draws: Draws, images: tf.Tensor) -> tf.Tensor:
    """Brightness and contrast: c·(x + b)."""
    brightness, contrast = _tone(draws)
    return (images + _per_sample(brightness)) * _per_sample(contrast)


def recoloured(draws: Draws, images: tf.Tensor) -> tf.Tensor:
    """Brightness, contrast, luma flip, hue and saturation: M·(x + b) for each pixel x.

    With the luma axis v = (1, 1, 1)/√3, M multiplies by ±c along v, and perpendicular to v it
    rotates by θ and multiplies by c·s.
    """
    brightness, contrast = _tone(draws)
    flip = draws.maybe(draws.sign(), 1.0)
    hue = draws.maybe(draws.uniform(-math.pi, math.pi), 0.0)
    saturation = draws.maybe(2.0 ** draws.normal(1.0), 1.0)
    third = 1.0 / math.sqrt(3.0)
    cross = third * tf.constant([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    straight, round_ = saturation * tf.cos(hue), saturation * tf.sin(hue)
    matrix = tf.eye(3) * straight[:, None, None]
    matrix += tf.ones([3, 3]) / 3.0 * (flip - straight)[:, None, None]
    matrix += cross * round_[:, None, None]
    matrix *= contrast[:, None, None]
    return tf.einsum("bij,bhwj->bhwi", matrix, images + _per_sample(brightness))


def _tone(draws: Draws) -> tuple[tf.Tensor, tf.Tensor]:
    brightness = draws.maybe(draws.normal(0.2), 0.0)
    return brightness, draws.maybe(2.0 ** draws.normal(0.5), 1.0)


def _per_sample(values: tf.Tensor) -> tf.Tensor:
    return values[:, None, None, None]


def _matrix(a: Any, d: Any, x: Any = 0.0, y: Any = 0.0, b: Any = 0.0, c: Any = 0.0) -> tf.Tensor:
    """Returns [[a, b, x], [c, d, y], [0, 0, 1]] for each sample."""
    like = next(value for value in (a, x) if tf.is_tensor(value))
    entries = [a, b, x, c, d, y, 0.0, 0.0, 1.0]
    rows = tf.stack([tf.broadcast_to(entry, tf.shape(like)) for entry in entries], axis=-1)
    return tf.reshape(rows, [-1, 3, 3])


def _rotation(angle: tf.Tensor) -> tf.Tensor:
    cos, sin = tf.cos(angle), tf.sin(angle)
    return _matrix(cos, cos, b=-sin, c=sin)


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name}={value!r:.80} must be a number from {low} to {high}.")
