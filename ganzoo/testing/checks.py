"""The checks that every registered GAN must pass, one function for each property.

    ganzoo.checks.check_gan(MyGAN)   # runs all of them and raises an AssertionError if one fails

A check is a function of a `Subject`, which holds a GAN class and a small trained model. A class
that can't have a property sets `waivers = {"check_name": "reason"}`; this check must then fail.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo.core.gan import GAN
from ganzoo.core.saving import load
from ganzoo.foundation import registry
from ganzoo.losses import objectives
from ganzoo.testing import tables
from ganzoo.testing.subject import Subject, weights


def _assert_same(
    one: dict[str, np.ndarray], other: dict[str, np.ndarray], what: str, atol: float = 0.0
) -> None:
    assert one.keys() == other.keys(), f"{what}: {sorted(one.keys() ^ other.keys())} in one only"
    for name in one:
        np.testing.assert_allclose(one[name], other[name], 0, atol, err_msg=f"{what}: {name}")


@contextlib.contextmanager
def _assert_raises(error: type[Exception], what: str) -> Iterator[None]:
    try:
        yield
    except error:
        return
    raise AssertionError(what)


def check_record(subject: Subject) -> None:
    """The docstring has the paper and an equation, and each hyper-parameter is described."""
    doc = inspect.getdoc(subject.cls) or ""
    assert re.search(r"arXiv:\d{4}\.\d{4,5}", doc), "the docstring names no arXiv paper"
    assert re.search(r"^ {4}.*=", doc, re.MULTILINE), "the docstring shows no equation"
    for name, parameter in subject.cls.hyperparameters().items():
        assert parameter.doc, f"{name} has no doc"


def check_logs(subject: Subject) -> None:
    """Logs are finite and have the names of the metrics."""
    gan = subject.trained
    history = gan.history.history
    assert set(history) == set(gan.log.names) >= {"discriminator", "generator"}
    for name, values in history.items():
        assert np.isfinite(values).all(), f"{name} is {values}"


def check_every_weight_moves(subject: Subject) -> None:
    """Training changes every trainable weight, and each weight belongs to exactly one player."""
    gan, before = subject.trained, subject.untrained
    moved = {v.path for v in gan.trainable_variables if (v.numpy() != before[v.path]).any()}
    players = [v.path for v in gan.generator_variables + gan.discriminator_variables]
    every = sorted(v.path for v in gan.trainable_variables)
    assert sorted(players) == every, "a weight has no player or two players"
    still = {*every} - moved
    if _reads_only_differences(gan):
        still = {path for path in still if not path.endswith("logits/bias")}
    assert not still, f"{sorted(still)} did not move"


def _reads_only_differences(gan: GAN) -> bool:
    """Whether D's loss stays the same if a constant is added to all logits, so that their bias has
    no gradient. The logits are near 0, as those of an untrained D; there the hinge is linear."""
    objective, logits = objectives.get(gan.objective), tf.constant([[0.03], [-0.12]])
    losses = [objective.discriminator(logits + c, 2.0 * logits + c) for c in (0.0, 0.1)]
    return abs(float(losses[0] - losses[1])) < 1e-6


def check_neither_loss_moves_the_other_player(subject: Subject) -> None:
    """If the rate of one player is 0, its weights stay the same and those of the other change."""
    gan = subject.make()
    gan.build_for(subject.trained.fields)
    players = ("generator", "discriminator")
    gan.compile(**{f"{player}_optimizer": keras.optimizers.SGD(0.0) for player in players})
    paths = {p: {v.path for v in getattr(gan, f"{p}_variables")} for p in players}
    for still, moving in (players, players[::-1]):
        getattr(gan, f"{still}_optimizer").learning_rate = 0.0
        getattr(gan, f"{moving}_optimizer").learning_rate = 0.01
        before = {v.path: v.numpy() for v in gan.trainable_variables}
        subject.fit(gan, 1)
        moved = {v.path for v in gan.trainable_variables if (v.numpy() != before[v.path]).any()}
        assert not moved & paths[still], f"the {still} moved"
        assert moved & paths[moving], f"the {moving} did not move"


@cache
def two_replicas() -> tf.distribute.Strategy:
    """The strategy of the process. TensorFlow can mix up the collectives of several strategies."""
    devices = _devices()
    assert len(devices) >= 2, "the check needs two devices: run it at the start of the process"
    return tf.distribute.MirroredStrategy([device.name for device in devices[:2]])


def _devices() -> list[tf.config.LogicalDevice]:
    """The GPUs, or else the CPUs. A CPU is split into two if TensorFlow has not started yet."""
    if not tf.config.list_physical_devices("GPU"):
        (cpu, *_) = tf.config.list_physical_devices("CPU")
        if tf.config.get_logical_device_configuration(cpu) is None:
            with contextlib.suppress(RuntimeError):  # TensorFlow has started
                two = [tf.config.LogicalDeviceConfiguration()] * 2
                tf.config.set_logical_device_configuration(cpu, two)
    return tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")


def check_two_replicas_equal_one(subject: Subject) -> None:
    """Three steps of SGD on two replicas give the same weights as on one device. Adam would divide
    gradients by their size, and so enlarge the rounding of a gradient that is almost 0."""

    def train(strategy: tf.distribute.Strategy) -> dict[str, np.ndarray]:
        with strategy.scope():
            gan = subject.make()
            gan.compile(
                generator_optimizer=keras.optimizers.SGD(0.01),
                discriminator_optimizer=keras.optimizers.SGD(0.01),
            )
        return weights(subject.fit(gan, 3), optimizers=False)

    one, two = train(tf.distribute.get_strategy()), train(two_replicas())
    _assert_same(one, two, "two replicas and one", atol=1e-5)


def check_seed(subject: Subject) -> None:
    """The same seed gives the same weights, and another seed gives other weights."""
    six, _ = subject.trained_again
    _assert_same(weights(subject.trained), six, "the same seed twice")
    other = subject.make(seed=1)
    other.build_for(subject.trained.fields)
    for variable, first in zip(other.trainable_variables, subject.untrained.values(), strict=True):
        if variable.name == "kernel" and np.ptp(first):  # some begin at zero
            assert (variable.numpy() != first).any(), "seeds give equal weights"


def _reloaded(gan: GAN) -> GAN:
    with tempfile.TemporaryDirectory() as folder:
        gan.save(Path(folder) / "gan.keras")
        return load(Path(folder) / "gan.keras")


def check_keras_file(subject: Subject) -> None:
    """A `.keras` file restores networks, state and optimizers, and the samples are the same."""
    gan = subject.trained
    loaded = _reloaded(gan)
    _assert_same(weights(gan), weights(loaded), "saved and loaded")
    assert loaded.step == gan.step > 0
    assert int(loaded.generator_optimizer.iterations.numpy()) == gan.step
    one, other = (subject.sample(model, 3, 5) for model in (gan, loaded))
    np.testing.assert_array_equal(one, other)


def check_resume(subject: Subject) -> None:
    """Six steps, saving, loading and two more steps give exactly the weights of eight steps."""
    resumed = subject.fit(_reloaded(subject.trained), 2)
    _, eight = subject.trained_again
    _assert_same(eight, weights(resumed), "eight steps resumed")


def _export(
    subject: Subject,
    format: str,
    run: Callable[[GAN, Path, dict[str, np.ndarray]], Iterable[np.ndarray]],
) -> None:
    gan = subject.trained
    latents = {name: value.numpy() for name, value in gan.draw_latents(5, 7).items()}
    with tempfile.TemporaryDirectory() as folder:
        version = gan.export(Path(folder) / "gan", format=format)
        assert (version / "certificate.json").is_file()
        for output in run(gan, version, latents):
            np.testing.assert_allclose(output, gan.serve(latents), atol=1e-4)
            if not gan.given_inputs:
                sampled = subject.sample(gan, 5, 7)
                if gan.spec.is_served_encoded:
                    decoded = gan.spec.as_array(gan.spec.decode(output))
                    np.testing.assert_allclose(decoded, sampled, atol=1.01)
                else:
                    np.testing.assert_allclose(output, sampled, atol=1e-4)


def check_saved_model(subject: Subject) -> None:
    """The SavedModel's signatures return what Keras returns for the latents of `sample`."""

    def run(gan: GAN, version: Path, latents: dict[str, np.ndarray]) -> Iterator[np.ndarray]:
        signatures = tf.saved_model.load(version).signatures
        given = {name: tf.constant(value) for name, value in latents.items()}
        yield signatures["serving_default"](**given)[gan.output_name]
        if "sample" in signatures:
            seed = tf.constant(7, tf.int64)
            yield signatures["sample"](count=tf.constant(5), seed=seed)[gan.output_name]

    _export(subject, "tf_saved_model", run)


def check_onnx(subject: Subject) -> None:
    """The ONNX model returns what Keras returns for the latents of `sample`."""
    from onnxruntime import InferenceSession

    def run(gan: GAN, version: Path, latents: dict[str, np.ndarray]) -> Iterable[np.ndarray]:
        return InferenceSession(version / "model.onnx").run([gan.output_name], latents)

    _export(subject, "onnx", run)


def check_sample(subject: Subject) -> None:
    """Samples have the shape, dtype and units of the data, and depend only on the seed."""
    gan, images = subject.trained, subject.images
    if subject.is_table:
        return tables.assert_rows_are_alike(gan, subject.digits)
    samples = subject.sample(gan, 5, 3)
    assert samples.shape == (5, *images.shape[1:]) and samples.dtype == images.dtype
    np.testing.assert_array_equal(samples, subject.sample(gan, 5, 3))
    smaller = subject.sample(gan, 5, 3, batch_size=2)
    atol = 1 if gan.spec.is_image else 1e-4
    np.testing.assert_allclose(samples.astype(float), smaller.astype(float), atol=atol)
    if any(x.drawn for x in gan.inputs.values()):
        assert (samples != subject.sample(gan, 5, 4)).any(), "seeds give equal samples"
    network = gan.generate(gan.draw_latents(64, 0))[gan.output_name].numpy()
    assert network.std() > 0.0
    if gan.spec.is_image:
        assert np.abs(network).max() <= 1.0


def check_shapes(subject: Subject) -> None:
    """It trains on samples of each of its `checked_shapes`."""
    for what, shape in subject.cls.checked_shapes.items():
        x = np.random.default_rng(0).random((32, *shape), "float32")
        gan = subject.make()
        gan.fit(subject.rows(x, np.arange(32) % 4), batch_size=4, steps_per_epoch=1, verbose=0)
        given = gan.given(dict.fromkeys(subject.samples, x[:2]))
        samples = gan.sample(2, seed=0, **given)
        assert samples.shape == (2, *shape) and samples.dtype == np.float32, what
        assert np.isfinite(samples).all(), what


def check_conditioning(subject: Subject) -> None:
    """Labels change the samples if the generator gets labels, and raise a ValueError if not."""
    gan = subject.trained
    if "generator" not in gan.label_to:
        with _assert_raises(ValueError, "a GAN whose generator gets no labels accepted labels"):
            subject.sample(gan, 2, 0, labels=[0, 1])
        return
    one, other = (gan.sample(2, seed=0, labels=label) for label in (0, 1))
    assert (one != other).any(), "labels change nothing"
    for wrong in (gan.fields["label"].num_classes, -1, 0.5):
        with _assert_raises(ValueError, f"label {wrong} was accepted"):
            gan.sample(1, labels=wrong)


def check_classify(subject: Subject) -> None:
    """`classify` predicts a class for each sample, or raises a ValueError without a classifier."""
    gan = subject.trained
    if gan.class_logits is None:
        with _assert_raises(ValueError, "a GAN without a classifier predicted classes"):
            gan.classify(subject.images[:3])
        return
    predicted, classes = gan.classify(subject.images[:7], batch_size=3), gan.fields["label"]
    assert predicted.shape == (7,)
    assert set(predicted.tolist()) <= set(range(classes.num_classes or 0))


def check_tiny_problem(subject: Subject) -> None:
    """It learns the mean and the standard deviation of a Gaussian of two features, or of series of
    an autoregressive process at each of their times. A GAN that maps images learns to turn digits
    upside down or, without pairs, to make negatives of them. One that enlarges images learns it for
    digits.

    A class whose hyper-parameters are made for images has others for this check in `tiny_problem`.
    """
    rates = dict.fromkeys(("generator_learning_rate", "discriminator_learning_rate"), 1e-3)
    gan = subject.make(**{"width": 32} | rates | getattr(subject.cls, "tiny_problem", {}))
    if gan.latent_dim is None:  # it maps samples
        gan.fit(subject.digits, batch_size=16, steps_per_epoch=100, verbose=0)
        rows = dict.fromkeys(subject.samples, subject.images)
        rows = subject.digits if len(subject.samples) > 1 else rows
        given, target = gan.given(rows), rows[subject.samples[-1]].astype(float)
        (source,) = given.values()
        # A smaller source is compared by its mean image.
        source = source if source.shape == target.shape else target.mean(0, keepdims=True)
        mapped = gan.sample(**given).astype(float)
        copy, error = (np.abs(x - target).mean() for x in (source, mapped))
        assert error < 0.7 * copy, f"the error is {error}, that of the source images is {copy}"
        return
    if subject.is_table:
        return tables.assert_learned(gan)
    x = subject.of_known_moments
    gan.fit(subject.rows(x, np.arange(len(x)) % 2), batch_size=64, steps_per_epoch=400, verbose=0)
    samples = gan.sample(len(x), seed=0)
    off = np.abs(samples.mean(0) - x.mean(0)) / x.std(0)
    spread = samples.std(0) / x.std(0)
    assert (off < 0.7).all(), f"means are {off} standard deviations off"
    assert (spread > 0.3).all() and (spread < 2.0).all(), f"spreads are {spread} of the data's"


CHECKS: tuple[Callable[[Subject], None], ...] = tuple(
    value for name, value in list(globals().items()) if name.startswith("check_")
)
"""All checks."""


def run(check: Callable[[Subject], None], subject: Subject) -> None:
    """Runs a check, and raises an AssertionError if it fails, or passes although it is waived."""
    reason = getattr(subject.cls, "waivers", {}).get(check.__name__)
    if reason is None:
        return check(subject)
    with _assert_raises(Exception, f"{check.__name__} passes: remove its waiver ({reason})"):
        check(subject)


def check_gan(cls: type[GAN] | str, **hyperparameters: Any) -> None:
    """Runs all checks on a GAN class.

    Args:
        cls: a registered subclass of `ganzoo.core.gan.GAN`, or its name.
        hyperparameters: for every model.

    Raises:
        AssertionError: a check failed.
    """
    cls = registry.find(cls) if isinstance(cls, str) else cls
    subject, devices = Subject(cls, **hyperparameters), _devices()
    for check in CHECKS:
        if check is check_two_replicas_equal_one and len(devices) < 2:
            what = "two replicas were not checked: call check_gan at the start of the process."
            warnings.warn(what, stacklevel=2)
            continue
        run(check, subject)
