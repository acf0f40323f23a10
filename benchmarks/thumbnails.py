"""A picture for each GAN of the zoo: 16 samples after a short training with its own settings.

    python benchmarks/thumbnails.py                     # all names, about a minute each
    python benchmarks/thumbnails.py lsgan --steps 2000
    python benchmarks/thumbnails.py --data shapes --out results/zoo-shapes

A GAN whose generator maps images is shown with what it maps above the outputs. Pictures go to
results/zoo/NAME.png, and how each was made to index.csv beside them. `python tests/test_readme.py`
puts them into the README's table.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import matplotlib.image
import numpy as np

import ganzoo
from ganzoo.foundation import registry
from ganzoo.reporting import plots

SHOWN = 16
COLUMNS = ("name", "data", "steps", "seconds", "seed", "ganzoo", "command")


def picture(gan_name: str, source: str | None, steps: int, seed: int) -> tuple[str, np.ndarray]:
    """The data set and a contact sheet."""
    gan = ganzoo.get(gan_name, seed=seed)
    kinds = [column.kind for column in gan.columns.values()]
    source = source if source and kinds.count("sample") == 1 else gan.default_data
    examples = shown = ganzoo.data.load(source)
    if kinds.count("sample") > 1:
        examples, shown = ganzoo.data.held_out(examples, SHOWN // 2)
    gan.fit(examples, steps_per_epoch=steps, verbose=0)
    given = [key for key, value in gan.inputs.items() if not value.drawn]
    if not given:
        samples = gan.sample(SHOWN, seed)
        return source, plots.contact_sheet(samples, 8, value_range=gan.spec.value_range)
    name = given[0]
    rows = shown[name] if isinstance(shown, dict) else shown.map(lambda row: row[name])
    images = np.stack(list(rows.take(SHOWN // 2).as_numpy_iterator()))
    made = gan.sample(**{name: images})
    both = [plots.pixels(x, gan.spec.value_range) for x in (images, made)]
    return source, plots.contact_sheet(np.concatenate(both), len(images))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=ganzoo.names(), metavar="NAME")
    parser.add_argument("--data", help="of those that draw samples; their own by default")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results" / "zoo")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    index = chosen.out / "index.csv"
    for name in chosen.names:
        registry.find(name)
        began = time.monotonic()
        source, sheet = picture(name, chosen.data, chosen.steps, chosen.seed)
        sheet = np.repeat(sheet, 3, axis=-1) if sheet.shape[-1] == 1 else sheet
        matplotlib.image.imsave(chosen.out / f"{name}.png", sheet)
        kept = []
        if index.exists():
            with index.open(newline="") as file:
                kept = [row for row in csv.DictReader(file) if row["name"] != name]
        command = f"python benchmarks/thumbnails.py {name} --steps {chosen.steps}"
        row = {
            "name": name, "data": source, "steps": chosen.steps, "seed": chosen.seed,
            "seconds": round(time.monotonic() - began), "ganzoo": ganzoo.__version__,
            "command": command + (f" --data {chosen.data}" if chosen.data else ""),
        }  # fmt: skip
        print(*row.values(), flush=True)
        with index.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(sorted([*kept, row], key=lambda row: row["name"]))


if __name__ == "__main__":
    main()
