"""Usefulness: do a GAN's samples help a classifier where labelled images are few?

    found = usefulness.augmentation("cgan", images, labels, per_class=(10, 50))

The question of Frid-Adar et al. 2018, arXiv:1803.01229. For each n and each seed, n images per
class are drawn from one half of the data. A GAN is trained on these alone, then one small
classifier per arm, all with the same first weights, number of steps and batch size, and all scored
on the other half of the data, on which nothing is ever trained:

    real                  the n images per class
    real+gan              half of each batch is samples of the GAN, asked for by class
    real+classical        random shifts, turns and zooms of the n images
    real+classical+gan    the same of both halves of a batch of real+gan

No arm sees another image, so what one gains was in the n images per class, and not in more data.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from scipy import stats

import ganzoo
from ganzoo import data
from ganzoo.evaluation import Measured, extractors
from ganzoo.foundation import files

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
STEPS = 1600  # of the GAN, as in a run
SAMPLES = 10_000  # drawn of each GAN: a classifier sees each about twice
CLASSIFIER_STEPS, BATCH, RATE = 600, 64, 2e-3
ROWS = 256
COLUMNS = (
    "data", "name", "hyperparameters", "steps", "seeds", "per_class", "arm", "accuracy",
    "accuracy_low", "accuracy_high", "difference", "difference_low", "difference_high",
    "accuracies", "tested", "seconds", "versions", "machine", "command",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Arm:
    """What the classifiers of one arm reached with n real images per class.

    Attributes:
        per_class: n.
        name: one of `ARMS`.
        tested: how many test images there are.
        accuracies: the share of these that was named rightly, one for each seed.
        accuracy: their mean, with Student's 95% interval over the seeds: draws of the n images,
            GANs and classifiers. The test images are the same for all seeds: how far accuracy on
            these may be from that on others is not in it.
        difference: the mean of accuracy − that of "real" with the same seed, likewise; None for
            "real". Each interval stands alone: of 20 that are of no difference, one is expected to
            leave out 0.
    """

    per_class: int
    name: str
    tested: int
    accuracies: tuple[float, ...]
    accuracy: Measured
    difference: Measured | None

    def to_json(self) -> dict[str, Any]:
        """All attributes, the numbers with theirs."""
        difference = None if self.difference is None else self.difference.to_json()
        numbers = {"accuracy": self.accuracy.to_json(), "difference": difference}
        return dataclasses.asdict(self) | numbers


def augmentation(
    name: str,
    x,
    y=None,
    *,
    per_class: Sequence[int] = PER_CLASS,
    seeds: Sequence[int] = SEEDS,
    steps: int = STEPS,
    value_range: tuple[float, float] | None = None,
    console: Console | None = None,
    **hyperparameters: Any,
) -> list[Arm]:
    """Measures what samples of the GAN `name` add to n labelled images per class.

    The data are split by the images' hashes, each class in two halves: the same images in any
    order are split alike, and one that is there twice counts once. A seed draws the n images (of a
    larger n, they are the first), and is that of the GAN, of the classifiers' first weights and of
    their batches. The classifier is the network of `metrics.Judge`, after 600 steps of 64 images.

    Args:
        x, y: labelled images, as in `gan.fit`; all are read into memory.
        per_class: each n. A GAN's batch is 64 images, or all of them where these are fewer.
        seeds: at least two.
        steps: generator updates of each GAN.
        value_range: (low, high) of numbers that are neither bytes nor in [-1, 1].
        console: where to show a line for each GAN; None for silence.
        hyperparameters: as in `ganzoo.get`, but for the seed.

    Returns:
        For each n, an `Arm` for each name in `ARMS`.

    Raises:
        ValueError: the GAN takes no labels, or what was asked for can't be done with these data;
            said before anything is trained.
        callbacks.Diverged: a loss of a GAN became NaN or infinite.
    """
    gan = check(name, per_class=per_class, seeds=seeds, steps=steps, **hyperparameters)
    per_class, seeds = np.ravel(per_class).tolist(), np.ravel(seeds).tolist()
    fields, images, labels = _read(gan, x, y, value_range)
    spec, classes = fields["image"], fields["label"].num_classes
    train, test = _halves(labels, classes, max(per_class))
    for n in per_class:  # whatever fit would refuse is better refused now
        few = _draw(train, n, seeds[0])
        gan.batches(images[few], labels[few], **_reading(gan, spec, len(few)))
    gan.build_for(fields)
    found = []
    for n in per_class:
        reached = {arm: [] for arm in ARMS}
        for seed in seeds:
            began = time.monotonic()
            few = _draw(train, n, seed)
            real = images[few], labels[few]
            fake = _samples(name, spec, classes, *real, seed, steps, hyperparameters)
            seconds = time.monotonic() - began
            for arm in ARMS:
                network = extractors.without_strategy(
                    _classifier, arm, spec, classes, real, fake, seed
                )
                reached[arm].append(_accuracy(network, spec, images[test], labels[test]))
            if console is not None:
                scores = ", ".join(f"{arm} {reached[arm][-1]:.3f}" for arm in ARMS)
                told = f"{n} per class, seed {seed}: {name} took {seconds:.0f} s; {scores}"
                console.print(told, soft_wrap=True)
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
):
    """The GAN that `augmentation` would train, not built yet; for whoever wants to know before the
    data are loaded whether it can be.

    Raises:
        ValueError: it takes no labels, or another argument won't do with any data.
    """
    if "seed" in hyperparameters:
        raise ValueError("seed= was given, but each of the seeds is the GAN's own: leave it out.")
    if not isinstance(hyperparameters.get("architecture", ""), str):
        raise ValueError(
            "architecture= was given as models, and each GAN would begin with what the one before "
            "has learned: name one of ganzoo's."
        )
    gan = ganzoo.get(name, **hyperparameters)
    if not gan.conditional:
        able = [other for other in ganzoo.names() if ganzoo.card(other).conditional]
        raise ValueError(
            f"{name} can't be asked for samples of a class, so they teach a classifier nothing: "
            f"this needs a GAN that takes labels: {' or '.join(able)}."
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
            raise ValueError(f"{key}={shown} won't do: it takes {kinds}, from {least} up.")
    return gan


def student(values) -> Measured:
    """The mean of independent values [N], N ≥ 2, ± t(0.975; N − 1) s/√N."""
    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    interval = f"Student's t over {len(values)} seeds"
    return Measured(mean, mean - half, mean + half, interval, len(values))


def check_csv(path: str | os.PathLike) -> None:
    """Raises ValueError where `save_csv` couldn't write, or would have to drop other columns."""
    path = Path(path)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"{path} won't do: name a file in a folder that is there.")
    if path.exists():
        with path.open(newline="") as file:
            if tuple(next(csv.reader(file), ())) != COLUMNS:
                raise ValueError(f"{path} is a file with other columns: name another one.")


def save_csv(found: Sequence[Arm], path: str | os.PathLike, facts: Mapping[str, Any]) -> None:
    """Writes a row for each arm, whole or not at all. In a file that is there the rows of the same
    command are replaced, and all others stay.

    Args:
        facts: "data", "name", "hyperparameters", "steps", "seeds", "seconds" and "command".
            Versions and the kind of machine are added.

    Raises:
        ValueError: see `check_csv`.
        OSError: it can't be written; a file that was there is still there.
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


# ---- the data


def _read(gan, x, y, value_range) -> tuple[dict[str, data.Field], np.ndarray, np.ndarray]:
    """Fields, images and labels; each image once, in the order of the images' hashes."""
    stream = gan.batches(
        x, y, batch_size=1, value_range=value_range, shuffle=False, steps=1, replicas=1
    )
    spec = stream.spec
    if not spec.is_image:
        raise ValueError(
            f"data has shape (N, {spec.shape[0]}), but this takes labelled images, "
            "(N, height, width, channels): classical augmentations of vectors are not known."
        )
    with data.clear_errors():
        rows = stream.dataset.take(stream.steps_per_epoch or -1).rebatch(1024)
        batches = list(rows.as_numpy_iterator())
    images, labels = (np.concatenate([b[key] for b in batches]) for key in ("image", "label"))
    # a training image's copy among the test images would be a leak
    once = {hashlib.sha256(image.tobytes()).digest(): i for i, image in enumerate(images)}
    order = [once[key] for key in sorted(once)]
    return stream.fields, images[order], labels[order]


def _halves(labels, classes: int, most: int) -> tuple[Sequence[np.ndarray], np.ndarray]:
    """Row numbers: by class, those that may be trained on; and those of the test, all classes."""
    of_class = [np.flatnonzero(labels == label) for label in range(classes)]
    label = min(range(classes), key=lambda label: len(of_class[label]))
    count, half = len(of_class[label]), len(of_class[label]) // 2
    if half < most:
        mend = f"ask for at most {half}" if half else "pass more of them, or renumber the classes"
        raise ValueError(
            f"class {label} has {count} different images, half of them for the test, which leaves "
            f"{half} of the {most} per class that were asked for: {mend}."
        )
    train, test = zip(
        *((rows[: len(rows) // 2], rows[len(rows) // 2 :]) for rows in of_class), strict=True
    )
    return train, np.concatenate(test)


def _draw(train: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
    """n rows of each class; of a larger n, they are the first."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(rows)[:n] for rows in train])


# ---- the GAN


def _reading(gan, spec: data.Field, rows: int) -> dict[str, Any]:
    """How a GAN reads few rows of data of `spec`."""
    unit = gan.packing * gan.distribute_strategy.num_replicas_in_sync
    size = min(64, rows // gan.critic_steps)
    return {"batch_size": max(size - size % unit, unit), "value_range": spec.value_range}


def _samples(name, spec, classes, images, labels, seed, steps, hyperparameters):
    """Samples and the classes they were asked for by, of a GAN that has seen these images alone."""
    from ganzoo.training import callbacks

    gan = ganzoo.get(name, seed=seed, **hyperparameters)
    gan.fit(
        images,
        labels,
        steps_per_epoch=steps,
        callbacks=[callbacks.StopOnDivergence()],
        verbose=0,
        **_reading(gan, spec, len(images)),
    )
    asked = np.arange(SAMPLES) % classes
    return gan.sample(SAMPLES, seed, labels=asked), asked


# ---- the classifier


def _classifier(arm: str, spec: data.Field, classes: int, real, fake, seed: int) -> keras.Model:
    # a hundred apart, since each layer's seed is the next
    network = extractors.classifier(spec, classes, 100 * seed)
    batches = _batches(arm, spec, real, fake, seed)
    extractors.train_classifier(network, batches, CLASSIFIER_STEPS, RATE)
    return network


def _batches(arm: str, spec: data.Field, real, fake, seed: int) -> Iterator[tuple]:
    """What the classifier of an arm learns from: `BATCH` images in [-1, 1] and their labels at a
    time."""
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


def _classical(seed: int):
    """Shifts by up to a twelfth, turns by up to 15° and zooms by up to a tenth, each image by its
    own, edges continued; no flips, since a mirrored digit is none."""
    options = {"fill_mode": "nearest", "dtype": "float32"}
    layers = keras.Sequential(
        [
            keras.layers.RandomTranslation(1 / 12, 1 / 12, seed=3 * seed, **options),
            keras.layers.RandomRotation(1 / 24, seed=3 * seed + 1, **options),
            keras.layers.RandomZoom(0.1, seed=3 * seed + 2, **options),
        ]
    )
    return tf.function(lambda images: layers(images, training=True), autograph=False)


def _accuracy(network: keras.Model, spec: data.Field, images, labels) -> float:
    found = [
        np.argmax(network(spec.encode(images[start : start + ROWS]), training=False)[1], axis=1)
        for start in range(0, len(images), ROWS)
    ]
    return float(np.mean(np.concatenate(found) == labels))
