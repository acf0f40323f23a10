"""Searches for a learning rate: `pip install keras-tuner`, then run this file."""

import tempfile

import keras_tuner
import numpy as np

import ganzoo

images = np.stack([row["image"] for row in ganzoo.data.load("digits").as_numpy_iterator()])


def build(choice: keras_tuner.HyperParameters) -> ganzoo.core.gan.GAN:
    rate = choice.Float("generator_learning_rate", 1e-4, 1e-2, sampling="log")
    return ganzoo.get("lsgan", width=16, generator_learning_rate=rate)


tuner = keras_tuner.RandomSearch(
    build,
    keras_tuner.Objective("val_generator", "min"),
    max_trials=2,
    directory=tempfile.mkdtemp(),
)
tuner.search(images[:1500], validation_data=images[1500:], epochs=1, verbose=0)
best = tuner.get_best_hyperparameters()[0]["generator_learning_rate"]
