"""Is a step of each GAN faster in bfloat16 on this processor? `precision="auto"` should know it.

    python benchmarks/precision.py                        # all names, about half an hour
    python benchmarks/precision.py --names dcgan stylegan2 --rounds 3

Each GAN is trained on data that its card is about, with what `ganzoo train` chooses here, in
float32 and in bfloat16 in turn, within one process for each name. Steps that trace are not counted.
Rows go to results/precision.csv in place of those of the same name and data: milliseconds of a step
in each precision, medians over the rounds, `times_as_fast`, the median over the rounds of the
float32 time over the bfloat16 time, with its extremes, and `auto`, what `precision="auto"` chooses.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import speed
import tables

RESULTS = Path(__file__).parents[1] / "results"
DATA = {  # where it is not, or not only, the MNIST digits
    "biggan": ("shapes",),
    "ctgan": ("customers",),
    "cyclegan": ("unpaired_digits",),
    "dcgan": ("ring", "mnist5k", "shapes"),
    "fastgan": ("shapes",),
    "gan": ("ring", "mnist5k"),
    "pix2pix": ("digit_pairs",),
    "rcgan": ("sines",),
    "sagan": ("shapes",),
    "sngan": ("mnist5k", "shapes"),
    "srgan": ("shapes",),
    "stylegan2": ("shapes",),
    "wavegan": ("tones",),
}
PRECISIONS = ("float32", "bfloat16")


def measure(name: str, source: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Seconds of a step in each precision and round, in this process."""
    import peers

    import ganzoo
    from ganzoo.training import recipes

    examples = ganzoo.data.load(source)
    recipe = recipes.chosen(ganzoo.get(name), examples)
    recipe.pop("steps", None)
    batch = recipe.pop("batch_size", 64)
    automatic = ganzoo.get(name, **recipe | {"precision": "auto"})
    automatic.build_from(examples, batch_size=batch)
    gans = {p: ganzoo.get(name, seed=0, **recipe | {"precision": p}) for p in PRECISIONS}

    def train(precision: str, steps: int) -> float:
        return peers.seconds_of_fit(
            gans[precision], examples, batch_size=batch, steps_per_epoch=steps
        )

    steps = {}
    for precision in PRECISIONS:
        train(precision, warm := max(4, gans[precision].regularise_every))
        steps[precision] = max(2, int(seconds * warm / train(precision, warm)))
    found: dict[str, Any] = {precision: [] for precision in PRECISIONS}
    for _ in range(rounds):
        for precision, count in steps.items():
            found[precision].append(train(precision, count) / count)
    return found | {"auto": automatic.precision, "shape": automatic.spec.shape}


def main() -> None:
    import ganzoo

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--names", nargs="+", default=ganzoo.names(), choices=ganzoo.names())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one measurement")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure, options.rounds, options.seconds)))
        return
    facts = speed.machine() | {"rounds": options.rounds, "versions": speed.versions()}
    facts["command"] = " ".join(["python benchmarks/precision.py", *sys.argv[1:]])
    for name in options.names:
        for source in DATA.get(name, ("mnist5k",)):
            command = [sys.executable, __file__, "--measure", name, source]
            command += ["--rounds", str(options.rounds), "--seconds", str(options.seconds)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name} on {source} failed: {done.stderr[-1000:]}", flush=True)
                continue
            found = json.loads(done.stdout.splitlines()[-1])
            pairs = zip(*(found[precision] for precision in PRECISIONS), strict=True)
            ratios = [a / b for a, b in pairs]
            row = {"name": name, "data": source, "shape": "×".join(map(str, found["shape"]))}
            row |= {f"{p}_ms": f"{1000 * median(found[p]):.4g}" for p in PRECISIONS}
            row |= {"times_as_fast": f"{median(ratios):.2f}", "least": f"{min(ratios):.2f}"}
            row |= {"most": f"{max(ratios):.2f}", "auto": found["auto"]}
            print(*row.values(), flush=True)
            tables.write(RESULTS / "precision.csv", [row | facts], ("name", "data"), ("name",))


if __name__ == "__main__":
    main()
