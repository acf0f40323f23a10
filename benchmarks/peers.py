"""The loops that speed.py and race.py compare `fit` with, written from their descriptions.

Each engine takes a work's name, the data and a seed. It gives a function that trains a number of
steps and returns the seconds they took, and one that returns G and D. Nothing but NumPy is imported
before an engine is called: TensorFlow and PyTorch live in environments of their own. With
`bfloat16` the libraries' own mixed precision is on.
"""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import peer_networks
from peer_networks import WORKS

RATE = 1e-4
BETAS = (0.9, 0.999)
EPSILON = 1e-7
Run = Callable[[int], float]
Engine = tuple[Run, Callable[[], tuple[Any, Any]]]


def seconds_of_loop(dataset: Any, train_step: Callable[[Any], object], steps: int) -> float:
    start = time.perf_counter()
    passes = itertools.chain.from_iterable(itertools.repeat(dataset))
    for batch in itertools.islice(passes, steps):
        train_step(batch)
    return time.perf_counter() - start


def seconds_of_fit(model: Any, *arguments: Any, **options: Any) -> float:
    """The seconds from the beginning to the end of the only epoch."""
    import keras

    times: list[float] = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: times.append(time.perf_counter()),
        on_epoch_end=lambda epoch, logs: times.append(time.perf_counter()),
    )
    model.fit(*arguments, verbose=0, callbacks=[watch], **options)
    return times[1] - times[0]


def trainable(network: Any) -> int:
    """How many weights of a network of Keras or of PyTorch are trained."""
    if hasattr(network, "parameters"):
        return sum(weight.numel() for weight in network.parameters())
    return sum(math.prod(weight.shape) for weight in network.trainable_variables)


# ---- TensorFlow and Keras


def prepare_keras(seed: int, bfloat16: bool = False) -> None:
    import keras

    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy("mixed_bfloat16" if bfloat16 else "float32")


def keras_adam(**options: Any) -> Any:
    import keras

    return keras.optimizers.Adam(RATE, *BETAS, epsilon=EPSILON, **options)


def batches(data: np.ndarray, size: int) -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(data).shuffle(len(data)).batch(size)


def tutorial_step(
    generator: Any, discriminator: Any, batch: int, latents: int
) -> Callable[[Any], object]:
    """The tutorial's step on a batch of real rows: both players at once, on the same fakes."""
    import keras
    import tensorflow as tf

    generator_optimizer, discriminator_optimizer = keras_adam(), keras_adam()
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def train_step(real):
        noise = tf.random.normal([batch, latents])
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fake = generator(noise, training=True)
            real_logits = discriminator(real, training=True)
            fake_logits = discriminator(fake, training=True)
            generator_loss = cross_entropy(tf.ones_like(fake_logits), fake_logits)
            discriminator_loss = cross_entropy(tf.ones_like(real_logits), real_logits)
            discriminator_loss += cross_entropy(tf.zeros_like(fake_logits), fake_logits)
        for tape, loss, network, optimizer in (
            (generator_tape, generator_loss, generator, generator_optimizer),
            (discriminator_tape, discriminator_loss, discriminator, discriminator_optimizer),
        ):
            variables = network.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    return train_step


def tutorial(work: str, data: np.ndarray, seed: int, bfloat16: bool = False) -> Engine:
    prepare_keras(seed, bfloat16)
    batch, latents = WORKS[work]["batch"], WORKS[work]["latents"]
    networks = peer_networks.of_keras(work, data.shape[1:])
    if game := peer_networks.game_of(work):
        optimizers = [keras_adam(**WORKS[work].get("average", {})), keras_adam()]
        train_step = game.make_step(*networks, optimizers, batch, latents)
    else:
        train_step = tutorial_step(*networks, batch, latents)
    dataset = batches(data, batch)
    return (lambda steps: seconds_of_loop(dataset, train_step, steps)), lambda: networks


def guide_gan(
    generator: Any, discriminator: Any, latents: int, seed: int, label_noise: float = 0.0
) -> Any:
    """The guide's keras.Model, not yet compiled. It calls fakes 1 and real rows 0, and adds
    U(0, label_noise) to these labels when D is trained."""
    import keras
    import tensorflow as tf

    class GuideGAN(keras.Model):
        def __init__(self):
            super().__init__()
            self.generator, self.discriminator = generator, discriminator
            self.seed_generator = keras.random.SeedGenerator(seed)
            self.trackers = {name: keras.metrics.Mean(name) for name in ("d_loss", "g_loss")}
            self.built = True

        def compile(self, d_optimizer, g_optimizer, loss_fn):
            super().compile()
            self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
            self.loss_fn = loss_fn

        @property
        def metrics(self):
            return list(self.trackers.values())

        def fakes(self, count):
            noise = keras.random.normal([count, latents], seed=self.seed_generator)
            return self.generator(noise, training=True)

        def train_step(self, real):
            count = tf.shape(real)[0]
            joined = tf.concat([self.fakes(count), real], 0)
            labels = tf.concat([tf.ones([count, 1]), tf.zeros([count, 1])], 0)
            if label_noise:
                drawn = keras.random.uniform(tf.shape(labels), seed=self.seed_generator)
                labels += label_noise * drawn
            with tf.GradientTape() as tape:
                d_loss = self.loss_fn(labels, self.discriminator(joined, training=True))
            weights = self.discriminator.trainable_weights
            self.d_optimizer.apply(tape.gradient(d_loss, weights), weights)
            with tf.GradientTape() as tape:
                logits = self.discriminator(self.fakes(count), training=True)
                g_loss = self.loss_fn(tf.zeros([count, 1]), logits)
            weights = self.generator.trainable_weights
            self.g_optimizer.apply(tape.gradient(g_loss, weights), weights)
            self.trackers["d_loss"].update_state(d_loss)
            self.trackers["g_loss"].update_state(g_loss)
            return {name: tracker.result() for name, tracker in self.trackers.items()}

    return GuideGAN()


def guide(work: str, data: np.ndarray, seed: int, bfloat16: bool = False) -> Engine:
    import keras

    prepare_keras(seed, bfloat16)
    networks = peer_networks.of_keras(work, data.shape[1:])
    gan = guide_gan(*networks, WORKS[work]["latents"], seed)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    gan.compile(keras_adam(), keras_adam(), loss)
    dataset = batches(data, WORKS[work]["batch"]).repeat()
    return (lambda steps: seconds_of_fit(gan, dataset, steps_per_epoch=steps)), lambda: networks


def keras_io_gan(
    generator: Any, critic: Any, latents: int, critic_steps: int, optimizers: list[Any]
) -> Any:
    """The keras.Model of keras-io's WGAN-GP, compiled. All updates of the critic in a step see the
    same real rows; its penalty's points are real + a (fake − real) with a from N(0, 1)."""
    import keras
    import tensorflow as tf

    class ExampleGAN(keras.Model):
        def train_step(self, real):
            count = tf.shape(real)[0]
            for _ in range(critic_steps):
                noise = tf.random.normal([count, latents])
                share = tf.random.normal([count, 1, 1, 1])
                with tf.GradientTape() as tape:
                    fake = tf.cast(generator(noise, training=True), real.dtype)
                    loss = tf.reduce_mean(critic(fake, training=True))
                    loss -= tf.reduce_mean(critic(real, training=True))
                    between = real + share * (fake - real)
                    with tf.GradientTape() as inner:
                        inner.watch(between)
                        logits = critic(between, training=True)
                    slopes = tf.square(inner.gradient(logits, between))
                    norms = tf.sqrt(tf.reduce_sum(slopes, [1, 2, 3]))
                    loss = tf.cast(loss, norms.dtype) + 10.0 * tf.reduce_mean((norms - 1) ** 2)
                weights = critic.trainable_weights
                optimizers[0].apply(tape.gradient(loss, weights), weights)
            with tf.GradientTape() as tape:
                fake = generator(tf.random.normal([count, latents]), training=True)
                generator_loss = -tf.reduce_mean(critic(fake, training=True))
            weights = generator.trainable_weights
            optimizers[1].apply(tape.gradient(generator_loss, weights), weights)
            return {"d_loss": loss, "g_loss": generator_loss}

    gan = ExampleGAN()
    gan.built = True
    gan.compile()
    return gan


def keras_io(work: str, data: np.ndarray, seed: int, bfloat16: bool = False) -> Engine:
    prepare_keras(seed, bfloat16)
    known = WORKS[work]
    networks = peer_networks.of_keras(work, data.shape[1:])
    optimizers = [keras_adam(), keras_adam()]
    gan = keras_io_gan(*networks, known["latents"], known["critic_steps"], optimizers)
    dataset = batches(data, known["batch"]).repeat()
    return (lambda steps: seconds_of_fit(gan, dataset, steps_per_epoch=steps)), lambda: networks


# ---- PyTorch


def pytorch(
    work: str, data: np.ndarray, seed: int, bfloat16: bool = False, compiled: bool = False
) -> Engine:
    import torch

    torch.manual_seed(seed)
    batch, latents = WORKS[work]["batch"], WORKS[work]["latents"]
    if len(data.shape) == 4:
        data = np.ascontiguousarray(data.transpose(0, 3, 1, 2))
    generator, discriminator = peer_networks.of_torch(work, data.shape[1:])
    if compiled:
        generator, discriminator = torch.compile(generator), torch.compile(discriminator)
    optimizers = [
        torch.optim.Adam(network.parameters(), RATE, BETAS, EPSILON)
        for network in (generator, discriminator)
    ]
    if game := peer_networks.game_of(work, "_torch"):
        networks = (generator, discriminator)
        train_step = game.make_step(*networks, optimizers, batch, latents, bfloat16)
    elif "critic_steps" in WORKS[work]:
        steps = WORKS[work]["critic_steps"]
        train_step = pytorch_critic_step(generator, discriminator, *optimizers, latents, steps)
    else:
        train_step = pytorch_step(generator, discriminator, *optimizers, latents, bfloat16)
    rows = torch.utils.data.TensorDataset(torch.from_numpy(data))
    loader = torch.utils.data.DataLoader(rows, batch, shuffle=True)
    run = functools.partial(seconds_of_loop, loader, train_step)
    return run, lambda: (generator, discriminator)


def pytorch_step(
    generator: Any,
    discriminator: Any,
    generator_optimizer: Any,
    discriminator_optimizer: Any,
    latents: int,
    bfloat16: bool = False,
) -> Callable[[Any], object]:
    """The example's step on an element of its DataLoader: D first, G on the same fakes."""
    import torch

    def loss(samples: Any, targets: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = discriminator(samples)
        return torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), targets)

    def train_step(element):
        (real,) = element
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        discriminator.zero_grad()
        loss(real, ones).backward()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            fake = generator(torch.randn(len(real), latents))
        loss(fake.detach(), zeros).backward()
        discriminator_optimizer.step()
        generator.zero_grad()
        loss(fake, ones).backward()
        generator_optimizer.step()

    return train_step


def pytorch_critic_step(
    generator: Any,
    critic: Any,
    generator_optimizer: Any,
    critic_optimizer: Any,
    latents: int,
    critic_steps: int,
) -> Callable[[Any], object]:
    """The step of `keras_io_gan` on an element of a DataLoader."""
    import torch

    def train_step(element):
        (real,) = element
        for _ in range(critic_steps):
            with torch.no_grad():
                fake = generator(torch.randn(len(real), latents))
            share = torch.randn(len(real), 1, 1, 1)
            between = (real + share * (fake - real)).requires_grad_()
            slopes = torch.autograd.grad(critic(between).sum(), between, create_graph=True)[0]
            penalty = ((slopes.flatten(1).norm(dim=1) - 1) ** 2).mean()
            loss = critic(fake).mean() - critic(real).mean() + 10.0 * penalty
            critic_optimizer.zero_grad()
            loss.backward()
            critic_optimizer.step()
        generator_optimizer.zero_grad()
        (-critic(generator(torch.randn(len(real), latents))).mean()).backward()
        generator_optimizer.step()

    return train_step
