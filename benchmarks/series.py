"""Do samples of `rcgan` and `wavegan` have the distribution of series that is known?

    python benchmarks/series.py                       # everything, three seeds
    python benchmarks/series.py --work rcgan-sines --seeds 7
    python benchmarks/series.py --steps 6000          # other than the recipe's
    python benchmarks/series.py --picture             # results/series.png alone, of saved samples

Each is trained on series that are drawn as `ganzoo.data.series` says, and
`ganzoo.evaluation.series` measures its samples. Beside them stand equally many series of the data
that it wasn't trained on, and samples of the generator before the first step. The rates were chosen
on seed 1, those of "ar" as constants. results/README.md tells what else was tried.

Rows go to results/series.csv, in place of those of the same work and seed. Samples are kept in a
folder beside the system's temporary files, for the picture.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tables

import ganzoo
from ganzoo.data import series
from ganzoo.evaluation.series import measure
from ganzoo.foundation import schedules
from ganzoo.reporting import drawing

RESULTS = Path(__file__).parents[1] / "results"
KEPT = Path(tempfile.gettempdir()) / "ganzoo_series"
UNSEEN = 10**6  # the first row of the data that no training reads


class Work(NamedTuple):
    """A training: `rate` is that of both players and falls to 0 with the last step."""

    name: str
    data: str
    steps: int
    batch_size: int
    samples: int
    rate: float
    more: dict[str, Any]


WORKS = {
    "rcgan-sines": Work("rcgan", "sines", 4000, 64, 2000, 2e-3, {}),
    "rcgan-ar": Work("rcgan", "ar", 4000, 64, 2000, 1e-3, {}),
    "wavegan-tones": Work("wavegan", "tones", 5000, 32, 1000, 1e-3, {"critic_steps": 2}),
}


def made(work: Work, seed: int) -> Any:
    updates = {"generator": 1, "discriminator": ganzoo.get(work.name, **work.more).critic_steps}
    rates = {
        f"{player}_learning_rate": schedules.linear(work.rate, 0.0, work.steps * count)
        for player, count in updates.items()
    }
    return ganzoo.get(work.name, seed=seed, **rates, **work.more)


def run(key: str, seed: int, steps: int | None) -> list[dict[str, Any]]:
    work = WORKS[key]._replace(steps=steps or WORKS[key].steps)
    gan, examples = made(work, seed), ganzoo.data.load(work.data)
    gan.build_from(examples)
    untrained = gan.sample(work.samples, seed=seed)
    began, cpu = time.monotonic(), time.process_time()
    gan.fit(examples, batch_size=work.batch_size, steps_per_epoch=work.steps, verbose=0)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    samples = gan.sample(work.samples, seed=seed)
    real, _ = series.NAMED[work.data](UNSEEN + np.arange(work.samples), 0)
    KEPT.mkdir(exist_ok=True)
    np.savez(KEPT / f"{key}-{seed}.npz", samples=samples[:16], real=real[:16])
    shown = {"value": samples, "real": real, "untrained": untrained}
    found = {column: measure(work.data, x) for column, x in shown.items()}
    return [
        {"work": key, "seed": seed, "measure": name}
        | {column: f"{float(found[column][name]):.4f}" for column in shown}
        | {"samples": work.samples, "steps": work.steps}
        | {"seconds": round(seconds), "cpu_seconds": round(cpu)}
        | {
            **tables.facts(),
            "command": f"python benchmarks/series.py --work {key} --seeds {seed}"
            + f" --steps {steps}" * (steps is not None),
        }
        for name in found["value"]
    ]


def picture(seed: int) -> None:
    """Eight samples of each training, and four series of its data above them."""
    columns = 4
    figure, axes = drawing.new(3 * len(WORKS), columns, size=(9, 2.6 * len(WORKS)), sharex="row")
    for place, key in enumerate(WORKS):
        with np.load(KEPT / f"{key}-{seed}.npz") as kept:
            rows = [kept["real"][:columns], *np.split(kept["samples"][: 2 * columns], 2)]
        for line, (row, what) in enumerate(zip(rows, ("data", key, key), strict=True)):
            name = what if what == "data" else WORKS[key].name
            for panel, x in zip(axes[3 * place + line], row, strict=True):
                colour = drawing.REAL if what == "data" else drawing.FAKE
                panel.plot(x[:256], color=colour, linewidth=1)
                panel.tick_params(labelsize="x-small")
            axes[3 * place + line][0].set_ylabel(name, fontsize="small")
    drawing.save(figure, RESULTS / "series.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", nargs="+", default=list(WORKS), choices=WORKS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[7, 8, 9])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--picture", action="store_true")
    options = parser.parse_args()
    for key in [] if options.picture else options.work:
        for seed in options.seeds:
            rows = run(key, seed, options.steps)
            for row in rows:
                print(*list(row.values())[:10], flush=True)
            tables.write(
                RESULTS / "series.csv", rows, ("work", "seed"), ("work", "measure", "seed")
            )
    if all((KEPT / f"{key}-{options.seeds[0]}.npz").exists() for key in WORKS):
        picture(options.seeds[0])


if __name__ == "__main__":
    main()
