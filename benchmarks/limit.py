"""How far a training step of ganzoo's is from the fastest that this machine could make it.

    python benchmarks/limit.py              # everything, more than an hour
    python benchmarks/limit.py --work ring --precision float32 --rounds 3

The limit of a step is the time of its parts, each by the fastest kernel and all one after another:

- each product of matrices and each convolution, forward and backward, at its exact shapes and in
  its type, by TensorFlow with oneDNN, TensorFlow without it, and PyTorch (kernels.py). It takes the
  least time of all of them and of all rounds;
- the bytes of all else, fused as well as can be (primitives.py), over the bandwidth of a pass over
  as many bytes, the greatest that NumPy reaches on one thread or on one for each core.

What a step computes is read from the graph of ganzoo's own training step of the works of speed.py.
So the limit is one for the same algorithm, the same contractions and the same layout. A smarter
algorithm can be faster, and no kernel of these libraries fuses all it could. The time of a step is
measured in the same rounds, as in speed.py. For StyleGAN2 both are means over eight steps.

Rows go to results/limit.csv, in place of those of the same work and precision:

- `matmul_ms`, `conv_ms`, `conv_input_ms`, `conv_filter_ms`: the least times of the contractions.
  `conv_input_ms` are gradients by inputs, which are also transposed convolutions. Depthwise ones
  are among these. `contractions`: how many there are, and how many of them differ.
- `memory_mb`, `memory_ms`: the fused bytes of all else, `unfused_mb`, `unfused_ms`: the same if
  each operation reads and writes by itself.
- `limit_ms`: the sum of the contractions and `memory_ms`. `tensorflow_limit_ms`: with TensorFlow's
  own choice of kernels.
- `step_ms`: the step in the fastest round; `median_step_ms`: the median of the rounds.
- `of_limit`: `step_ms` divided by `limit_ms`; `share`: the reciprocal.
- `fastest`: how many of the different contractions each kernel is the fastest for.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import kernels
import numpy as np
import primitives
import speed
import tables
from peer_networks import WORKS

PATH = Path(__file__).parent.parent / "results" / "limit.csv"
COLUMNS = {"matmul_ms": "MatMul", "conv_input_ms": "BackpropInput", "conv_filter_ms": "Filter"}


def counted(work: str, precision: str, data: np.ndarray, seed: int) -> list[primitives.Counted]:
    """What each step of a period computes: one, or as many as regularisation takes turns."""
    import tensorflow as tf

    gan = speed.made(work, data.shape[1:], seed, precision == "bfloat16")
    rows = WORKS[work]["batch"] * gan.critic_steps
    gan.build_from(data)
    specs = {name: field.batch_spec(rows) for name, field in gan.fields.items()}

    def of(regularise: bool) -> primitives.Counted:
        def step(batch: dict[str, tf.Tensor]) -> tf.Tensor:
            gan.train_step(batch, regularise)
            return gan.log.means()

        return primitives.count(tf.function(step, autograph=False).get_concrete_function(specs))

    every = gan.regularise_every
    return [of(True)] + [of(False)] * (every - 1) if every > 1 else [of(True)]


def timed(kernel: str, python: str, texts: list[str], seconds: float) -> list[float | None]:
    """Seconds of each contraction by one kind of kernels, in a process of its own."""
    plain = {"TF_ENABLE_ONEDNN_OPTS": "0"} if kernel == "tensorflow without oneDNN" else {}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(texts, file)
        file.flush()
        command = [python, kernels.__file__, kernel.split()[0], file.name, str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | plain)
    if done.returncode:
        raise SystemExit(f"{kernel} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def sums(
    steps: list[primitives.Counted],
    times: dict[str, dict[str, float]],
    bandwidth: kernels.Bandwidth,
) -> dict[str, Any]:
    """The columns of a row, from the seconds of each contraction by each kernel."""
    least = {text: min(of.values()) for text, of in times.items()}
    milli = dict.fromkeys(("matmul_ms", "conv_ms", "conv_input_ms", "conv_filter_ms"), 0.0)
    own, total = 0.0, 0
    for text, number in sum((step.contractions for step in steps), collections.Counter()).items():
        kind = primitives.decoded(text)["kind"]
        column = next((c for c, part in COLUMNS.items() if part in kind), "conv_ms")
        milli[column] += 1000 * least[text] * number / len(steps)
        own += 1000 * times[text]["tensorflow"] * number / len(steps)
        total += number
    fused, unfused = ([n for s in steps for n in s.passes], [n for s in steps for n in s.unfused])
    memory, apart = (
        1000 * sum(map(bandwidth.seconds, sizes)) / len(steps) for sizes in (fused, unfused)
    )
    best = collections.Counter(min(of, key=of.__getitem__) for of in times.values())
    return {
        "gflop": sum(step.flops for step in steps) / len(steps) / 1e9,
        "contractions": f"{total / len(steps):g}, {len(times)} different",
        **milli,
        "memory_mb": sum(fused) / len(steps) / 1e6,
        "memory_ms": memory,
        "unfused_mb": sum(unfused) / len(steps) / 1e6,
        "unfused_ms": apart,
        "limit_ms": sum(milli.values()) + memory,
        "tensorflow_limit_ms": own + memory,
        "fastest": ", ".join(f"{kernel} {n}" for kernel, n in best.most_common()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", nargs="+", default=list(WORKS), choices=WORKS)
    parser.add_argument("--precision", nargs="+", default=["float32", "bfloat16"],
                        choices=["float32", "bfloat16"])  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of training in each round")
    parser.add_argument("--each", type=float, default=0.2, help="seconds for each contraction")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torch-python", metavar="PATH", help="a Python that has PyTorch")
    options = parser.parse_args()
    python = options.torch_python or str(Path.home() / ".cache/ganzoo/torch/bin/python")
    torch = speed.version_of_torch(python)
    pythons = {"tensorflow": sys.executable, "tensorflow without oneDNN": sys.executable}
    if torch:
        pythons["pytorch"] = python
    facts = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "each": options.each,
        "seed": options.seed,
        **speed.machine(),
        "versions": speed.versions(torch),
        "date": datetime.date.today().isoformat(),
    }
    bandwidth = kernels.Bandwidth()
    for work in options.work:
        data = speed.data_of(work, options.seed)
        for precision in options.precision:
            command = f"python benchmarks/limit.py --work {work} --precision {precision}"
            command += f" --rounds {options.rounds} --seconds {options.seconds}"
            command += f" --each {options.each} --seed {options.seed}"
            steps = counted(work, precision, data, options.seed)
            texts = sorted({text for step in steps for text in step.contractions})
            times: dict[str, dict[str, float]] = {text: {} for text in texts}
            speeds = []
            with tempfile.NamedTemporaryFile(suffix=".npy") as file:
                np.save(file, data)
                file.flush()
                for _ in range(options.rounds):
                    about = ("ganzoo", work, precision, file.name, options.seed, options.seconds)
                    speeds.append(speed.alone(sys.executable, *about)["steps_per_second"])
                    bandwidth.again()
                    for kernel, chosen in pythons.items():
                        found = timed(kernel, chosen, texts, options.each)
                        for text, seconds in zip(texts, found, strict=True):
                            if seconds is not None:
                                known = times[text].get(kernel, seconds)
                                times[text][kernel] = min(known, seconds)
            row = {"work": work, "precision": precision}
            row |= {"algorithm": speed.algorithm_of(work, "ganzoo")}
            row |= sums(steps, times, bandwidth)
            row |= {"step_ms": 1000 / max(speeds), "median_step_ms": 1000 / median(speeds)}
            row["of_limit"] = row["step_ms"] / row["limit_ms"]
            row["share"] = row["limit_ms"] / row["step_ms"]
            row = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
            print(row, flush=True)
            tables.write(PATH, [row | facts | {"command": command}], ("work", "precision"))


if __name__ == "__main__":
    main()
