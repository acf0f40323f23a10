"""Does every registered GAN train? Each on the bundled data, by what `gan.evaluate` says of it.

    python benchmarks/trains.py --data digits ring --steps 2400 --seeds 7 8 9
    python benchmarks/trains.py --names infogan --set width=128 --steps 2400 --seeds 7 8 9
    python benchmarks/trains.py --as-the-command --data mnist5k --seeds 7    # about an hour

Hyper-parameters are the zoo's own, but for those that --set names. With `--as-the-command` each is
trained as by `ganzoo train NAME`, with its recipe and the width and steps that the command chooses,
and `set` says "as ganzoo train". Rows go to results/trains.csv,
with the medians over the seeds of one command, the first seed's pictures to results/trains/. All
is measured of 2,500 samples, or of half as many as the data have rows. `frechet` is the Fréchet
distance of the features named in `features` and `frechet_ratio` that over the distance of real
samples, 1 at best. Images: `label_kl` is the KL divergence in nats of a judge's labels from the
data's label frequencies (0 is best, log 10 = 2.30 is one digit only), `confidence` the judge's in
them, `agreement` how often it finds the class that `cgan` was asked for, `matching` how often the
digit that a one-to-one matching gives to `infogan`'s category. A judge that knows only digits calls
noise a digit too: look at the pictures. Rings: `modes` of 8 with 20 samples within 3σ, and the
share of such samples.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import tables

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from thumbnails import suits

import ganzoo
from ganzoo.foundation import keywords
from ganzoo.reporting import plots
from ganzoo.training import runs

RESULTS = Path(__file__).parent.parent / "results"
NUMBERS = ("label_kl", "confidence", "agreement", "matching", "frechet", "modes", "high_quality")
OF_SEEDS = ("seconds", *NUMBERS, "frechet_ratio")


def measured(gan, data):
    """The columns that tell how good the samples are; "" where a number is not defined."""
    found = gan.evaluate(data)
    row = {key: round(float(found[key]), 4) if key in found else "" for key in NUMBERS}
    distance = found["frechet"]
    return row | {"frechet_ratio": round(distance.ratio, 2), "features": distance.extractor}


def trained_by_the_command(name, dataset, given, steps):
    """The GAN that `ganzoo train NAME` leaves after its last step."""
    with tempfile.TemporaryDirectory() as folder:
        run = runs.train(
            name, dataset, hyperparameters=given, steps=steps, out=Path(folder, "run"),
            export=False, metric="none",
        )  # fmt: skip
        return run.load()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="+", default=["digits"])
    parser.add_argument("--names", nargs="+", help="all that draw samples of such data")
    parser.add_argument("--steps", type=int, help="1,600, or those of the command")
    parser.add_argument("--as-the-command", action="store_true")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    (RESULTS / "trains").mkdir(parents=True, exist_ok=True)
    for name_of_data in options.data:
        data = ganzoo.data.load(name_of_data)
        suitable = [name for name in ganzoo.names() if suits(name, name_of_data)]
        for name in options.names or suitable:
            rows = []
            for seed in options.seeds:
                start = time.perf_counter()
                given = keywords.read(name, options.set, seed)
                if options.as_the_command:
                    gan = trained_by_the_command(name, name_of_data, given, options.steps)
                else:
                    gan = ganzoo.get(name, **given)
                    gan.fit(data, steps_per_epoch=options.steps or 1600, verbose=0)
                row = {
                    "name": name,
                    "data": name_of_data,
                    "steps": gan.step,
                    "set": " ".join([*options.set, *["as ganzoo train"] * options.as_the_command]),
                    "seed": seed,
                    "seconds": round(time.perf_counter() - start, 1),
                    **measured(gan, data),
                    **tables.facts(),
                    "command": f"python benchmarks/trains.py --data {name_of_data} --names {name} "
                    f"--seeds {' '.join(map(str, options.seeds))}"
                    + f" --steps {options.steps}" * bool(options.steps)
                    + " --as-the-command" * options.as_the_command
                    + f" --set {' '.join(options.set)}" * bool(options.set),
                }
                if not rows:
                    plots.save_picture(gan, RESULTS / "trains" / f"{name}-{name_of_data}.png")
                rows.append(row)
                print({key: value for key, value in row.items() if value != ""}, flush=True)
            rows += [median(rows)] * (len(rows) > 1)
            order = ("data", "name", "steps", "set", "seed")
            tables.write(RESULTS / "trains.csv", rows, ("command",), order)


def median(rows):
    """One row with the median of each number over the seeds."""
    middle = {
        key: round(float(np.median([row[key] for row in rows])), 4)
        for key in OF_SEEDS
        if rows[0][key] != ""
    }
    return rows[0] | middle | {"seed": "median"}


if __name__ == "__main__":
    main()
