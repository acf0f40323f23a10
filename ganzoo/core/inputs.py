"""The inputs of a generator, by name: noise, codes, labels, or a picture that the caller gives.

The mixins here are for games that share an input. They come before `GAN` among the bases.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import ClassVar

import keras
import tensorflow as tf

from ganzoo import data
from ganzoo.core.ingredients import Ingredients
from ganzoo.core.update import Update
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.foundation.randomness import Noise
from ganzoo.networks.layers import LeakyReLU


@dataclasses.dataclass(frozen=True)
class Input:
    """One named input of a generator.

    Attributes:
        to: the networks that are told it, "generator" or also "discriminator".
        drawn: whether `sample` draws it where the caller gives none.
        classes: how many values an integer input takes; None for other inputs.
    """

    to: Iterable[str] = ("generator",)
    drawn: ClassVar[bool] = True
    classes: int | None = dataclasses.field(default=None, init=False)

    @property
    def distribution(self) -> str:
        """How it is distributed, in words, for those who are handed an export."""
        raise NotImplementedError

    def make(self, noise: Noise, count: int | tf.Tensor, given: tf.Tensor | None) -> tf.Tensor:
        """`count` values, [count, ...]. `given` are the rows of the data's field of the same name,
        None where the data have no such field or there are no data."""
        raise NotImplementedError

    def encode(self, value: tf.Tensor) -> tf.Tensor:
        """The value as the networks see it, float32 [count, ...]."""
        return tf.convert_to_tensor(value)


@dataclasses.dataclass(frozen=True)
class Normal(Input):
    """Latents z ~ N(0, 1), float32 [count, width]."""

    width: int = 64

    @property
    def distribution(self) -> str:
        return "standard normal"

    def make(self, noise: Noise, count: int | tf.Tensor, given: tf.Tensor | None) -> tf.Tensor:
        return noise.normal([count, self.width])


@dataclasses.dataclass(frozen=True)
class Uniform(Input):
    """Codes c ~ U(−1, 1), float32 [count, width]."""

    width: int = 1

    @property
    def distribution(self) -> str:
        return "uniform in [-1, 1]"

    def make(self, noise: Noise, count: int | tf.Tensor, given: tf.Tensor | None) -> tf.Tensor:
        return noise.uniform([count, self.width], -1.0, 1.0)


@dataclasses.dataclass(frozen=True)
class Category(Input):
    """One of `classes` values with the same probability, int32 [count]. Networks see it one-hot."""

    classes: int = 10

    @property
    def distribution(self) -> str:
        return f"0..{self.classes - 1}"

    def make(self, noise: Noise, count: int | tf.Tensor, given: tf.Tensor | None) -> tf.Tensor:
        return noise.integers([count], self.classes)

    def encode(self, value: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(value, self.classes)


@dataclasses.dataclass(frozen=True)
class Label(Category):
    """The class y. Training uses the labels of the real batch, so that fakes have the data's class
    frequencies. Sampling draws all classes with the same probability."""

    def make(self, noise: Noise, count: int | tf.Tensor, given: tf.Tensor | None) -> tf.Tensor:
        return super().make(noise, count, given) if given is None else given


@dataclasses.dataclass(frozen=True)
class Setting(Input):
    """A number that has the same value for all samples unless the caller sets it, such as
    truncation: float32 [count]."""

    value: float = 1.0

    @property
    def distribution(self) -> str:
        return f"always {self.value:g}"

    def make(self, noise: Noise, count: int | tf.Tensor, given: tf.Tensor | None) -> tf.Tensor:
        return tf.fill([count], self.value)


@dataclasses.dataclass(frozen=True)
class Given(Input):
    """Samples that the caller gives and that the generator maps to others, such as the source
    picture of an image-to-image game: float32 [count, *shape] in network units."""

    shape: tuple[int, ...] = ()
    drawn: ClassVar[bool] = False

    @property
    def distribution(self) -> str:
        return "a sample in [-1, 1]"

    def make(self, noise: Noise, count: int | tf.Tensor, given: tf.Tensor | None) -> tf.Tensor:
        # Without data this is a stand-in, for tracing and for an export's certificate.
        return noise.uniform([count, *self.shape], -1.0, 1.0) if given is None else given


class Labelled(Ingredients):
    """A game on labelled data whose generator is told the class y. It has no unconditional form."""

    columns: Mapping[str, data.Column] = {
        "image": data.Column("sample"),
        "label": data.Column("label"),
    }
    label_to: tuple[str, ...] = ("generator", "discriminator")
    conditioning: str = Hyperparameter(
        str,
        "concatenation",
        "how D is told the class: beside the samples, by a projection (Miyato and Koyama 2018), or "
        "by a classifier on top of D (AC-GAN)",
        choices=("concatenation", "projection", "classifier"),
    )
    num_classes: int | None = Hyperparameter(
        int, None, "how many classes there are; None: as many as the data has",
        at_least=2, at_most=data.CLASSES, optional=True,
    )  # fmt: skip


class Codes(Ingredients):
    """A game with latents c of known meaning in addition to the noise: one category and uniform
    codes. A second head Q of the discriminator predicts them from the samples.

    Chen et al. 2016, arXiv:1606.03657.
    """

    judges_one = "Q reads back the codes of each sample"
    categories: int = Hyperparameter(
        int, 10, "values of the categorical code", at_least=2, at_most=data.CLASSES
    )
    codes: int = Hyperparameter(int, 2, "continuous codes, U(-1, 1)", at_least=1, at_most=65_536)

    def make_inputs(self) -> dict[str, Input]:
        return super().make_inputs() | {
            "category": Category(classes=self.categories),
            "code": Uniform(width=self.codes),
        }

    def make_heads(self) -> dict[str, list[keras.layers.Layer]]:
        q = [keras.layers.Dense(128), LeakyReLU()]  # one trunk of Q's own for all codes
        return super().make_heads() | {
            "category": [*q, keras.layers.Dense(self.categories)],
            "code": [*q, keras.layers.Dense(self.codes)],
        }

    def code_errors(self, update: Update) -> tuple[tf.Tensor, tf.Tensor]:
        """Q's errors: the cross entropy of the category in nats, a scalar, and the mean squared
        error of each continuous code, [codes]."""
        q, inputs = update.fake_outputs, update.inputs
        category = tf.nn.sparse_softmax_cross_entropy_with_logits(inputs["category"], q["category"])
        squares = tf.square(inputs["code"] - q["code"])
        return tf.reduce_mean(category), tf.reduce_mean(squares, axis=0)
