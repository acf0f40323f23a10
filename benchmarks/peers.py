"""The loops that speed.py and race.py compare `fit` with, written from their descriptions.

Each engine takes a work's name, the data and a seed, and gives a function that trains a number of
steps and returns the seconds they took. Nothing but NumPy is imported before an engine is called:
TensorFlow and PyTorch live in environments of their own.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

RATE = 1e-4
BETAS = (0.9, 0.999)
EPSILON = 1e-7
WORKS: dict[str, dict[str, int]] = {
    "ring": {"batch": 256, "latents": 16, "width": 128},
    "mlp784": {"batch": 128, "latents": 64, "width": 256},
    "dcgan28": {"batch": 128, "latents": 100},
}
Run = Callable[[int], float]


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


# ---- TensorFlow and Keras


def keras_networks(work: str, shape: tuple[int, ...], own: Any = None) -> tuple[Any, Any]:
    """G and D; with batch normalisation and leaky ReLU by the module `own`, or by Keras."""
    import keras
    from keras import layers as kl

    own = own or kl
    latents, width = WORKS[work]["latents"], WORKS[work].get("width")
    if work != "dcgan28":
        generator = [keras.Input([latents])]
        discriminator = [keras.Input(shape), kl.Flatten()]
        for _ in range(3):
            generator += [kl.Dense(width), kl.ReLU()]
            discriminator += [kl.Dense(width), kl.LeakyReLU(0.2)]
        generator.append(kl.Dense(math.prod(shape)))
        if work == "mlp784":
            generator += [kl.Activation("tanh"), kl.Reshape(shape)]
        return keras.Sequential(generator), keras.Sequential([*discriminator, kl.Dense(1)])

    def up(channels: int, stride: int, **options: Any) -> kl.Layer:
        return kl.Conv2DTranspose(channels, 5, stride, padding="same", use_bias=False, **options)

    def down(channels: int) -> list[kl.Layer]:
        return [kl.Conv2D(channels, 5, 2, padding="same"), own.LeakyReLU(0.3), kl.Dropout(0.3)]

    def normalised() -> list[kl.Layer]:
        return [own.BatchNormalization(), own.LeakyReLU(0.3)]

    side, channels = shape[0] // 4, shape[-1]
    generator = [keras.Input([latents]), kl.Dense(side * side * 256, use_bias=False)]
    generator += [*normalised(), kl.Reshape([side, side, 256]), up(128, 1), *normalised()]
    generator += [up(64, 2), *normalised(), up(channels, 2, activation="tanh")]
    discriminator = [keras.Input(shape), *down(64), *down(128), kl.Flatten(), kl.Dense(1)]
    return keras.Sequential(generator), keras.Sequential(discriminator)


def keras_adam() -> Any:
    import keras

    return keras.optimizers.Adam(RATE, *BETAS, epsilon=EPSILON)


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


def tutorial(work: str, data: np.ndarray, seed: int) -> Run:
    import keras

    keras.utils.set_random_seed(seed)
    batch, latents = WORKS[work]["batch"], WORKS[work]["latents"]
    train_step = tutorial_step(*keras_networks(work, data.shape[1:]), batch, latents)
    dataset = batches(data, batch)
    return lambda steps: seconds_of_loop(dataset, train_step, steps)


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


def guide(work: str, data: np.ndarray, seed: int) -> Run:
    import keras

    keras.utils.set_random_seed(seed)
    gan = guide_gan(*keras_networks(work, data.shape[1:]), WORKS[work]["latents"], seed)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    gan.compile(keras_adam(), keras_adam(), loss)
    dataset = batches(data, WORKS[work]["batch"]).repeat()
    return lambda steps: seconds_of_fit(gan, dataset, steps_per_epoch=steps)


# ---- PyTorch


def pytorch(work: str, data: np.ndarray, seed: int) -> Run:
    import torch
    from torch import nn

    torch.manual_seed(seed)
    batch, latents, width = (WORKS[work].get(key) for key in ("batch", "latents", "width"))
    if work == "dcgan28":
        data = np.ascontiguousarray(data.transpose(0, 3, 1, 2))
        generator = nn.Sequential(
            nn.Linear(latents, 7 * 7 * 256, bias=False),
            nn.BatchNorm1d(7 * 7 * 256),
            nn.LeakyReLU(0.3),
            nn.Unflatten(1, (256, 7, 7)),
            nn.ConvTranspose2d(256, 128, 5, 1, 2, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(128, 64, 5, 2, 2, output_padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.LeakyReLU(0.3),
            nn.ConvTranspose2d(64, 1, 5, 2, 2, output_padding=1, bias=False),
            nn.Tanh(),
        )
        discriminator = nn.Sequential(
            nn.Conv2d(1, 64, 5, 2, 2),
            nn.LeakyReLU(0.3),
            nn.Dropout(0.3),
            nn.Conv2d(64, 128, 5, 2, 2),
            nn.LeakyReLU(0.3),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(7 * 7 * 128, 1),
        )
    else:
        size = math.prod(data.shape[1:])
        up, down = (latents, width, width), (size, width, width)
        body = [layer for n in up for layer in (nn.Linear(n, width), nn.ReLU())]
        tail = [nn.Tanh(), nn.Unflatten(1, data.shape[1:])] if work == "mlp784" else []
        generator = nn.Sequential(*body, nn.Linear(width, size), *tail)
        body = [layer for n in down for layer in (nn.Linear(n, width), nn.LeakyReLU(0.2))]
        discriminator = nn.Sequential(nn.Flatten(), *body, nn.Linear(width, 1))
    optimizers = [
        torch.optim.Adam(network.parameters(), RATE, BETAS, EPSILON)
        for network in (generator, discriminator)
    ]
    train_step = pytorch_step(generator, discriminator, *optimizers, latents)
    rows = torch.utils.data.TensorDataset(torch.from_numpy(data))
    loader = torch.utils.data.DataLoader(rows, batch, shuffle=True)
    return lambda steps: seconds_of_loop(loader, train_step, steps)


def pytorch_step(
    generator: Any,
    discriminator: Any,
    generator_optimizer: Any,
    discriminator_optimizer: Any,
    latents: int,
) -> Callable[[Any], object]:
    """The example's step on an element of its DataLoader: D first, G on the same fakes."""
    import torch

    cross_entropy = torch.nn.BCEWithLogitsLoss()

    def train_step(element):
        (real,) = element
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        discriminator.zero_grad()
        cross_entropy(discriminator(real), ones).backward()
        fake = generator(torch.randn(len(real), latents))
        cross_entropy(discriminator(fake.detach()), zeros).backward()
        discriminator_optimizer.step()
        generator.zero_grad()
        cross_entropy(discriminator(fake), ones).backward()
        generator_optimizer.step()

    return train_step
