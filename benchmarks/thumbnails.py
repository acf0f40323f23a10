"""A picture for each GAN of the zoo: 16 samples after a short training.

Settings are those of each GAN, except for the width of the networks, which is small enough for some
hundred steps on a CPU (`WIDTHS`). `--width` is another one, and 0 leaves the networks as they are.

    python benchmarks/thumbnails.py                     # all names, about half a minute each
    python benchmarks/thumbnails.py stylegan2 fastgan --seconds 150
    python benchmarks/thumbnails.py infogan --weights mnist5k   # of a pretrained generator
    python benchmarks/thumbnails.py --data shapes --seconds 120    # one sheet, about an hour
    python benchmarks/thumbnails.py --data emoji --seconds 120     # at 32×32

A GAN whose generator maps images is shown with what it maps above the outputs. Pictures go to
results/zoo/NAME.png, and with `--data` to one sheet, results/zoo-DATA.png. How each was made goes
to results/zoo.csv. `python benchmarks/pages.py` puts the pictures into the README.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import keras
import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import tables
from PIL import Image

import ganzoo
from ganzoo import data
from ganzoo.core.gan import GAN
from ganzoo.foundation import keywords, registry
from ganzoo.reporting import mapped, plots

SHOWN = 16
NARROW = 32
WIDTHS = dict.fromkeys(("gan", "minimax_gan", "fgan", "unrolled_gan", "stylegan2", "fastgan"), 0)
WIDTHS |= dict.fromkeys(("biggan", "sagan", "reacgan", "sngan", "projection_gan"), 16)
RESULTS = Path(__file__).parents[1] / "results"


class StopAfter(keras.callbacks.Callback):
    """Ends training after some seconds, which begin with the second step: the first one traces."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds = seconds

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        if batch == 0:
            self.end = time.monotonic() + self.seconds
        self.model.stop_training = time.monotonic() > self.end


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
    return not maps(name) and not (labels and "label" not in data.load(source).element_spec)


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
        return weights, card.steps, colours(gan, seed)
    chosen = ({"width": width} if width else {}) | keywords.read(gan_name, settings, seed)
    gan = ganzoo.get(gan_name, **chosen)
    source = source or gan.default_data
    size = (32, 32) if source == "emoji" else None
    examples = shown = ganzoo.data.load(source, size=size)
    if maps(gan_name):
        examples, shown = ganzoo.data.held_out(examples, SHOWN // 2)
    gan.fit(examples, steps_per_epoch=10**6, callbacks=[StopAfter(seconds)], verbose=0)
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
    sheets = {}
    for name in names:
        began = time.monotonic()
        width = WIDTHS.get(name, NARROW) if chosen.width is None else chosen.width
        source, steps, sheets[name] = picture(
            name, chosen.data, chosen.seconds, width, chosen.seed, chosen.weights, chosen.set
        )
        if not chosen.data:
            (RESULTS / "zoo").mkdir(exist_ok=True)
            plt.imsave(RESULTS / "zoo" / f"{name}.png", sheets[name])
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
    if chosen.data and not chosen.names:
        draw(sheets, RESULTS / f"zoo-{chosen.data}.png")


def draw(sheets: dict[str, np.ndarray], path: Path, columns: int = 4) -> None:
    """All contact sheets with their names above them."""
    rows = -(-len(sheets) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3 * columns, 1.05 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (name, sheet) in zip(axes.flat, sheets.items(), strict=False):
        axis.imshow(sheet)
        axis.set_title(name, fontsize=9, pad=2)
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    main()
