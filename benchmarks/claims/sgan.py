"""MNIST digits of which 100 have a label: accuracy on others, beside that of the same classifier
trained on the 100 alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from arrays import arrays

import ganzoo


def claim(seed: int, steps: int = 800) -> Iterator[dict[str, object]]:
    x, y = arrays("mnist5k")
    order = np.random.default_rng(seed).permutation(len(x))
    train, test = order[:4000], order[4000:]
    labelled = np.concatenate([train[y[train] == k][:10] for k in range(10)])
    few = np.full(len(train), -1)
    few[np.isin(train, labelled)] = y[train][np.isin(train, labelled)]
    # Half of each batch has a label.
    rows = np.concatenate([np.arange(4000), np.repeat(np.flatnonzero(few >= 0), 40)])
    gan = ganzoo.get("sgan", seed=seed)
    gan.fit(x[train][rows], few[rows], steps_per_epoch=steps, verbose=0)
    accuracy = np.mean(gan.classify(x[test]) == y[test])

    alone = ganzoo.get("sgan", seed=seed)
    alone.build_for(gan.fields)
    classifier = keras.Model(alone.discriminator.input, alone.discriminator.output["class"])
    classifier.compile(
        keras.optimizers.Adam(1e-3, 0.5),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    encode = alone.spec.encode
    data = tf.data.Dataset.from_tensor_slices((encode(x[labelled]), y[labelled]))
    data = data.shuffle(100, seed=seed).repeat().batch(64)
    classifier.fit(data, steps_per_epoch=steps, verbose=0)
    _, supervised = classifier.evaluate(encode(x[test]), y[test], verbose=0)
    yield {
        "measure": "accuracy on 1,000 others with 100 labels and 3,900 digits without",
        "value": float(accuracy),
        "bar": "> beside",
        "beside": "accuracy of the same classifier with the 100 labels alone",
        "value_beside": float(supervised),
        "steps": steps,
    }
