"""The trainings that benchmarks/race.py compares, each with its own settings.

    python benchmarks/race_engines.py tutorial IMAGES.npy FOLDER --seed 7 --points 15 30 60

trains one of them in this process, until the last check point in seconds of training, and writes
its samples at each to FOLDER/POINT.npy, uint8 [N, height, width, channels], and the seconds and the
steps to FOLDER/passed.json. The clock runs while networks are built, functions are traced and steps
are made. It stands still while samples are drawn. Importing the libraries and reading the data file
are not counted; ganzoo's own loading of its data is.

`ganzoo` trains a GAN as `ganzoo train NAME` does: data by name, with the recipe of the GAN, whose
rates fall to 0 with the last step of that command. The pictures, measurements, checkpoints and
exports of a run are left out.

The others are written from their descriptions. What they have in common with the loops that
benchmarks/speed.py times is in peers.py. Each has its own networks, rates, batch size, order of
rows, and way to draw samples:

- `tutorial`, TensorFlow's DCGAN tutorial: batches of 256, 100 latents, Adam (1e-4), samples in
  inference mode.
- `guide`, the GAN of Keras's guide to custom training steps: batches of 64, 128 latents, no
  normalisation, Adam (3e-4), pixels in [0, 1], noise of up to 0.05 on D's labels.
- `wgan_gp`, keras-io's example WGAN-GP: batches of 512, 128 latents, three updates of the critic on
  the same real rows, penalty 10 at points real + a (fake − real) with a from N(0, 1), Adam (2e-4,
  β 0.5 and 0.9), samples in inference mode.
- `pytorch`, the DCGAN of pytorch/examples: batches of 64, 100 latents, weights from N(0, 0.02),
  Adam (2e-4, β₁ 0.5). Its pictures come from a generator in training mode, 64 at a time, and so do
  the samples here.

What was adapted: the first two begin at a quarter of the image's side, and have as many channels as
the data; `wgan_gp` pads images of 32 pixels by nothing. The example of PyTorch scales all images to
64×64. Here it is spared that, and the innermost of its layers (512 channels at 4×4), so that it
trains on 32×32; images of 28 pixels get a border of two black ones, which its samples lose again.
Its rows come from memory, without worker processes. A sigmoid and its cross entropy are one
function of the logits, which is the same loss.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import peer_networks
import peers

Draw = Callable[[int], np.ndarray]
SIDES = (28, 32)  # of the images that the peers' networks are made for


class Clock:
    """Seconds of training, which stand still while samples are drawn.

    Args:
        points: the check points in seconds.
        samples: how many samples are drawn at each.
        folder: where they are written.
    """

    def __init__(self, points: Iterable[float], samples: int, folder: Path):
        self.points, self.samples, self.folder = sorted(points), samples, folder
        self.steps, self.passed = 0, []
        self.began = time.perf_counter()

    def tick(self, draw: Draw) -> bool:
        """Counts one step, and draws samples if it passed a check point. Returns whether that was
        the last one. A step that is longer than the time between two check points passes both."""
        taken, self.steps = time.perf_counter() - self.began, self.steps + 1
        reached = [p for p in self.points[len(self.passed) :] if p <= taken]
        if reached:
            samples = draw(self.samples)
            for point in reached:
                np.save(self.folder / f"{point:g}.npy", samples)
                self.passed.append({"point": point, "seconds": taken, "steps": self.steps})
            (self.folder / "passed.json").write_text(json.dumps(self.passed))
            self.began = time.perf_counter() - taken
        return len(self.passed) == len(self.points)


def as_bytes(images: np.ndarray, low: float = -1.0) -> np.ndarray:
    """Images whose values lie in [low, 1] as uint8."""
    unit = (np.asarray(images, np.float32) - low) / (1 - low)
    return np.rint(255 * np.clip(unit, 0, 1)).astype(np.uint8)


def until_the_end(elements: Iterable[Any], step: Callable[[Any], object], clock: Clock, draw: Draw):
    """Makes steps on pass after pass over `elements` until the clock has its last check point."""
    for element in itertools.chain.from_iterable(itertools.repeat(elements)):
        step(element)
        if clock.tick(draw):
            return


def callback(clock: Clock, draw: Draw) -> Any:
    """What ends a `fit` at the clock's last check point."""
    import keras

    class Ticking(keras.callbacks.Callback):
        reads_logs = False  # so that ganzoo's `fit` need not fetch them

        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = clock.tick(draw)

    return Ticking()


def drawn_by_keras(generator: Any, latents: int, seed: int, low: float = -1.0) -> Draw:
    """Draws samples in inference mode, 256 at a time."""
    import keras

    def draw(count: int) -> np.ndarray:
        noise = np.random.default_rng(seed).standard_normal((count, latents)).astype("float32")
        chunks = [
            keras.ops.convert_to_numpy(generator(noise[start : start + 256], training=False))
            for start in range(0, count, 256)
        ]
        return as_bytes(np.concatenate(chunks), low)

    return draw


# ---- the engines: (images, uint8 [N, height, width, channels]; seed; what makes the clock)

Start = Callable[[], Clock]
MANY = 10**6  # epochs or steps: the clock ends the training


def ganzoo(data: str, seed: int, start: Start, name: str, settings: list[str]) -> None:
    """Takes the name of the data set in place of its images."""
    import tensorflow as tf  # noqa: F401  ganzoo imports it when it is first needed

    import ganzoo
    from ganzoo.foundation import keywords
    from ganzoo.training import recipes

    hyperparameters = keywords.read(name, settings, seed)
    size = SIZES.get(data)
    clock = start()
    gan = ganzoo.get(name, **hyperparameters)
    examples = ganzoo.data.load(data, size=size)
    recipe = recipes.chosen(gan, examples)
    steps, batch_size = recipe.pop("steps", MANY), recipe.pop("batch_size", None)
    recipe = recipes.falling(recipe, steps, gan.critic_steps)
    gan = ganzoo.get(name, **recipe | hyperparameters)
    watch = callback(clock, lambda count: gan.sample(count, seed))
    gan.fit(examples, batch_size=batch_size, steps_per_epoch=MANY, callbacks=[watch], verbose=0)


SIZES = {"emoji": (32, 32)}  # of data that are larger than the peers' networks


def tutorial(images: np.ndarray, seed: int, start: Start) -> None:
    import keras
    import tensorflow as tf  # noqa: F401  peers imports it when it is first needed

    batch, latents = 256, 100
    data = images.astype("float32") / 127.5 - 1
    clock = start()
    keras.utils.set_random_seed(seed)
    generator, discriminator = peer_networks.of_keras("dcgan28", images.shape[1:])
    step = peers.tutorial_step(generator, discriminator, batch, latents)
    draw = drawn_by_keras(generator, latents, seed)
    until_the_end(peers.batches(data, batch), step, clock, draw)


def guide(images: np.ndarray, seed: int, start: Start) -> None:
    import keras
    import tensorflow as tf
    from keras import layers as kl

    latents, side, channels = 128, images.shape[1] // 4, images.shape[-1]
    data = images.astype("float32") / 255
    clock = start()
    keras.utils.set_random_seed(seed)
    body: list[Any] = [keras.Input([latents]), kl.Dense(side * side * 128), kl.LeakyReLU(0.2)]
    body.append(kl.Reshape([side, side, 128]))
    for _ in range(2):
        body += [kl.Conv2DTranspose(128, 4, 2, padding="same"), kl.LeakyReLU(0.2)]
    generator = keras.Sequential(
        [*body, kl.Conv2D(channels, 7, padding="same", activation="sigmoid")]
    )
    body = [keras.Input(images.shape[1:])]
    for width in (64, 128):
        body += [kl.Conv2D(width, 3, 2, padding="same"), kl.LeakyReLU(0.2)]
    discriminator = keras.Sequential([*body, kl.GlobalMaxPooling2D(), kl.Dense(1)])
    gan = peers.guide_gan(generator, discriminator, latents, seed, label_noise=0.05)
    optimizers = [keras.optimizers.Adam(3e-4) for _ in range(2)]
    gan.compile(*optimizers, keras.losses.BinaryCrossentropy(from_logits=True))
    dataset = tf.data.Dataset.from_tensor_slices(data).shuffle(1024).batch(64)
    watch = callback(clock, drawn_by_keras(generator, latents, seed, low=0.0))
    gan.fit(dataset, epochs=MANY, callbacks=[watch], verbose=0)


def wgan_gp(images: np.ndarray, seed: int, start: Start) -> None:
    import keras

    data = images.astype("float32") / 127.5 - 1
    clock = start()
    keras.utils.set_random_seed(seed)
    generator, critic = peer_networks.of_keras("wgan_gp28", images.shape[1:])
    optimizers = [keras.optimizers.Adam(2e-4, 0.5, 0.9) for _ in range(2)]
    gan = peers.keras_io_gan(generator, critic, 128, 3, optimizers)
    watch = callback(clock, drawn_by_keras(generator, 128, seed))
    gan.fit(data, batch_size=512, epochs=MANY, callbacks=[watch], verbose=0)


def pytorch(images: np.ndarray, seed: int, start: Start) -> None:
    import torch

    latents, batch, widths, channels = 100, 64, (256, 128, 64), images.shape[-1]
    border = (32 - images.shape[1]) // 2
    sides = [(0, 0), (border, border), (border, border), (0, 0)]
    data = np.pad(images, sides).transpose(0, 3, 1, 2).astype("float32") / 127.5 - 1
    data = np.ascontiguousarray(data)
    clock = start()
    torch.manual_seed(seed)
    generator, discriminator = peer_networks.torch_dcgan(latents, widths, channels)
    optimizers = [
        torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999))
        for network in (generator, discriminator)
    ]
    rows = torch.utils.data.TensorDataset(torch.from_numpy(data))
    loader = torch.utils.data.DataLoader(rows, batch, shuffle=True)
    step = peers.pytorch_step(generator, discriminator, *optimizers, latents)

    @torch.no_grad()
    def draw(count: int) -> np.ndarray:
        chunks = [generator(torch.randn(batch, latents)) for _ in range(-(-count // batch))]
        drawn = np.concatenate([chunk.numpy() for chunk in chunks])[:count]
        inside = slice(border, 32 - border)
        return as_bytes(drawn[:, :, inside, inside].transpose(0, 2, 3, 1))

    until_the_end(loader, step, clock, draw)


PEERS = {engine.__name__: engine for engine in (tutorial, guide, wgan_gp, pytorch)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("engine", help="a peer, or the name of one of ganzoo's GANs")
    parser.add_argument("data", help="of a peer its images, an .npy file; else a data set's name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--points", type=float, nargs="+", default=[15.0, 30.0, 60.0])
    parser.add_argument("--samples", type=int, default=2500)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()

    def start() -> Clock:
        return Clock(options.points, options.samples, options.folder)

    if options.engine in PEERS:
        PEERS[options.engine](np.load(options.data), options.seed, start)
    else:
        ganzoo(options.data, options.seed, start, options.engine, options.set)


if __name__ == "__main__":
    main()
