"""A picture for each GAN of the zoo: 16 samples after a short training.

Settings are those that `ganzoo train` chooses: the GAN's recipe, and narrow networks where there is
no GPU. But batches have 32 images, and rates don't fall. `--set` has the last word. `--seconds`
counts seconds of one core, without building and tracing.

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
from ganzoo.training import recipes

SHOWN = 16
BATCH = 32
# For the sheets in colour: without these they draw noise or one scene.
IN_COLOUR: dict[str, dict[str, Any]] = {
    "fgan": {"architecture": "dcgan", "width": 32},
    "minimax_gan": {"architecture": "dcgan", "width": 32},
    "sngan": {"critic_steps": 5},
}

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
    seed: int,
    weights: str | None,
    settings: list[str],
) -> tuple[str, int, np.ndarray]:
    """The data set, the number of steps, and a contact sheet."""
    if weights:
        gan = ganzoo.get(gan_name, weights=weights)
        (card,) = [card for card in ganzoo.weights(gan_name) if card.name == weights]
        return f"{weights}, pretrained", card.steps, colours(gan, seed)
    in_colour = IN_COLOUR.get(gan_name, {}) if source else {}
    source = source or ganzoo.get(gan_name).default_data
    examples = shown = data.load(source, size=sized(source))
    chosen = recipes.chosen(ganzoo.get(gan_name), examples, decided=("steps", "batch_size"))
    chosen |= in_colour | keywords.read(gan_name, settings, seed)
    gan = ganzoo.get(gan_name, **chosen)
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
    parser.add_argument("--weights", help="of a pretrained generator, in place of a training")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    names = chosen.names or [name for name in ganzoo.names() if suits(name, chosen.data)]
    for name in names:
        began = time.monotonic()
        source, steps, pixels = picture(
            name, chosen.data, chosen.seconds, chosen.seed, chosen.weights, chosen.set
        )
        if chosen.data:
            put(pixels, name, chosen.data)
        else:
            (RESULTS / "zoo").mkdir(exist_ok=True)
            plt.imsave(RESULTS / "zoo" / f"{name}.png", pixels)
        command = f"python benchmarks/thumbnails.py {name} --seconds {chosen.seconds:g}"
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
