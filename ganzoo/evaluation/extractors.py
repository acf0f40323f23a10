"""Extractors turn samples into features, and have a hash that identifies them.

An extractor has a `name`, a `hash`, and `features(x)`: samples in the user's units [N, *shape] ->
float64 [N, width]. A classifier also has `probabilities(x)`: [N, classes].
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt
import scipy.special
import tensorflow as tf
from sklearn.decomposition import PCA

from ganzoo.data import Field
from ganzoo.evaluation.measured import TooFew
from ganzoo.foundation import files

WIDTH = 64  # of the features; wider ones need more samples than small data sets have
ROWS = 256


class Extractor(Protocol):
    """The interface of an object that `evaluate(extractor=…)` accepts."""

    name: str
    hash: str

    def features(self, x: npt.ArrayLike) -> np.ndarray: ...


def digest(*parts: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of arrays and words."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            sha.update(f"{part.dtype.str}{part.shape}".encode())
            sha.update(np.ascontiguousarray(part).data)
        else:
            sha.update(repr(part).encode())
    return sha.hexdigest()[:16]


class Pixels:
    """The values of the samples themselves: pixels in [0, 1], or standardised vectors.

    Samples with more than `width` values are reduced to their first `width` principal components.

    Args:
        spec: `ganzoo.data.Field` of the samples.
        x: real samples [N, *shape], from which the components are computed.
        width: the largest width of the features; None keeps all values.
    """

    def __init__(self, spec: Field, x: npt.ArrayLike, width: int | None = WIDTH):
        self.spec, self._components = spec, None
        x = np.asarray(x)
        what = "pixels" if spec.is_image else "features"
        size = math.prod(spec.shape)
        if width is None or size <= width:
            self.name = f"{size} {what}"
            self.hash = digest(spec.offset, spec.scale)
            return
        if len(x) < width:
            raise TooFew(
                f"{len(x)} samples are too few for {width} principal components: pass more."
            )
        with np.errstate(invalid="ignore"):  # of samples that are all equal
            self._components = PCA(width, svd_solver="full").fit(self._flat(x))
        self.name = f"{width} principal components of {what}"
        self.hash = digest(np.round(self._components.components_, 6), spec.offset, spec.scale)

    def _flat(self, x: npt.ArrayLike) -> np.ndarray:
        x = np.asarray(x)
        x = np.asarray(self.spec.encode(x), np.float64).reshape(len(x), -1)
        return (x + 1) / 2 if self.spec.is_image else x

    def features(self, x: npt.ArrayLike) -> np.ndarray:
        flat = self._flat(x)
        return flat if self._components is None else self._components.transform(flat)


class KerasFeatures:
    """The outputs of a Keras model, flattened.

    The model is called in inference mode with samples in the user's units, as float32.
    """

    def __init__(self, model: keras.Model, name: str | None = None):
        self.model, self.name = model, name or model.name
        self.hash = digest(*map(np.asarray, model.get_weights()))

    def features(self, x: npt.ArrayLike) -> np.ndarray:
        x = np.asarray(x)
        chunks = [
            self.model(tf.cast(x[start : start + ROWS], tf.float32), training=False).numpy()
            for start in range(0, len(x), ROWS)
        ]
        return np.concatenate(chunks).reshape(len(x), -1).astype(np.float64)


class Inception(KerasFeatures):
    """InceptionV3's 2048 pooled features, with Keras's ImageNet weights.

    Szegedy et al. 2015, arXiv:1512.00567. Images are resized to 299×299, bilinear with
    antialiasing; grey ones get three equal channels. These are not the weights of the papers'
    FID: distances are comparable with each other, not with published ones.

    Raises:
        ValueError: the samples are not images of one or three channels, or the weights are not
            cached and cannot be downloaded.
    """

    def __init__(self, spec: Field, weights: str | None = "imagenet"):
        if not spec.is_image or spec.shape[-1] not in (1, 3):
            raise ValueError(
                f"InceptionV3 takes images of one or three channels, but the samples have shape "
                f"{spec.shape}: use another extractor."
            )
        try:
            model = keras.applications.InceptionV3(
                include_top=False, weights=weights, input_shape=(299, 299, 3), pooling="avg"
            )
        except Exception as error:  # Keras raises a bare Exception where a download fails
            raise ValueError(
                "the weights of InceptionV3 are not cached and cannot be downloaded "
                f"({type(error).__name__}): connect to the network once, or use another extractor."
            ) from error
        super().__init__(model, "inception_v3 of keras, bilinear")
        self.spec = spec

    def features(self, x: npt.ArrayLike) -> np.ndarray:
        x = np.asarray(x)
        chunks = []
        for start in range(0, len(x), ROWS // 8):
            images = self.spec.encode(x[start : start + ROWS // 8])
            images = tf.repeat(images, 3 // self.spec.shape[-1], axis=-1)
            images = tf.clip_by_value(tf.image.resize(images, (299, 299), antialias=True), -1, 1)
            chunks.append(self.model(images, training=False).numpy())
        return np.concatenate(chunks).astype(np.float64)


class Judge:
    """A small convolutional classifier of labelled images, trained on the data at hand.

    `Judge.of` trains a judge or loads it from the cache; equal data give equal judges. Its features
    are the 64 units below its logits. A judge of digits labels noise as a digit too, so look at the
    samples as well. The judge was trained on the real samples and fits them a little better than
    equally good new ones, so the ratio of a perfect generator may be above 1.

    Attributes:
        name, hash: of its weights, for the record.
        accuracy: the accuracy on held-out images, a seventh of the data.
        frequencies: the frequencies of the classes in the data, [classes].
    """

    VERSION = 1  # of the training; a change must not load weights that were cached before
    STEPS, BATCH, RATE, SHIFT = 1500, 64, 2e-3, 1 / 12

    def __init__(
        self, spec: Field, weights: list[np.ndarray], accuracy: float, frequencies: npt.ArrayLike
    ):
        self.spec, self.accuracy = spec, float(accuracy)
        self.frequencies = np.asarray(frequencies, np.float64)
        self._network = without_strategy(classifier, spec, len(self.frequencies))
        self._network.set_weights(weights)
        self.hash = digest(*(np.asarray(w) for w in weights))
        self.name = f"judge of {self.accuracy:.2%}"

    @classmethod
    def of(cls, spec: Field, x: npt.ArrayLike, y: npt.ArrayLike, seed: int = 0) -> Judge:
        """The judge of images x [N, height, width, channels] with integer labels y [N].

        Another `seed` gives a judge with other first weights, batches and held-out images: choose
        settings with one judge and report with another.

        Training takes at most half a minute on two cores. The weights are cached in the folder that
        the environment variable GANZOO_CACHE names, otherwise in the user's cache folder.

        Raises:
            TooFew: there are fewer than two classes, or fewer than 30 images for each.
            ValueError: the samples are not images.
        """
        x, y = np.asarray(x), np.asarray(y).reshape(-1).astype(np.int64)
        if not spec.is_image:
            raise ValueError(f"samples have shape {spec.shape}, but a judge needs labelled images.")
        classes = int(y.max(initial=-1)) + 1
        if classes < 2 or len(x) < 30 * classes:
            raise TooFew(
                f"{len(x)} images of {classes} classes are too few: a judge needs at least two "
                "classes and 30 images for each."
            )
        counts = np.bincount(y)
        versions = (cls.VERSION, tf.__version__, keras.__version__)
        key = digest("judge", versions, x, y, spec.offset, spec.scale, *[seed] * bool(seed))
        path = files.cache() / "judges" / f"{key}.npz"
        kept = _read(path)
        if kept is None:
            kept = without_strategy(cls._train, spec, x, y, seed)
            _write(path, kept)
        weights = [kept[f"weight_{i}"] for i in range(len(kept) - 1)]
        return cls(spec, weights, float(kept["accuracy"]), counts / counts.sum())

    def features(self, x: npt.ArrayLike) -> np.ndarray:
        return self._run(x)[0]

    def probabilities(self, x: npt.ArrayLike) -> np.ndarray:
        """Class probabilities, float64 [N, classes]."""
        return scipy.special.softmax(self._run(x)[1], axis=1)

    def labels(self, x: npt.ArrayLike) -> np.ndarray:
        """The most likely class of each sample, int64 [N]."""
        return self._run(x)[1].argmax(1)

    def _run(self, x: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        x = np.asarray(x)
        chunks = [
            self._network(self.spec.encode(x[start : start + ROWS]), training=False)
            for start in range(0, len(x), ROWS)
        ]
        features, logits = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
        return features.astype(np.float64), logits.astype(np.float64)

    @classmethod
    def _train(cls, spec: Field, x: np.ndarray, y: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed)
        held_out, train = np.split(rng.permutation(len(x)), [len(x) // 7])
        images, reach = spec.encode(x).numpy(), [round(cls.SHIFT * n) for n in spec.shape[:2]]
        padded = np.pad(images, [(0, 0), *((r, r) for r in reach), (0, 0)], mode="edge")
        height, width = spec.shape[:2]

        def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for _ in range(cls.STEPS):
                chosen = rng.choice(train, cls.BATCH)
                top, left = (rng.integers(0, 2 * r + 1) for r in reach)  # one shift for the batch
                yield padded[chosen, top : top + height, left : left + width], y[chosen]

        network = classifier(spec, int(y.max()) + 1, 4 * seed)  # which uses four seeds
        train_classifier(network, batches(), cls.STEPS, cls.RATE)
        judge = cls(spec, network.get_weights(), 0.0, np.ones(int(y.max()) + 1))
        accuracy = np.mean(judge.labels(x[held_out]) == y[held_out])
        weights = {f"weight_{i}": w for i, w in enumerate(network.get_weights())}
        return weights | {"accuracy": np.float64(accuracy)}


def classifier(spec: Field, classes: int, seed: int = 0) -> keras.Model:
    """A small convolutional network, untrained: images in [-1, 1] -> [features, logits]; large
    images are averaged down to 32 pixels. First weights are drawn from `seed` … `seed` + 3."""
    seeds = iter(range(seed, seed + 4))

    def layer(kind: Callable[..., Any], *sizes: int, **options: Any) -> Any:
        initializer = keras.initializers.HeNormal(next(seeds))
        # float32, so that the measurement does not depend on the user's dtype policy
        return kind(*sizes, kernel_initializer=initializer, dtype="float32", **options)

    conv = {"padding": "same", "activation": "relu"}
    inputs = x = keras.Input(spec.shape, dtype="float32")
    if (factor := math.ceil(max(spec.shape[:2]) / 32)) > 1:
        x = keras.layers.AveragePooling2D(factor, padding="same", dtype="float32")(x)
    for channels in (32, 64):
        x = layer(keras.layers.Conv2D, channels, 3, **conv)(x)
        x = keras.layers.MaxPooling2D(2, padding="same", dtype="float32")(x)
    x = keras.layers.Flatten(dtype="float32")(x)
    features = layer(keras.layers.Dense, WIDTH, activation="relu")(x)
    logits = layer(keras.layers.Dense, classes)(features)
    return keras.Model(inputs, [features, logits], name="judge")


def train_classifier(
    network: keras.Model, batches: Iterable[tuple[Any, Any]], steps: int, rate: float
) -> None:
    """Trains a `classifier` on batches of (images in [-1, 1], labels): cross entropy, Adam, a rate
    that falls to 0 over `steps` by a cosine."""
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps))
    variables = network.trainable_variables
    optimizer.build(variables)

    @tf.function(autograph=False)
    def step(images: tf.Tensor, labels: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits = network(images, training=True)[1]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)

    for images, labels in batches:
        step(images, labels)


def without_strategy(make: Callable[..., Any], *arguments: Any) -> Any:
    """The result of `make`, called in a new thread.

    A new thread has no tf.distribute strategy, under which Keras would mirror the variables.
    """
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(make, *arguments).result()


def _read(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of an archive, or None if it does not exist or is damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except Exception:  # zipfile and NumPy raise many kinds; the archive is then made again
        return None


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes an archive atomically; a cache that cannot be written is ignored."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        number, draft = tempfile.mkstemp(dir=path.parent, suffix=".npz")
        try:
            with os.fdopen(number, "wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
            os.replace(draft, path)
        finally:
            Path(draft).unlink(missing_ok=True)
