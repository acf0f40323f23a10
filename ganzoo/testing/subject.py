"""What the checks share: a GAN class, small data that suit it, and a trained model."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo import data
from ganzoo.core.gan import GAN

BATCH = 8


class Subject:
    """A GAN class to check, with data and a trained model that its checks share.

    Args:
        cls: a GAN class. Its `columns` state which data it needs, and its `checked_shapes` which
            shapes of samples it must train on.
        hyperparameters: for every model, in addition to those of small networks.
    """

    def __init__(self, cls: type[GAN], **hyperparameters: Any):
        self.cls = cls
        self.samples = [name for name, column in cls.columns.items() if column.kind == "sample"]
        self.is_series = any(column.is_series for column in cls.columns.values())
        self.is_table = "table" in cls.columns
        small = {"width": 8, "latent_dim": 6, "blocks": 1}
        if self.is_table:
            small["packing"] = 2
        known = cls.hyperparameters()
        self.hyperparameters = {k: v for k, v in small.items() if k in known} | hyperparameters

    def make(self, **hyperparameters: Any) -> GAN:
        """Returns a new compiled GAN."""
        gan = self.cls(**self.hyperparameters | hyperparameters)
        gan.compile()
        return gan

    def rows(self, x: np.ndarray, y: np.ndarray) -> Any:
        """Returns samples and their classes as the GAN takes them. A second kind of samples is the
        first one turned upside down or, if they have no pairs, its negative. If labels may be
        missing, half of them are."""
        if len(self.samples) > 1:
            white = np.array(255 if x.dtype == np.uint8 else 1, x.dtype)
            paired = self.cls.columns[self.samples[1]].paired
            return dict(
                zip(self.samples, (x, x[:, ::-1].copy() if paired else white - x), strict=True)
            )
        column = self.cls.columns.get("label")
        if column is not None and column.optional:
            y = np.where(np.arange(len(y)) % 2, y, -1)
        return x, y

    @cached_property
    def images(self) -> np.ndarray:
        """400 digits, uint8 [400, 8, 8, 1], or [400, 16, 16, 1] for two kinds of samples. For a
        GAN on series they are series, float32 [400, 16, 1]."""
        if self.is_series:
            return data.series.sines(np.arange(400))[0][:, :16]
        images = self._digits["image"].numpy()
        return np.pad(images, [(0, 0), (4, 4), (4, 4), (0, 0)]) if self.samples[1:] else images

    @cached_property
    def of_known_moments(self) -> np.ndarray:
        """2,000 rows of a Gaussian of two features, or for a GAN on series, series of an
        autoregressive process."""
        if self.is_series:
            return data.series.ar(np.arange(2000))[0][:, :16]
        return data.toys.gaussian().sample(2000, seed=0)[0]

    @cached_property
    def _digits(self) -> dict[str, tf.Tensor]:
        digits: Any = data.load("digits")
        return next(iter(digits.batch(400)))

    @cached_property
    def digits(self) -> Any:
        """The images with their classes, as the GAN takes them, or a table of 400 rows."""
        if self.is_table:
            return data.toys.customers(400)
        return self.rows(self.images, self._digits["label"].numpy())

    @cached_property
    def trained(self) -> GAN:
        """A GAN after two epochs of three steps on digits. Checks must not train it further. Its
        weights before, by path, are in `untrained`."""
        gan = self.make()
        gan.build_from(self.digits, batch_size=BATCH)
        self.untrained = {v.path: v.numpy() for v in gan.trainable_variables}
        return self.fit(gan, 3, epochs=2)

    @cached_property
    def trained_again(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The weights of a GAN of the same seed after six and after eight steps, of one epoch."""
        gan, found = self.make(), []

        def keep(step: int, logs: Any) -> None:
            if step in (5, 7):
                found.append(weights(gan))

        self.fit(gan, 8, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=keep)])
        six, eight = found
        return six, eight

    def fit(self, gan: GAN, steps: int, **options: Any) -> GAN:
        """Trains `gan` with epochs of `steps` steps on digits and returns it."""
        gan.fit(self.digits, batch_size=BATCH, steps_per_epoch=steps, verbose=0, **options)
        return gan

    def sample(self, gan: GAN, count: int, seed: int, **options: Any) -> np.ndarray:
        """Draws samples as an array. A generator that maps images gets the first `count` of
        them."""
        given = gan.given(dict.fromkeys(self.samples, self.images[:count]))
        if self.is_table:
            options["balance"] = False  # as an export draws
        return gan.spec.as_array(gan.sample(count, seed, **given, **options))


def weights(gan: GAN, optimizers: bool = True) -> dict[str, np.ndarray]:
    """The variables of networks, state and both optimizers, by position and name."""
    variables = [v for v in gan.weights if "seed_generator" not in v.path]
    if optimizers:
        variables += gan.generator_optimizer.variables + gan.discriminator_optimizer.variables
    # Numbers are removed, because Keras counts the layers of all models of the process.
    return {f"{i} {re.sub(r'_[0-9]+', '', v.name)}": v.numpy() for i, v in enumerate(variables)}
