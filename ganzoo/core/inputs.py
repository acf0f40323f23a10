"""What a generator is told beside its noise: mixins for `GAN`, written before it in the bases."""

from __future__ import annotations

import keras
import tensorflow as tf

from ganzoo import data
from ganzoo.core.packing import pack
from ganzoo.foundation.hyperparameters import Hyperparameter
from ganzoo.networks.layers import LeakyReLU


class Labels:
    """Both players see the class y as a one-hot vector; fakes take the labels of the real batch.

    Mirza and Osindero 2014, arXiv:1411.1784, eq. 2.
    """

    conditional = True
    columns = {"image": data.Column("sample"), "label": data.Column("label")}
    num_classes = Hyperparameter(
        int, None, "how many classes there are; None: as many as the data has",
        at_least=2, at_most=data.CLASSES, optional=True,
    )  # fmt: skip

    @property
    def condition_width(self):
        return super().condition_width + self.fields["label"].num_classes * self.packing

    @property
    def latent_ranges(self):
        return super().latent_ranges | {"label": f"0..{self.fields['label'].num_classes - 1}"}

    def latent_classes(self, name):
        return self.fields["label"].num_classes if name == "label" else super().latent_classes(name)

    def latents(self, noise, count, labels=None):
        if labels is None:
            labels = noise.integers([count], self.fields["label"].num_classes)
        return super().latents(noise, count, labels) | {"label": labels}

    def generator_input(self, latents):
        one_hot = tf.one_hot(latents["label"], self.fields["label"].num_classes)
        return tf.concat([super().generator_input(latents), one_hot], axis=-1)

    def judge(self, samples, turn):
        one_hot = pack(tf.one_hot(turn.labels, self.fields["label"].num_classes), self.packing)
        return self.discriminator([samples, one_hot], training=turn.training)


class Codes:
    """Latents c of known meaning beside the noise: one category and some uniform codes, which a
    second head Q of the critic reads back from the samples.

    Chen et al. 2016, arXiv:1606.03657.
    """

    judges_one = "Q reads back the codes of each sample"
    categories = Hyperparameter(
        int, 10, "values of the categorical code", at_least=2, at_most=data.CLASSES
    )
    codes = Hyperparameter(int, 2, "continuous codes, U(-1, 1)", at_least=1, at_most=65_536)

    @property
    def latent_ranges(self):
        return super().latent_ranges | {
            "category": f"0..{self.categories - 1}",
            "code": "uniform in [-1, 1]",
        }

    def latent_classes(self, name):
        return self.categories if name == "category" else super().latent_classes(name)

    def latents(self, noise, count, labels=None):
        return super().latents(noise, count, labels) | {
            "category": noise.integers([count], self.categories),
            "code": noise.uniform([count, self.codes], -1.0, 1.0),
        }

    def generator_input(self, latents):
        one_hot = tf.one_hot(latents["category"], self.categories)
        return tf.concat([super().generator_input(latents), one_hot, latents["code"]], axis=-1)

    def make_heads(self):
        q = [keras.layers.Dense(128), LeakyReLU()]  # one trunk of Q's own for all codes
        return super().make_heads() | {
            "category": [*q, keras.layers.Dense(self.categories)],
            "code": [*q, keras.layers.Dense(self.codes)],
        }

    def code_errors(self, turn):
        """What Q misses: the cross entropy of the category in nats, and the mean squared error of
        each continuous code, [codes]."""
        q, latents = turn.fake_verdict, turn.latents
        category = tf.nn.sparse_softmax_cross_entropy_with_logits(
            latents["category"], q["category"]
        )
        squares = tf.square(latents["code"] - q["code"])
        return tf.reduce_mean(category), tf.reduce_mean(squares, axis=0)
