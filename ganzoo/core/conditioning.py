"""How the networks are told the class of a sample, by hyper-parameters that every game has."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf

from ganzoo import data
from ganzoo.core.ingredients import Ingredients
from ganzoo.core.update import Update


class Conditioning(Ingredients):
    """The part of a `GAN` that tells its networks the class y.

    `conditioning` says how D is told it:

    - "concatenation": D sees y beside the samples. Mirza and Osindero 2014, arXiv:1411.1784.
    - "projection": D's logit gains the product of its features and an embedding of y. Miyato and
      Koyama 2018, arXiv:1802.05637.
    - "classifier": D isn't told y, but has a second output that predicts it. Both players minimise
      its cross entropy. Odena et al. 2017, arXiv:1610.09585.

    G is told y beside the latents, or by its batch normalisation with
    `generator_normalization="conditional_batch"`.
    """

    class_logits: Callable[[tf.Tensor], tf.Tensor] | None = None
    """Samples in network units -> logits [batch, classes]; None if D is no classifier."""

    def __init__(self, **hyperparameters: Any):
        super().__init__(**hyperparameters)
        if self.conditioning != "classifier" and hyperparameters.get("class_weight", 1.0) != 1.0:
            raise ValueError(
                f"class_weight={self.class_weight} is the weight of a classifier, and "
                f"{self.registry_name} has none: add conditioning='classifier', or leave it out."
            )
        by_normalization = "conditional" in self.generator_normalization
        asked = (
            f"conditioning={self.conditioning!r}"
            if self.conditioning != "none"
            else f"generator_normalization={self.generator_normalization!r}"
        )
        if self.conditioning != "none" or by_normalization:
            if reason := self._no_labels():
                raise ValueError(
                    f"{asked} is not defined for {self.registry_name}, {reason}: leave it out, or "
                    "choose another GAN."
                )
            self.columns = {**self.columns, "label": data.Column("label")}
            told = self.conditioning in ("concatenation", "projection")
            self.label_to = ("generator", *["discriminator"] * told)
        if self.packing > 1 and self.conditioning in ("projection", "classifier"):
            raise ValueError(
                f"packing={self.packing} is not defined with {asked}, where D tells the class of "
                "each sample: leave packing out, or use conditioning='concatenation'."
            )
        if self._own_networks and (by_normalization or self._is_spectral):
            asked = "generator_normalization" if by_normalization else self._is_spectral[0]
            raise ValueError(
                f"{asked}={getattr(self, asked)!r} is a part of this library's networks, and "
                "networks of your own have their own layers: leave it out."
            )
        if self.conditioning == "classifier":
            self.class_logits = self._class_logits

    @property
    def _is_spectral(self) -> list[str]:
        keys = ("generator_normalization", "discriminator_normalization")
        return [key for key in keys if getattr(self, key).startswith("spectral")]

    def _no_labels(self) -> str | None:
        """The reason why this game can't be told classes; None if it can."""
        if self.latent_dim is None:
            return "whose generator maps samples to samples"
        if any(column.optional for column in self.columns.values()):
            return "whose labels may be missing"
        hooks = ("make_discriminator", "discriminate")
        own = next((c for c in type(self).__mro__ for hook in hooks if hook in vars(c)), None)
        if self.conditioning != "none" and own and not own.__module__.startswith("ganzoo.core."):
            return "whose discriminator has outputs of its own kind"
        return None

    def _check_told(self, architecture: ModuleType) -> None:
        """Raises a ValueError if an architecture has no conditional batch normalisation."""
        if "condition" not in inspect.signature(architecture.generator).parameters:
            name = architecture.__name__.split(".")[-1]
            raise ValueError(
                f"generator_normalization={self.generator_normalization!r}, but the generator of "
                f"architecture {name!r} has no batch normalisation: leave it out, or use "
                "architecture='dcgan'."
            )

    def _check_networks(self) -> None:
        """Raises a ValueError if a game made networks that aren't told the class."""
        untold = "discriminator" in self.label_to and len(self.discriminator.inputs) == 1
        if self.conditioning == "classifier":
            untold = "class" not in self.discriminator.output
        if untold:
            raise ValueError(
                f"conditioning={self.conditioning!r} is not defined for {self.registry_name} with "
                f"these settings, whose discriminator is made without labels: leave it out."
            )

    # -- the classifier ------------------------------------------------------------------------

    def class_heads(self) -> dict[str, list[keras.layers.Layer]]:
        """The classifier on top of D's features, by name; empty without one."""
        if self.conditioning != "classifier":
            return {}
        return {"class": [keras.layers.Dense(self.fields["label"].classes, name="class")]}

    def class_loss(self, update: Update, of: str) -> tf.Tensor:
        """The mean loss of the classifier on the "real" or the "fake" samples of an update: the
        cross entropy in nats."""
        labels = update.labels if of == "real" else update.inputs["label"]
        logits = (update.real_outputs if of == "real" else update.fake_outputs)["class"]
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))

    def class_terms(self, player: str, update: Update) -> dict[str, tf.Tensor]:
        """The classifier's terms of a player's loss, by name; empty without a classifier."""
        if self.conditioning != "classifier":
            return {}
        if player == "generator":
            return {"class": self.class_weight * self.class_loss(update, "fake")}
        return {
            f"class_of_{of}": self.class_weight * self.class_loss(update, of)
            for of in ("real", "fake")
        }

    def _class_logits(self, samples: tf.Tensor) -> tf.Tensor:
        return self.discriminator(samples, training=False)["class"]
