"""Usefulness: do samples of a GAN help a classifier that has only a few labelled images?

    found = usefulness.augmentation("cgan", images, labels, per_class=(10, 50))

Frid-Adar et al. 2018, arXiv:1803.01229, ask this question. For each n and each seed, n images per
class are drawn from one half of the data. A GAN is trained on these images alone, and then one
small classifier per arm. The classifiers have the same first weights, number of steps and batch
size, and are tested on the other half of the data, which is never used for training:

    real                  the n images per class
    real+gan              half of each batch are samples of the GAN, drawn by class
    real+classical        random shifts, rotations and zooms of the n images
    real+classical+gan    real+gan with the same random changes of both halves

No arm sees any other image, so a gain cannot come from more data.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from rich.console import Console
from scipy import stats

import ganzoo
from ganzoo import data
from ganzoo.evaluation import Measured, extractors
from ganzoo.foundation import files

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

__all__ = [
    "ARMS",
    "PER_CLASS",
    "SEEDS",
    "STEPS",
    "Arm",
    "augmentation",
    "check",
    "check_csv",
    "save_csv",
    "student",
]

ARMS = ("real", "real+gan", "real+classical", "real+classical+gan")
PER_CLASS = (10, 20, 50)
SEEDS = range(5)
STEPS = 1600  # updates of the GAN's generator, as in `ganzoo train`
SAMPLES = 10_000  # per GAN; a classifier sees each about twice
CLASSIFIER_STEPS, BATCH, RATE = 600, 64, 2e-3
ROWS = 256
Labelled = tuple[np.ndarray, np.ndarray]
COLUMNS = (
    "data", "name", "hyperparameters", "steps", "seeds", "per_class", "arm", "accuracy",
    "accuracy_low", "accuracy_high", "difference", "difference_low", "difference_high",
    "accuracies", "tested", "seconds", "versions", "machine", "command",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Arm:
    """The accuracy of one arm's classifiers with n real images per class.

    Attributes:
        per_class: n.
        name: one of `ARMS`.
        tested: the number of test images.
        accuracies: the share of test images that is classified correctly, one for each seed.
        accuracy: the mean of `accuracies`, with Student's 95% interval over the seeds. It covers
            the choice of the n images, the GANs and the classifiers, but not the choice of the test
            images, which are the same for all seeds.
        difference: the mean over seeds of the accuracy minus that of "real" with the same seed,
            with an interval of the same kind; None for "real". The intervals are not corrected for
            multiple comparisons: without any true difference, one in 20 is expected to exclude 0.
    """

    per_class: int
    name: str
    tested: int
    accuracies: tuple[float, ...]
    accuracy: Measured
    difference: Measured | None

    def to_json(self) -> dict[str, Any]:
        """All attributes by name; each Measured becomes a dict of its own attributes."""
        difference = None if self.difference is None else self.difference.to_json()
        numbers = {"accuracy": self.accuracy.to_json(), "difference": difference}
        return dataclasses.asdict(self) | numbers


def augmentation(
    name: str,
    x: Any,
    y: Any = None,
    *,
    per_class: Sequence[int] = PER_CLASS,
    seeds: Sequence[int] = SEEDS,
    steps: int = STEPS,
    value_range: tuple[float, float] | None = None,
    console: Console | None = None,
    **hyperparameters: Any,
) -> list[Arm]:
    """Measures how much samples of the GAN `name` improve a classifier of n images per class.

    Each class is split into two halves by the hashes of its images, so their order does not change
    the split, and duplicates count once. A seed decides which n images are drawn (a larger n keeps
    the images of a smaller one), and seeds the GAN, the first weights of the classifiers and their
    batches. The classifier is the network of `ganzoo.evaluation.Judge`, trained for 600 steps of 64
    images.

    Args:
        x, y: labelled images, as in `gan.fit`. All are read into memory.
        per_class: the values of n. The batch size of a GAN is 64, or the number of its images if
            that is smaller.
        seeds: at least two seeds.
        steps: the number of generator updates of each GAN.
        value_range: (low, high) of numbers that are neither bytes nor in [-1, 1].
        console: where to print a line for each GAN; None prints nothing.
        hyperparameters: as in `ganzoo.get`, without the seed.

    Returns:
        For each n, an `Arm` for each name in `ARMS`.

    Raises:
        ValueError: the GAN takes no labels, or the arguments do not fit the data. It is raised
            before anything is trained.
        callbacks.Diverged: a loss of a GAN became NaN or infinite.
    """
    gan = check(name, per_class=per_class, seeds=seeds, steps=steps, **hyperparameters)
    per_class, seeds = np.ravel(per_class).tolist(), np.ravel(seeds).tolist()
    fields, images, labels = _read(gan, x, y, value_range)
    spec, classes = fields["image"], fields["label"].classes
    train, test = _halves(labels, classes, max(per_class))
    for n in per_class:  # raises what fit would raise, before any time is spent
        few = _draw(train, n, seeds[0])
        gan.batches(images[few], labels[few], **_reading(gan, spec, len(few)))
    gan.build_for(fields)
    found = []
    for n in per_class:
        reached: dict[str, list[float]] = {arm: [] for arm in ARMS}
        for seed in seeds:
            began = time.monotonic()
            few = _draw(train, n, seed)
            real = images[few], labels[few]
            fresh = ganzoo.get(name, seed=seed, **hyperparameters)
            fake = _samples(fresh, spec, classes, real, seed, steps)
            seconds = time.monotonic() - began
            for arm in ARMS:
                network = extractors.without_strategy(
                    _classifier, arm, spec, classes, real, fake, seed
                )
                reached[arm].append(_accuracy(network, spec, images[test], labels[test]))
            if console is not None:
                last = ", ".join(f"{arm} {reached[arm][-1]:.3f}" for arm in ARMS)
                line = f"{n} per class, seed {seed}: {name} took {seconds:.0f} s; {last}"
                console.print(line, soft_wrap=True)
        for arm in ARMS:
            more = np.subtract(reached[arm], reached["real"])
            difference = None if arm == "real" else student(more)
            scores = tuple(reached[arm])
            found.append(Arm(n, arm, len(test), scores, student(scores), difference))
    return found


def check(
    name: str,
    *,
    per_class: Sequence[int] = PER_CLASS,
    seeds: Sequence[int] = SEEDS,
    steps: int = STEPS,
    **hyperparameters: Any,
) -> GAN:
    """Checks the arguments of `augmentation` without data, and returns the GAN, not built yet.

    Raises:
        ValueError: the GAN takes no labels, or another argument is wrong whatever the data are.
    """
    if "seed" in hyperparameters:
        raise ValueError("seed= was given, but seeds= has the seeds of the GANs: leave it out.")
    if not isinstance(hyperparameters.get("architecture", ""), str):
        raise ValueError(
            "architecture= was given as models, and each GAN would start with the weights of the "
            "one before: pass the name of an architecture."
        )
    gan = ganzoo.get(name, **hyperparameters)
    if "generator" not in gan.label_to:
        able = [other for other in ganzoo.names() if ganzoo.card(other).conditional]
        raise ValueError(
            f"{name} cannot draw samples of a given class, which a classifier needs: choose a GAN "
            f"that takes labels, {' or '.join(able)}."
        )
    for key, given, least, few in (
        ("per_class", per_class, 1, 1),
        ("seeds", seeds, 0, 2),
        ("steps", [steps], 1, 1),
    ):
        values = np.ravel(given).tolist()
        whole = all(isinstance(value, int) and value >= least for value in values)
        if not whole or len(values) < few or len(set(values)) < len(values):
            kinds = "an int" if key == "steps" else f"at least {few} different ints"
            shown = values[0] if key == "steps" else values
            raise ValueError(f"{key}={shown} must be {kinds} of at least {least}.")
    return gan


def student(values: npt.ArrayLike) -> Measured:
    """The mean of independent values [N], N ≥ 2, ± t(0.975; N − 1) s/√N."""
    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    interval = f"Student's t over {len(values)} seeds"
    return Measured(mean, mean - half, mean + half, interval, len(values))


def check_csv(path: str | os.PathLike) -> None:
    """Checks that `save_csv` can write to `path`.

    Raises:
        ValueError: the folder does not exist, or the file has other columns.
    """
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"{path} cannot be written: name a file in a folder that exists.")
    if path.exists():
        with path.open(newline="") as file:
            if tuple(next(csv.reader(file), ())) != COLUMNS:
                raise ValueError(f"{path} has other columns: name another file.")


def save_csv(found: Sequence[Arm], path: str | os.PathLike, facts: Mapping[str, Any]) -> None:
    """Writes a CSV file with a row for each arm, completely or not at all.

    If the file exists, rows of the same command are replaced and all others stay.

    Args:
        facts: "data", "name", "hyperparameters", "steps", "seeds", "seconds" and "command".
            The versions and the kind of machine are added.

    Raises:
        ValueError: see `check_csv`.
        OSError: the file cannot be written; an existing file stays as it was.
    """
    check_csv(path)
    path, kept = Path(path), []
    if path.exists():
        with path.open(newline="") as old:
            kept = [row for row in csv.DictReader(old) if row["command"] != facts["command"]]
    gpus = len(tf.config.list_physical_devices("GPU"))
    of_all = dict(facts) | {
        "versions": " ".join(f"{m.__name__} {m.__version__}" for m in (ganzoo, tf, keras)),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, "
        + (f"{gpus} GPUs" if gpus else "no GPU"),
    }
    with files.replacing(path) as draft, draft.open("w", newline="") as new:
        writer = csv.DictWriter(new, COLUMNS)
        writer.writeheader()
        writer.writerows([*kept, *(_row(arm) | of_all for arm in found)])


def _row(arm: Arm) -> dict[str, Any]:
    row: dict[str, Any] = {"per_class": arm.per_class, "arm": arm.name, "tested": arm.tested}
    for key, found in (("accuracy", arm.accuracy), ("difference", arm.difference)):
        numbers = [] if found is None else [float(found), found.low, found.high]
        names = (key, f"{key}_low", f"{key}_high")
        row |= dict.fromkeys(names, "")
        row |= {name: f"{n:.5f}" for name, n in zip(names, numbers, strict=False)}
    row["accuracies"] = " ".join(f"{accuracy:.5f}" for accuracy in arm.accuracies)
    return row


def _read(
    gan: GAN, x: Any, y: Any, value_range: tuple[float, float] | None
) -> tuple[dict[str, data.Field], np.ndarray, np.ndarray]:
    """The fields, the images and the labels, without duplicates, in the order of their hashes."""
    stream = gan.batches(
        x, y, batch_size=1, value_range=value_range, shuffle=False, steps=1, replicas=1
    )
    spec = stream.spec
    if not spec.is_image:
        raise ValueError(
            f"the data have shape (N, {spec.shape[0]}), but this needs labelled images, "
            "(N, height, width, channels), because vectors have no classical augmentations."
        )
    with data.clear_errors():
        rows = stream.dataset.take(stream.steps_per_epoch or -1).rebatch(1024)
        batches = list(rows.as_numpy_iterator())
    images, labels = (np.concatenate([b[key] for b in batches]) for key in ("image", "label"))
    # a copy of a training image must not be in the test half
    once = {hashlib.sha256(image.tobytes()).digest(): i for i, image in enumerate(images)}
    order = [once[key] for key in sorted(once)]
    return stream.fields, images[order], labels[order]


def _halves(labels: np.ndarray, classes: int, most: int) -> tuple[Sequence[np.ndarray], np.ndarray]:
    """The row numbers for training, an array for each class, and those for the test."""
    of_class = [np.flatnonzero(labels == label) for label in range(classes)]
    label = min(range(classes), key=lambda label: len(of_class[label]))
    count, half = len(of_class[label]), len(of_class[label]) // 2
    if half < most:
        mend = f"ask for at most {half}" if half else "pass more of them, or renumber the classes"
        raise ValueError(
            f"class {label} has {count} different images, half of them for the test, which leaves "
            f"{half} for training, but per_class asks for {most}: {mend}."
        )
    train, test = zip(
        *((rows[: len(rows) // 2], rows[len(rows) // 2 :]) for rows in of_class), strict=True
    )
    return train, np.concatenate(test)


def _draw(train: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
    """Draws n rows of each class; a larger n only adds rows."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(rows)[:n] for rows in train])


def _reading(gan: GAN, spec: data.Field, rows: int) -> dict[str, Any]:
    """The arguments with which a GAN reads a few rows of data of `spec`."""
    unit = gan.packing * gan.distribute_strategy.num_replicas_in_sync
    size = min(64, rows // gan.critic_steps)
    return {"batch_size": max(size - size % unit, unit), "value_range": spec.value_range}


def _samples(
    gan: GAN, spec: data.Field, classes: int, real: Labelled, seed: int, steps: int
) -> Labelled:
    """Trains the GAN on the real images alone, and draws samples and their classes from it."""
    gan.fit(*real, steps_per_epoch=steps, verbose=0, **_reading(gan, spec, len(real[0])))
    asked = np.arange(SAMPLES) % classes
    return gan.sample(SAMPLES, seed, labels=asked), asked


def _classifier(
    arm: str, spec: data.Field, classes: int, real: Labelled, fake: Labelled, seed: int
) -> keras.Model:
    # each layer takes the next seed, so those of two classifiers must lie apart
    network = extractors.classifier(spec, classes, 100 * seed)
    batches = _batches(arm, spec, real, fake, seed)
    extractors.train_classifier(network, batches, CLASSIFIER_STEPS, RATE)
    return network


def _batches(
    arm: str, spec: data.Field, real: Labelled, fake: Labelled, seed: int
) -> Iterator[tuple[tf.Tensor, np.ndarray]]:
    """The training batches of an arm: `BATCH` images in [-1, 1] and their labels."""
    rng = np.random.default_rng(seed)
    sources = [(real, BATCH // 2), (fake, BATCH // 2)] if "gan" in arm else [(real, BATCH)]
    transform = _classical(seed) if "classical" in arm else tf.identity
    for _ in range(CLASSIFIER_STEPS):
        parts = []
        for (images, labels), count in sources:
            rows = rng.integers(0, len(labels), count)
            parts.append((images[rows], labels[rows]))
        images, labels = map(np.concatenate, zip(*parts, strict=True))
        yield transform(spec.encode(images)), labels


def _classical(seed: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Shifts each image by up to a twelfth, rotates it by up to 15° and zooms by up to a tenth.

    Edges are continued. Images are not flipped, because a mirrored digit is not a digit.
    """
    options = {"fill_mode": "nearest", "dtype": "float32"}
    layers = keras.Sequential(
        [
            keras.layers.RandomTranslation(1 / 12, 1 / 12, seed=3 * seed, **options),
            keras.layers.RandomRotation(1 / 24, seed=3 * seed + 1, **options),
            keras.layers.RandomZoom(0.1, seed=3 * seed + 2, **options),
        ]
    )
    return tf.function(lambda images: layers(images, training=True), autograph=False)


def _accuracy(
    network: keras.Model, spec: data.Field, images: np.ndarray, labels: np.ndarray
) -> float:
    found = [
        np.argmax(network(spec.encode(images[start : start + ROWS]), training=False)[1], axis=1)
        for start in range(0, len(images), ROWS)
    ]
    return float(np.mean(np.concatenate(found) == labels))
