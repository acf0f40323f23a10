"""The contract that every registered GAN passes, one function per property.

    ganzoo.checks.check_gan(MyGAN)             # for a plugin's author: raises where one fails

A check is a function of a `Subject`, a GAN class with a small trained model that all checks
share. A class says `waivers = {"check_name": "reason"}` where a property can't hold for its game;
a waived check must then fail, so a waiver that is no longer needed is found out.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import tempfile
import warnings
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo import data
from ganzoo.core.gan import GAN
from ganzoo.core.saving import load
from ganzoo.losses import objectives

BATCH = 8


class Subject:
    """A GAN class under test, and what its checks share.

    Args:
        cls: a GAN class. Its `columns` say which data the checks give it, and
            `checked_shapes` which shapes of samples it must train on.
        hyperparameters: for every model made, on top of small networks and seed 0.
    """

    def __init__(self, cls: type[GAN], **hyperparameters: Any):
        self.cls = cls
        small = {"width": 8, "latent_dim": 6}
        known = cls.hyperparameters()
        self.hyperparameters = {k: v for k, v in small.items() if k in known} | hyperparameters

    def make(self, **hyperparameters: Any) -> GAN:
        gan = self.cls(**self.hyperparameters | hyperparameters)
        gan.compile()
        return gan

    @property
    def samples(self) -> list[str]:
        """The columns of the game that are samples."""
        return [name for name, column in self.cls.columns.items() if column.kind == "sample"]

    def rows(self, x: np.ndarray, y: np.ndarray) -> Any:
        """Samples and their classes as the game takes them. Of two kinds of samples the second are
        the first turned upside down; where labels may be missing, every other one is."""
        if len(self.samples) > 1:
            return dict(zip(self.samples, (x, x[:, ::-1].copy()), strict=True))
        column = self.cls.columns.get("label")
        if column is not None and column.optional:
            y = np.where(np.arange(len(y)) % 2, y, -1)
        return x, y

    @cached_property
    def images(self) -> np.ndarray:
        """400 digits, uint8 8×8×1; 16×16×1 for games on two kinds of images."""
        images = self._digits["image"].numpy()
        return np.pad(images, [(0, 0), (4, 4), (4, 4), (0, 0)]) if self.samples[1:] else images

    @cached_property
    def _digits(self) -> dict[str, tf.Tensor]:
        return next(iter(data.load("digits").batch(400)))

    @cached_property
    def digits(self) -> Any:
        """The images with their classes, as the game takes them."""
        return self.rows(self.images, self._digits["label"].numpy())

    @cached_property
    def trained(self) -> GAN:
        """Trained for two epochs of three steps on digits; not to be trained further. Its weights
        before are `untrained`, by path."""
        gan = self.make()
        gan.build_from(self.digits, batch_size=BATCH)
        self.untrained = {v.path: v.numpy() for v in gan.trainable_variables}
        self.history = gan.fit(self.digits, batch_size=BATCH, epochs=2, verbose=0,
                               steps_per_epoch=3).history  # fmt: skip
        return gan

    def fit(self, gan: GAN, steps: int) -> GAN:
        """`gan` trained for `steps` more steps on digits."""
        gan.fit(self.digits, batch_size=BATCH, steps_per_epoch=steps, verbose=0)
        return gan

    def sample(self, gan: GAN, count: int, seed: int, **options: Any) -> np.ndarray:
        """`count` samples; of the first images where the generator maps images."""
        given = {k: self.images[:count] for k, x in gan.inputs.items() if not x.drawn}
        return gan.sample(count, seed, **given, **options)


def _weights(gan: GAN, optimizers: bool = True) -> dict[str, np.ndarray]:
    """All that a resumed run needs, by place and name: networks, state, both optimizers."""
    variables = [v for v in gan.weights if "seed_generator" not in v.path]
    if optimizers:
        variables += gan.generator_optimizer.variables + gan.discriminator_optimizer.variables
    # Keras numbers the layers of a process, so that names differ from model to model
    return {f"{i} {re.sub(r'_[0-9]+', '', v.name)}": v.numpy() for i, v in enumerate(variables)}


def _assert_same(one: dict, other: dict, what: str, atol: float = 0.0) -> None:
    assert one.keys() == other.keys(), f"{what}: {sorted(one.keys() ^ other.keys())} in one only"
    for name in one:
        np.testing.assert_allclose(one[name], other[name], 0, atol, err_msg=f"{what}: {name}")


def check_record(subject: Subject) -> None:
    """The docstring carries paper and equation, and every hyper-parameter says what it is."""
    doc = inspect.getdoc(subject.cls) or ""
    assert re.search(r"arXiv:\d{4}\.\d{4,5}", doc), "the docstring names no arXiv paper"
    assert re.search(r"^ {4}.*=", doc, re.MULTILINE), "the docstring shows no equation"
    for name, parameter in subject.cls.hyperparameters().items():
        assert parameter.doc, f"{name} has no doc"


def check_logs(subject: Subject) -> None:
    """Logs are finite, named as the metrics are, and averaged over the epoch."""
    gan = subject.trained
    assert set(subject.history) == set(gan.log.names)
    assert {"discriminator", "generator"} <= set(subject.history)
    for name, values in subject.history.items():
        assert np.isfinite(values).all(), f"{name} is {values}"


def check_every_weight_moves(subject: Subject) -> None:
    """Training moves every trainable weight, and all belong to one player, none to both."""
    gan, before = subject.trained, subject.untrained
    players = [v.path for v in gan.generator_variables + gan.discriminator_variables]
    assert sorted(players) == sorted(before), "players don't share out the trainable weights"
    still = {v.path for v in gan.trainable_variables if (v.numpy() == before[v.path]).all()}
    if _reads_only_differences(gan):
        still -= {"logits/bias"}
    assert not still, f"{sorted(still)} did not move"


def _reads_only_differences(gan: GAN) -> bool:
    """Whether D's loss stays with a constant added to all logits, near 0 where an untrained
    critic's are (the hinge is flat there): their bias then has no gradient."""
    objective, logits = objectives.get(gan.objective), tf.constant([[0.03], [-0.12]])
    losses = [objective.discriminator(logits + c, 2.0 * logits + c) for c in (0.0, 0.1)]
    return abs(float(losses[0] - losses[1])) < 1e-6


def check_neither_loss_moves_the_other_player(subject: Subject) -> None:
    """With one player's rate at zero its trainable weights stay, and the other's move."""
    for still, moving in (("generator", "discriminator"), ("discriminator", "generator")):
        gan = subject.make()
        gan.build_for(subject.trained.fields)
        gan.compile(**{f"{still}_optimizer": keras.optimizers.SGD(0.0)})
        before = [[v.numpy() for v in getattr(gan, f"{p}_variables")] for p in (still, moving)]
        subject.fit(gan, 1)
        after = [[v.numpy() for v in getattr(gan, f"{p}_variables")] for p in (still, moving)]
        for old, new in zip(before[0], after[0], strict=True):
            np.testing.assert_array_equal(old, new, f"the {still} moved")
        moved = any((old != new).any() for old, new in zip(before[1], after[1], strict=True))
        assert moved, f"the {moving} did not move"


@cache
def two_replicas() -> tf.distribute.Strategy:
    """One for the whole process: TensorFlow's collectives take a second strategy's first
    reduction for the first one's."""
    devices = _devices()
    assert len(devices) >= 2, (
        "there is one device: configure two logical ones at the start of the process with "
        "tf.config.set_logical_device_configuration"
    )
    return tf.distribute.MirroredStrategy([device.name for device in devices[:2]])


def _devices() -> list:
    """The GPUs of this machine, or its CPUs; one CPU becomes two logical ones where TensorFlow
    has not computed anything yet."""
    if not tf.config.list_physical_devices("GPU"):
        (cpu, *_) = tf.config.list_physical_devices("CPU")
        if tf.config.get_logical_device_configuration(cpu) is None:
            with contextlib.suppress(RuntimeError):  # TensorFlow has made its devices
                two = [tf.config.LogicalDeviceConfiguration()] * 2
                tf.config.set_logical_device_configuration(cpu, two)
    return tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")


def check_two_replicas_equal_one(subject: Subject) -> None:
    """Three steps under MirroredStrategy with two replicas give the weights of one device.

    Needs two logical devices. SGD stands in for the GAN's own optimizers: Adam divides a gradient
    by its own size, so rounding in a weight whose gradient vanishes would count as a difference.
    """
    import keras

    def train(strategy):
        with strategy.scope():
            gan = subject.make()
            gan.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01))
        return subject.fit(gan, 3)

    one = train(tf.distribute.get_strategy())
    two = train(two_replicas())
    one, two = (_weights(gan, optimizers=False) for gan in (one, two))
    _assert_same(one, two, "two replicas and one", atol=1e-5)


def check_seed(subject: Subject) -> None:
    """The same seed gives the same weights, another seed others."""
    again = subject.fit(subject.make(), 6)
    _assert_same(_weights(subject.trained), _weights(again), "the same seed twice")
    other = subject.make(seed=1)
    other.build_for(subject.trained.fields)
    for variable, first in zip(other.trainable_variables, subject.untrained.values(), strict=True):
        if variable.name == "kernel":
            assert (variable.numpy() != first).any(), "seeds give equal weights"


def check_keras_file(subject: Subject) -> None:
    """A `.keras` file brings back networks, state, both optimizers, and so the samples."""
    gan = subject.trained
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gan.keras"
        gan.save(path)
        loaded = load(path)
    _assert_same(_weights(gan), _weights(loaded), "saved and loaded")
    assert loaded.step == gan.step > 0
    assert int(loaded.generator_optimizer.iterations.numpy()) == gan.step
    one, other = (subject.sample(model, 3, 5) for model in (gan, loaded))
    np.testing.assert_array_equal(one, other)


def check_resume(subject: Subject) -> None:
    """Six steps, a save, a load and two more steps are bitwise eight steps."""
    with tempfile.TemporaryDirectory() as folder:
        subject.trained.save(Path(folder) / "half.keras")
        resumed = subject.fit(load(Path(folder) / "half.keras"), 2)
    whole = subject.fit(subject.make(), 8)
    _assert_same(_weights(whole), _weights(resumed), "eight steps resumed")


def _export(subject: Subject, format: str, run: Callable[[GAN, Path, dict], np.ndarray]) -> None:
    gan = subject.trained
    latents = {name: value.numpy() for name, value in gan.draw_latents(5, 7).items()}
    with tempfile.TemporaryDirectory() as folder:
        version = gan.export(Path(folder) / "gan", format=format)
        assert (version / "certificate.json").is_file()
        for output in run(gan, version, latents):
            np.testing.assert_allclose(output, gan.serve(latents), atol=1e-4)
            if all(x.drawn for x in gan.inputs.values()):
                sampled = gan.sample(5, seed=7)
                np.testing.assert_allclose(gan.spec.decode(output), sampled, atol=1.01)


def check_saved_model(subject: Subject) -> None:
    """The SavedModel's signatures equal Keras on the latents of `sample`."""

    def run(gan, version, latents):
        signatures = tf.saved_model.load(version).signatures
        latents = {name: tf.constant(value) for name, value in latents.items()}
        yield signatures["serving_default"](**latents)[gan.output_name]
        if "sample" not in signatures:
            return
        seed = tf.constant(7, tf.int64)
        yield signatures["sample"](count=tf.constant(5), seed=seed)[gan.output_name]

    _export(subject, "tf_saved_model", run)


def check_onnx(subject: Subject) -> None:
    """The ONNX model equals Keras on the latents of `sample`."""

    def run(gan, version, latents):
        import onnxruntime

        session = onnxruntime.InferenceSession(version / "model.onnx")
        yield from session.run([gan.output_name], latents)

    _export(subject, "onnx", run)


def check_sample(subject: Subject) -> None:
    """Samples have the data's shape, dtype and units; a seed fixes them, at any batch size."""
    gan, images = subject.trained, subject.images
    samples = subject.sample(gan, 5, 3)
    assert samples.shape == (5, *images.shape[1:]) and samples.dtype == images.dtype
    np.testing.assert_array_equal(samples, subject.sample(gan, 5, 3))
    smaller = subject.sample(gan, 5, 3, batch_size=2).astype(int)
    np.testing.assert_allclose(samples.astype(int), smaller, atol=1)
    if any(x.drawn for x in gan.inputs.values()):
        assert (samples != subject.sample(gan, 5, 4)).any(), "seeds give equal samples"
    network = gan.generate(gan.draw_latents(64, 0))[gan.output_name].numpy()
    assert np.abs(network).max() <= 1.0 and network.std() > 0.0


def check_shapes(subject: Subject) -> None:
    """Samples of all the shapes that the game says it can be trained on do train."""
    for what, shape in subject.cls.checked_shapes.items():
        noise = np.random.default_rng(0)
        x = noise.random((32, *shape), "float32")
        gan = subject.make()
        gan.fit(subject.rows(x, np.arange(32) % 4), batch_size=4, steps_per_epoch=1, verbose=0)
        given = {k: x[:2] for k, one in gan.inputs.items() if not one.drawn}
        samples = gan.sample(2, seed=0, **given)
        assert samples.shape == (2, *shape) and samples.dtype == np.float32, what
        assert np.isfinite(samples).all(), what


def check_conditioning(subject: Subject) -> None:
    """A generator that is told the class makes what it is asked for; any other refuses labels."""
    gan = subject.trained
    if "generator" not in subject.cls.label_to:
        try:
            subject.sample(gan, 2, 0, labels=[0, 1])
        except ValueError:
            return
        raise AssertionError("a GAN whose generator is not told the class took labels")
    one, other = (gan.sample(2, seed=0, labels=label) for label in (0, 1))
    assert (one != other).any(), "labels change nothing"
    for wrong in (gan.fields["label"].num_classes, -1, 0.5):
        try:
            gan.sample(1, labels=wrong)
        except ValueError:
            continue
        raise AssertionError(f"label {wrong} passed")


def check_classify(subject: Subject) -> None:
    """A GAN with a classifier names a class for each sample; any other says that it has none."""
    gan = subject.trained
    if subject.cls.class_logits is None:
        try:
            gan.classify(subject.images[:3])
        except ValueError:
            return
        raise AssertionError("a GAN without a classifier named classes")
    named = gan.classify(subject.images[:7], batch_size=3)
    assert named.shape == (7,)
    assert set(named.tolist()) <= set(range(gan.fields["label"].num_classes))


def check_tiny_problem(subject: Subject) -> None:
    """It learns a Gaussian of two features: the samples' mean and spread come near the data's. A
    game on pairs of images learns to turn digits upside down, better than a copy would.

    A class whose published numbers are made for images says in `tiny_problem` which ones to take.
    """
    rates = dict.fromkeys(("generator_learning_rate", "discriminator_learning_rate"), 1e-3)
    gan = subject.make(**{"width": 32} | rates | getattr(subject.cls, "tiny_problem", {}))
    if len(subject.samples) > 1:
        gan.fit(subject.digits, batch_size=16, steps_per_epoch=100, verbose=0)
        source, target = (subject.digits[name].astype(float) for name in subject.samples)
        mapped = gan.sample(**{subject.samples[0]: subject.images}).astype(float)
        copy, error = (np.abs(x - target).mean() for x in (source, mapped))
        assert error < 0.7 * copy, f"mapped images are {error} off, copies {copy}"
        return
    x, _ = data.toys.gaussian().sample(2000, seed=0)
    gan.fit(subject.rows(x, np.arange(2000) % 2), batch_size=64, steps_per_epoch=400, verbose=0)
    samples = gan.sample(2000, seed=0)
    off = np.abs(samples.mean(0) - x.mean(0)) / x.std(0)
    spread = samples.std(0) / x.std(0)
    assert (off < 0.7).all(), f"means are {off} standard deviations off"
    assert (spread > 0.3).all() and (spread < 2.0).all(), f"spreads are {spread} of the data's"


CHECKS: tuple[Callable[[Subject], None], ...] = tuple(
    value for name, value in list(globals().items()) if name.startswith("check_")
)
"""The contract."""


def run(check: Callable[[Subject], None], subject: Subject) -> None:
    """Runs one check; of a waived one, sees that it still fails.

    Raises:
        AssertionError: the property doesn't hold, or its waiver is no longer needed.
    """
    reason = getattr(subject.cls, "waivers", {}).get(check.__name__)
    if reason is None:
        check(subject)
        return
    try:
        check(subject)
    except Exception:
        return
    raise AssertionError(f"the waiver of {check.__name__} ({reason}) is no longer needed")


def check_gan(cls: type[GAN], **hyperparameters) -> None:
    """Runs the whole contract on a GAN class, one of yours say.

    Args:
        cls: a registered subclass of `ganzoo.core.gan.GAN`.
        hyperparameters: for every model that is made.

    Raises:
        AssertionError: what doesn't hold.
    """
    subject, devices = Subject(cls, **hyperparameters), _devices()
    for check in CHECKS:
        if check is check_two_replicas_equal_one and len(devices) < 2:
            warnings.warn(
                "two replicas were not checked, since TensorFlow has started with one device: call "
                "check_gan before anything is computed.",
                stacklevel=2,
            )
            continue
        run(check, subject)
