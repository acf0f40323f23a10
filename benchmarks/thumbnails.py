"""A picture for each GAN of the zoo: 16 samples after a short training.

Settings are those of each GAN, except for what a training of minutes on a CPU needs: narrow
networks (`WIDTHS`), larger rates and a moving average of the generator's weights (`SETTINGS`),
batches of 32 and the fastest precision. `--width` is another width, 0 leaves the networks as they
are, and `--set` has the last word. `--seconds` counts seconds of one core, without building and
tracing.

    python benchmarks/thumbnails.py                     # all names, about half a minute each
    python benchmarks/thumbnails.py stylegan2 fastgan --seconds 150
    python benchmarks/thumbnails.py infogan --weights mnist5k   # of a pretrained generator
    python benchmarks/thumbnails.py --data shapes --seconds 120    # one sheet, about an hour
    python benchmarks/thumbnails.py --data emoji --seconds 120     # at 32×32
    python benchmarks/thumbnails.py wgan --data emoji --seconds 300    # one cell of it again

A GAN whose generator maps images is shown with what it maps beside the outputs. Pictures go to
results/zoo/NAME.png, and with `--data` to one sheet, results/zoo-DATA.png. How each was made goes
to results/zoo.csv. `python benchmarks/pages.py` puts the pictures into the README.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import tables
from PIL import Image, ImageDraw

import ganzoo
from ganzoo import data
from ganzoo.core.gan import GAN
from ganzoo.foundation import keywords, registry
from ganzoo.reporting import mapped, plots

SHOWN = 16
BATCH = 32
NARROW = 32
WIDTHS = dict.fromkeys(("gan", "minimax_gan", "fgan", "unrolled_gan"), 0)
WIDTHS |= dict.fromkeys(("biggan", "sagan", "reacgan", "sngan", "projection_gan"), 8)
WIDTHS |= {"stylegan2": 8, "fastgan": 8}

AVERAGED = {"ema": 0.99, "precision": "auto"}
FAST = AVERAGED | {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}
SLOW_D = AVERAGED | {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 2e-4}
SETTINGS: dict[str, dict[str, Any]] = dict.fromkeys(ganzoo.names(), AVERAGED)
SETTINGS |= dict.fromkeys(("dcgan", "cgan", "pacgan", "ragan", "rsgan", "gan", "fgan"), SLOW_D)
SETTINGS |= dict.fromkeys(("dragan", "r3gan", "fastgan", "wgan_gp"), FAST)
SETTINGS["minimax_gan"] = SLOW_D | {"discriminator_learning_rate": 5e-5}
SETTINGS["infogan"] = AVERAGED | {"penalties": {"r1": 0.1}}
# For the sheets in colour: without these they draw noise or one scene.
IN_COLOUR: dict[str, dict[str, Any]] = {
    "fgan": {"architecture": "dcgan", "width": NARROW},
    "minimax_gan": {"architecture": "dcgan", "width": NARROW},
    "sngan": {"critic_steps": 5},
}
SETTINGS["began"] = FAST | {"latent_dim": 32, "proportional_gain": 0.1}

CELL = (8 * 33 - 1, 2 * 33 - 1)  # pixels of a sheet's pictures: two rows of eight at 32×32
MARGIN, TITLE, COLUMNS = 6, 14, 4
RESULTS = Path(__file__).parents[1] / "results"


class StopAfter(keras.callbacks.Callback):
    """Ends training after some seconds of one core, which begin with the second step: the first
    one traces."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds = seconds

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        if batch == 0:
            self.end = time.process_time() + self.seconds
        self.model.stop_training = time.process_time() > self.end


def maps(name: str) -> bool:
    """Whether the generator maps images that it is given."""
    return [x.kind for x in registry.find(name).columns.values()].count("sample") > 1


def suits(name: str, source: str | None) -> bool:
    """Whether a GAN draws pictures, and those of a data set without labels if it has none."""
    columns = ganzoo.get(name).columns.values()
    if any(column.kind == "table" or column.is_series for column in columns):
        return False
    if source is None:
        return True
    labels = any(column.kind == "label" for column in columns)
    return not maps(name) and not (labels and not has_labels(source))


@functools.cache
def has_labels(source: str) -> bool:
    return "label" in data.load(source, size=sized(source)).element_spec


def sized(source: str) -> tuple[int, int] | None:
    return (32, 32) if source == "emoji" else None


def picture(
    gan_name: str,
    source: str | None,
    seconds: float,
    width: int,
    seed: int,
    weights: str | None,
    settings: list[str],
) -> tuple[str, int, np.ndarray]:
    """The data set, the number of steps, and a contact sheet."""
    if weights:
        gan = ganzoo.get(gan_name, weights=weights)
        (card,) = [card for card in ganzoo.weights(gan_name) if card.name == weights]
        return f"{weights}, pretrained", card.steps, colours(gan, seed)
    chosen = SETTINGS[gan_name] | (IN_COLOUR.get(gan_name, {}) if source else {})
    chosen |= {"width": width} if width else {}
    gan = ganzoo.get(gan_name, **chosen | keywords.read(gan_name, settings, seed))
    source = source or gan.default_data
    examples = shown = data.load(source, size=sized(source))
    if maps(gan_name):
        examples, shown = ganzoo.data.held_out(examples, SHOWN // 2)
    stop = StopAfter(seconds)
    gan.fit(examples, batch_size=BATCH, steps_per_epoch=10**6, callbacks=[stop], verbose=0)
    if not mapped.given_names(gan):
        return source, gan.step, colours(gan, seed)
    stream = gan.batches(shown, batch_size=1, steps=1, replicas=1, shuffle=False)
    kept = list(stream.dataset.take(SHOWN // 2))
    rows = {name: np.concatenate([row[name] for row in kept]) for name in gan.columns}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mapped.png")
        mapped.save_mapped(gan, path, rows)
        return source, gan.step, np.asarray(Image.open(path).convert("RGB"))


def colours(gan: GAN, seed: int) -> np.ndarray:
    """A contact sheet in three channels."""
    samples = gan.sample(SHOWN, seed)
    sheet = plots.contact_sheet(samples, 8, value_range=gan.spec.value_range)
    return np.repeat(sheet, 3, -1) if sheet.shape[-1] == 1 else sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--data", help="of those that draw samples; their own by default")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--width", type=int)
    parser.add_argument("--weights", help="of a pretrained generator, in place of a training")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    names = chosen.names or [name for name in ganzoo.names() if suits(name, chosen.data)]
    for name in names:
        began = time.monotonic()
        width = WIDTHS.get(name, NARROW) if chosen.width is None else chosen.width
        source, steps, pixels = picture(
            name, chosen.data, chosen.seconds, width, chosen.seed, chosen.weights, chosen.set
        )
        if chosen.data:
            put(pixels, name, chosen.data)
        else:
            (RESULTS / "zoo").mkdir(exist_ok=True)
            plt.imsave(RESULTS / "zoo" / f"{name}.png", pixels)
        command = f"python benchmarks/thumbnails.py {name} --seconds {chosen.seconds:g}"
        command += f" --width {width}"
        command += f" --set {' '.join(chosen.set)}" if chosen.set else ""
        if chosen.weights:
            command = f"python benchmarks/thumbnails.py {name} --weights {chosen.weights}"
        row = {
            "name": name, "data": source, "steps": steps, "seed": chosen.seed,
            "seconds": round(time.monotonic() - began), **tables.facts(),
            "command": command + (f" --data {chosen.data}" if chosen.data else ""),
        }  # fmt: skip
        print(*row.values(), flush=True)
        tables.write(RESULTS / "zoo.csv", [row], ("name", "data"), ("name", "data"))


def put(pixels: np.ndarray, name: str, source: str) -> None:
    """Puts a contact sheet with its name above it into the sheet of a data set."""
    path = RESULTS / f"zoo-{source}.png"
    names = [name for name in ganzoo.names() if suits(name, source)]
    width, height = CELL[0] + MARGIN, CELL[1] + MARGIN + TITLE
    size = (COLUMNS * width, -(-len(names) // COLUMNS) * height)
    sheet = Image.open(path).convert("RGB") if path.exists() else Image.new("RGB", size, "white")
    if sheet.size != size:
        sheet = Image.new("RGB", size, "white")
    row, column = divmod(names.index(name), COLUMNS)
    left, top = column * width, row * height
    shown = Image.fromarray(pixels)
    shown.thumbnail(CELL, Image.Resampling.BOX)
    sheet.paste("white", (left, top, left + width, top + height))
    ImageDraw.Draw(sheet).text((left, top), name, "black")
    sheet.paste(shown, (left, top + TITLE))
    sheet.save(path)


if __name__ == "__main__":
    main()
