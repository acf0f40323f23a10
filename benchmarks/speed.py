"""Training steps per second of `fit`, beside the loops that people copy from other projects.

    python benchmarks/speed.py                                  # everything, about two hours
    python benchmarks/speed.py --work ring --engine ganzoo tutorial --rounds 3

Engines:

- `ganzoo`: `ganzoo.get("gan").fit`, or that of "wgan_gp", "sngan" or "stylegan2";
  `ganzoo_shared`: the same with `fakes="shared"`.
- `tutorial`: the loop of TensorFlow's DCGAN tutorial. One tf.function plays both players on the
  same fakes with two tapes, and a Python loop calls it for each batch of a tf.data.Dataset. For
  SNGAN and StyleGAN2 it is such a loop with their own losses and ganzoo's order of passes.
- `guide`: the GAN of Keras's guide to custom training steps, trained by `fit`.
- `keras_io`: keras-io's WGAN-GP, trained by `fit`.
- `pytorch`: the loop of PyTorch's DCGAN example, batches from a DataLoader, and for WGAN-GP the
  same steps as keras-io's, for SNGAN and StyleGAN2 those of `tutorial`. `pytorch_compiled`: the
  same with networks by `torch.compile`.

`--precision bfloat16` measures `tutorial`, `pytorch` and `ganzoo` with the mixed precision of each
library.

Works:

- `ring`: points in the plane, MLPs of 3×128 units, batch 256.
- `mlp784`: the bundled MNIST digits, MLPs of 3×256 units, batch 128.
- `dcgan28`: the same digits, the convolutional networks of TensorFlow's tutorial, batch 128.
- `dcgan64`: coloured 64×64 images, the networks of the DCGAN paper, batch 32.
- `wgan_gp28`: the digits, the networks of keras-io's WGAN-GP, batch 64, three updates of D.
- `sngan32`: coloured 32×32 images, SNGAN's residual networks of a quarter of the paper's width (64
  channels in G, 32 in D), batch 64, one update of D, hinge losses. D judges real and fake rows in
  one pass, each of which makes one step of power iteration.
- `stylegan2_32`: the same images, StyleGAN2 from 16 channels at 32×32 to 128 at 4×4, 64 latents,
  batch 32. All engines have all parts that peer_stylegan2.py lists.

All engines train equal networks on equal data with Adam (rate 1e-4) for both players, each by its
own library's optimizer, on default threads. The benchmark stops where two engines have networks
with different numbers of weights. ganzoo has its own layers for batch normalisation, leaky ReLU,
dropout and resize convolutions, which compute the same by other kernels. The loss is the
non-saturating one, but for WGAN-GP and SNGAN.

Each measurement has a process of its own. In a round all engines take turns, so that what else the
machine does hits all of them. Still the machine should do nothing else: PyTorch's threads wait for
each other, so that on busy cores its speed falls far more than TensorFlow's. A measurement trains
ten steps that are not counted, then enough steps to fill `--seconds`. For StyleGAN2 that is a
multiple of eight, because each eighth step has regularisers. Rows go to results/speed.csv, in place
of those of the same work, engine and precision. Per row:

- `steps_per_second`: the median over the rounds; `least` and `most`: the extremes.
- `of_…`: the median over the rounds of the engine's speed divided by that of a peer in the same
  precision and round, and its extremes in brackets. Above 1 the engine is faster than the peer.
- `first_step_seconds`: from the beginning of building the networks to the end of the first step,
  and `peak_mb`: the most memory that the process had; medians.
- `algorithm`: whether G's update draws fresh fakes, and the cost of a step in forward passes of G
  and D; a backward pass costs one for the inputs and one for the weights. A gradient penalty's
  passes are counted as three of D and its derivative as three more. StyleGAN2's regularisers are
  named beside the passes of a step without them.
- `weights`: how many of G and of D are trained.

PyTorch needs a Python of its own, because its packages would replace some of TensorFlow's. Name
one with `--torch-python`; otherwise the benchmark makes a virtual environment in the folder
`--torch-environment` and installs PyTorch there. Where that fails, its rows are left out.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import itertools
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import peer_networks
import peers
import tables
from peer_networks import WORKS

PATH = Path(__file__).parent.parent / "results" / "speed.csv"
KEYS = ("work", "engine", "precision")
TORCH = "torch==2.13.0"
WARM_UP = 10
FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
ALGORITHMS = {
    "tutorial": "shared fakes, both players at once, 3G+7D",
    "guide": "fresh fakes, 4G+8D",
    "pytorch": "shared fakes, D first, 3G+9D",
    "pytorch_compiled": "shared fakes, D first, 3G+9D",
    "ganzoo": "fresh fakes, 4G+8D",
    "ganzoo_shared": "shared fakes, D first, 3G+8D",
}
OF_ALL = {  # the works in which all engines make the same passes
    "wgan_gp28": "fresh fakes, 3 critic steps, 6G+38D",  # G: 3 + 3; D: 3 (6 + 6) + 2
    "sngan32": "fresh fakes, D first, 4G+8D",
    "stylegan2_32": "fresh fakes, D first, 4G+8D, EMA, R1 and path length (half a batch) in each "
    "8th step",
}


def algorithm_of(work: str, engine: str) -> str:
    return OF_ALL.get(work, ALGORITHMS.get(engine, ""))


def plays(engine: str, work: str, precision: str) -> bool:
    """Whether the engine knows this work in this precision."""
    if precision == "bfloat16" and engine not in ("tutorial", "pytorch", "ganzoo", "ganzoo_shared"):
        return False
    if "game" in WORKS[work]:
        return engine in ("tutorial", "pytorch", "ganzoo")
    if "critic_steps" in WORKS[work]:
        # Compiled networks of PyTorch can't be differentiated twice.
        return engine in ("keras_io", "pytorch", "ganzoo") and (
            precision == "float32" or engine == "ganzoo"
        )
    return engine != "keras_io"


def data_of(work: str, seed: int) -> np.ndarray:
    """Float32 points [25600, 2], or images in [-1, 1], [4992, 28, 28, 1] or [640, side, side, 3]:
    whole batches."""
    if work == "ring":
        rng = np.random.default_rng(seed)
        angles = 2 * np.pi * rng.integers(8, size=25_600) / 8
        centres = np.stack([np.cos(angles), np.sin(angles)], 1)
        return (centres + 0.01 * rng.standard_normal(centres.shape)).astype(np.float32)
    import ganzoo

    if work == "dcgan64" or "game" in WORKS[work]:
        factors = ganzoo.data.shapes.factors(np.arange(640), seed)
        side = 64 if work == "dcgan64" else 32
        return ganzoo.data.shapes.render(factors, side).astype(np.float32) / 127.5 - 1
    rows = ganzoo.data.load("mnist5k").take(4992).as_numpy_iterator()
    return np.stack([row["image"] for row in rows]).astype(np.float32) / 127.5 - 1


def ganzoo(
    work: str, data: np.ndarray, seed: int, bfloat16: bool = False, **hyperparameters: Any
) -> peers.Engine:
    gan = made(work, data.shape[1:], seed, bfloat16, **hyperparameters)
    batch = WORKS[work]["batch"]  # rows of each update

    def run(steps: int) -> float:
        return peers.seconds_of_fit(gan, data, batch_size=batch, steps_per_epoch=steps)

    return run, lambda: (gan.generator, gan.discriminator)


def made(
    work: str, shape: tuple[int, ...], seed: int, bfloat16: bool = False, **hyperparameters: Any
) -> Any:
    """A compiled GAN of ganzoo's for samples of `shape`."""
    import ganzoo
    from ganzoo.core.adam import Adam

    known, architecture = WORKS[work], "mlp"
    name = known.get("game", "gan")
    if "game" in known:
        architecture = "auto"
    elif "width" not in known:
        from ganzoo.networks import layers

        architecture = peer_networks.of_keras(work, shape, own=layers)
    if "critic_steps" in known:
        name, hyperparameters = "wgan_gp", {"critic_steps": known["critic_steps"]}
    gan = ganzoo.get(
        name,
        architecture=architecture,
        width=known.get("width"),
        latent_dim=known["latents"],
        precision="bfloat16" if bfloat16 else "float32",
        seed=seed,
        **hyperparameters,
    )
    adam = (Adam(peers.RATE, *peers.BETAS, epsilon=peers.EPSILON) for _ in range(2))
    gan.compile(generator_optimizer=next(adam), discriminator_optimizer=next(adam))
    return gan


def ganzoo_shared(work: str, data: np.ndarray, seed: int, bfloat16: bool = False) -> peers.Engine:
    return ganzoo(work, data, seed, bfloat16, fakes="shared")


def pytorch_compiled(
    work: str, data: np.ndarray, seed: int, bfloat16: bool = False
) -> peers.Engine:
    return peers.pytorch(work, data, seed, bfloat16, compiled=True)


PEERS = {
    engine.__name__: engine
    for engine in (peers.tutorial, peers.guide, peers.keras_io, peers.pytorch, pytorch_compiled)
}
ENGINES = PEERS | {"ganzoo": ganzoo, "ganzoo_shared": ganzoo_shared}

# ---- measuring

Figures = dict[str, float]


def measure(
    engine: str, work: str, precision: str, file: str, seed: int, seconds: float
) -> Figures:
    """Steps per second of one engine in this process, over at least `seconds`, the seconds to the
    end of the first step, the peak of the process's memory, and the weights of G and D."""
    data = np.load(file)
    began = time.perf_counter()
    run, networks = ENGINES[engine](work, data, seed, precision == "bfloat16")
    run(1)
    first = time.perf_counter() - began
    run(WARM_UP)
    every = WORKS[work].get("every", 1)
    steps = every * math.ceil(WARM_UP / every)
    while (taken := run(steps)) < seconds:
        steps = max(steps + 1, math.ceil(steps * min(1.1 * seconds / taken, 20)))
        steps = every * math.ceil(steps / every)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    generator, discriminator = map(peers.trainable, networks())
    return {
        "steps_per_second": steps / taken,
        "first_step_seconds": first,
        "peak_mb": peak,
        "generator_weights": generator,
        "discriminator_weights": discriminator,
    }


def weights_of(work: str, found: dict[str, list[Figures]]) -> str:
    """The numbers of weights of G and D, which all engines must have in common."""
    counts = {
        engine: f"G {one['generator_weights']}, D {one['discriminator_weights']}"
        for engine, (one, *_) in found.items()
    }
    if len(set(counts.values())) != 1:
        raise SystemExit(f"the engines' networks for {work} have different weights: {counts}.")
    return counts.popitem()[1]


def alone(python: str, *arguments: Any) -> Figures:
    """`measure` in a process of its own."""
    command = [python, __file__, "--measure", json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{arguments[0]} failed on {arguments[1]}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def version_of_torch(python: str | None) -> str | None:
    if python is None:
        return None
    code = "import torch; print(torch.__version__)"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() or None


def python_with_torch(folder: Path) -> str | None:
    """The Python of a virtual environment in `folder`, where this installs PyTorch once."""
    python = str(folder / "bin" / "python")
    if version_of_torch(python) is None:
        print(f"Installing {TORCH} in {folder} …", flush=True)
        venv.create(folder, with_pip=True)
        done = subprocess.run([python, "-m", "pip", "install", "--quiet", TORCH, "numpy"])
        if done.returncode:
            return None
    return python


def machine() -> dict[str, str]:
    """What decides the speed of this machine, and nothing that names it."""
    import tensorflow as tf

    cores, gpus = len(os.sched_getaffinity(0)), len(tf.config.list_physical_devices("GPU"))
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text().split()) if info.exists() else set()
    return {
        "machine": f"{cores} core{'s' * (cores > 1)}, {platform.machine()}, {gpus or 'no'} GPU",
        "cpu": " ".join(name for name in FEATURES if name in flags),
    }


def versions(torch: str | None = None) -> str:
    """The versions that are running, and that of PyTorch in its own environment if it is used."""
    return tables.versions() + (f" torch {torch}" if torch else "")


def rows_of(work: str, precision: str, found: dict[str, list[Figures]]) -> list[dict[str, Any]]:
    """A row for each engine, from its figures in each round."""
    speeds = {
        engine: [one["steps_per_second"] for one in rounds] for engine, rounds in found.items()
    }
    rows = []
    for engine, mine in speeds.items():
        row = {
            "work": work,
            "engine": engine,
            "precision": precision,
            "algorithm": algorithm_of(work, engine),
            "steps_per_second": f"{median(mine):.4g}",
            "least": f"{min(mine):.4g}",
            "most": f"{max(mine):.4g}",
        }
        for peer in PEERS:
            ratios = [a / b for a, b in zip(mine, speeds.get(peer, ()), strict=False)]
            spread = ratios and f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            row[f"of_{peer}"] = spread or ""
        for key, digits in (("first_step_seconds", 2), ("peak_mb", 0)):
            row[key] = f"{median(one[key] for one in found[engine]):.{digits}f}"
        row["weights"] = weights_of(work, found)
        rows.append(row)
    return rows


def write(rows: list[dict[str, Any]]) -> None:
    kept = []
    if PATH.exists():
        new = {tuple(map(row.get, KEYS)) for row in rows}
        with open(PATH, newline="") as file:
            kept = [r for r in csv.DictReader(file) if tuple(map(r.get, KEYS)) not in new]
    names = list(rows[0])
    rows = sorted([*kept, *rows], key=lambda row: list(WORKS).index(row["work"]))
    with open(PATH, "w", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", nargs="+", default=list(WORKS), choices=WORKS)
    parser.add_argument("--engine", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"],
                        choices=["float32", "bfloat16"])  # fmt: skip
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torch-python", metavar="PATH", help="a Python that has PyTorch")
    parser.add_argument("--torch-environment", type=Path, metavar="FOLDER",
                        default=Path.home() / ".cache" / "ganzoo" / "torch")  # fmt: skip
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*json.loads(options.measure))))
        return
    engines, python, torch = list(options.engine), None, None
    if {"pytorch", "pytorch_compiled"} & set(engines):
        python = options.torch_python or python_with_torch(options.torch_environment)
        torch = version_of_torch(python)
        if torch is None:
            print("The rows of PyTorch are left out: name a Python that has it, --torch-python.")
            engines = [engine for engine in engines if not engine.startswith("pytorch")]
    facts = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "seed": options.seed,
        **machine(),
        "versions": versions(torch),
        "date": datetime.date.today().isoformat(),
    }
    for work, precision in itertools.product(options.work, options.precision):
        mine = [engine for engine in engines if plays(engine, work, precision)]
        command = f"python benchmarks/speed.py --work {work} --engine {' '.join(mine)}"
        command += f" --precision {precision} --rounds {options.rounds}"
        command += f" --seconds {options.seconds} --seed {options.seed}"
        found: dict[str, list[Figures]] = {engine: [] for engine in mine}
        with tempfile.NamedTemporaryFile(suffix=".npy") as file:
            np.save(file, data_of(work, options.seed))
            file.flush()
            for _, engine in itertools.product(range(options.rounds), mine):
                chosen = python if engine.startswith("pytorch") else sys.executable
                about = (engine, work, precision, file.name, options.seed, options.seconds)
                found[engine].append(alone(chosen, *about))
                print(work, engine, precision, found[engine][-1], flush=True)
        write([row | facts | {"command": command} for row in rows_of(work, precision, found)])


if __name__ == "__main__":
    main()
