"""Training steps per second of `fit`, beside the loops that people copy from other projects.

    python benchmarks/speed.py                                  # everything, about half an hour
    python benchmarks/speed.py --work ring --engine ganzoo tutorial --rounds 3

Engines:

- `ganzoo`: `ganzoo.get("gan").fit`; `ganzoo_shared`: the same with `fakes="shared"`.
- `tutorial`: the loop of TensorFlow's DCGAN tutorial. One tf.function plays both players on the
  same fakes with two tapes, and a Python loop calls it for each batch of a tf.data.Dataset.
- `guide`: the GAN of Keras's guide to custom training steps, trained by `fit`.
- `pytorch`: the loop of PyTorch's DCGAN example, not compiled, batches from a DataLoader.

Works: `ring`, points in the plane, MLPs of 3×128 units, batch 256; `mlp784`, the bundled MNIST
digits, MLPs of 3×256 units, batch 128; `dcgan28`, the same digits with the convolutional networks
of TensorFlow's tutorial, batch 128; ganzoo's have its own layers for batch normalisation and leaky
ReLU, which compute the same by other kernels. All engines train equal networks on equal data in
float32, with Adam (rate 1e-4) for both players and the non-saturating loss, on each library's
default threads.

Each measurement has a process of its own. In a round all engines take turns, so that what else the
machine does hits all of them. A measurement trains ten steps that are not counted, then enough
steps to fill `--seconds`. Rows go to results/speed.csv, in place of those of the same work and
engine. Per row:

- `steps_per_second`: the median over the rounds; `least` and `most`: the extremes.
- `of_tutorial`, `of_guide`, `of_pytorch`: the median over the rounds of the engine's speed divided
  by the peer's in the same round. Above 1 the engine is faster than the peer.
- `algorithm`: whether G's update draws fresh fakes, and the cost of a step in forward passes of G
  and D; a backward pass costs one for the inputs and one for the weights.

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
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import peers

PATH = Path(__file__).parent.parent / "results" / "speed.csv"
TORCH = "torch==2.13.0"
WARM_UP = 10
FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
ALGORITHMS = {
    "tutorial": "shared fakes, both players at once, 3G+7D",
    "guide": "fresh fakes, 4G+8D",
    "pytorch": "shared fakes, D first, 3G+9D",
    "ganzoo": "fresh fakes, 4G+8D",
    "ganzoo_shared": "shared fakes, D first, 3G+8D",
}


def data_of(work: str, seed: int) -> np.ndarray:
    """Float32 points [25600, 2], or images [4992, 28, 28, 1] in [-1, 1]: whole batches."""
    if work == "ring":
        rng = np.random.default_rng(seed)
        angles = 2 * np.pi * rng.integers(8, size=25_600) / 8
        centres = np.stack([np.cos(angles), np.sin(angles)], 1)
        return (centres + 0.01 * rng.standard_normal(centres.shape)).astype(np.float32)
    import ganzoo

    rows = ganzoo.data.load("mnist5k").take(4992).as_numpy_iterator()
    return np.stack([row["image"] for row in rows]).astype(np.float32) / 127.5 - 1


def ganzoo(work: str, data: np.ndarray, seed: int, **hyperparameters: Any) -> peers.Run:
    import ganzoo

    architecture: Any = "mlp"
    if work == "dcgan28":
        from ganzoo.networks import layers

        architecture = peers.keras_networks(work, data.shape[1:], own=layers)
    gan = ganzoo.get(
        "gan",
        architecture=architecture,
        width=peers.WORKS[work].get("width"),
        latent_dim=peers.WORKS[work]["latents"],
        seed=seed,
        **hyperparameters,
    )
    gan.compile(generator_optimizer=peers.keras_adam(), discriminator_optimizer=peers.keras_adam())
    batch = peers.WORKS[work]["batch"]
    return lambda steps: peers.seconds_of_fit(gan, data, batch_size=batch, steps_per_epoch=steps)


def ganzoo_shared(work: str, data: np.ndarray, seed: int) -> peers.Run:
    return ganzoo(work, data, seed, fakes="shared")


ENGINES = {
    engine.__name__: engine
    for engine in (peers.tutorial, peers.guide, peers.pytorch, ganzoo, ganzoo_shared)
}

# ---- measuring


def measure(engine: str, work: str, file: str, seed: int, seconds: float) -> float:
    """Steps per second of one engine in this process, over at least `seconds`."""
    run = ENGINES[engine](work, np.load(file), seed)
    run(WARM_UP)
    steps = WARM_UP
    while (taken := run(steps)) < seconds:
        steps = max(steps + 1, math.ceil(steps * min(1.1 * seconds / taken, 20)))
    return steps / taken


def alone(python: str, *arguments: Any) -> float:
    """`measure` in a process of its own."""
    command = [python, __file__, "--measure", json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{arguments[0]} failed on {arguments[1]}:\n{done.stderr}")
    return float(done.stdout.split()[-1])


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
    import keras
    import tensorflow as tf

    import ganzoo

    running = f"ganzoo {ganzoo.__version__} tensorflow {tf.__version__} keras {keras.__version__}"
    return running + (f" torch {torch}" if torch else "")


def rows_of(work: str, speeds: dict[str, list[float]]) -> list[dict[str, Any]]:
    rows = []
    for engine, found in speeds.items():
        row = {
            "work": work,
            "engine": engine,
            "algorithm": ALGORITHMS[engine],
            "steps_per_second": f"{median(found):.4g}",
            "least": f"{min(found):.4g}",
            "most": f"{max(found):.4g}",
        }
        for peer in ("tutorial", "guide", "pytorch"):
            ratios = [a / b for a, b in zip(found, speeds.get(peer, ()), strict=False)]
            row[f"of_{peer}"] = f"{median(ratios):.3f}" if ratios else ""
        rows.append(row)
    return rows


def write(rows: list[dict[str, Any]]) -> None:
    kept = []
    if PATH.exists():
        new = {(row["work"], row["engine"]) for row in rows}
        with open(PATH, newline="") as file:
            kept = [r for r in csv.DictReader(file) if (r["work"], r["engine"]) not in new]
    rows = sorted([*kept, *rows], key=lambda row: list(peers.WORKS).index(row["work"]))
    with open(PATH, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", nargs="+", default=list(peers.WORKS), choices=peers.WORKS)
    parser.add_argument("--engine", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torch-python", metavar="PATH", help="a Python that has PyTorch")
    parser.add_argument("--torch-environment", type=Path, metavar="FOLDER",
                        default=Path.home() / ".cache" / "ganzoo" / "torch")  # fmt: skip
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(measure(*json.loads(options.measure)))
        return
    import ganzoo

    engines, python, torch = list(options.engine), None, None
    if "pytorch" in engines:
        python = options.torch_python or python_with_torch(options.torch_environment)
        torch = version_of_torch(python)
        if torch is None:
            print("The rows of PyTorch are left out: name a Python that has it, --torch-python.")
            engines.remove("pytorch")
    if "ganzoo_shared" in engines and "fakes" not in ganzoo.card("gan").hyperparameters:
        print("The rows of ganzoo_shared are left out: this ganzoo has no hyper-parameter fakes.")
        engines.remove("ganzoo_shared")
    facts = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "seed": options.seed,
        **machine(),
        "versions": versions(torch),
        "date": datetime.date.today().isoformat(),
    }
    for work in options.work:
        command = f"python benchmarks/speed.py --work {work} --engine {' '.join(engines)}"
        command += f" --rounds {options.rounds} --seconds {options.seconds} --seed {options.seed}"
        speeds: dict[str, list[float]] = {engine: [] for engine in engines}
        with tempfile.NamedTemporaryFile(suffix=".npy") as file:
            np.save(file, data_of(work, options.seed))
            file.flush()
            for _, engine in itertools.product(range(options.rounds), engines):
                chosen = python if engine == "pytorch" else sys.executable
                speed = alone(chosen, engine, work, file.name, options.seed, options.seconds)
                speeds[engine].append(speed)
                print(f"{work} {engine} {speed:.4g}", flush=True)
        rows = [row | facts | {"command": command} for row in rows_of(work, speeds)]
        write(rows)


if __name__ == "__main__":
    main()
