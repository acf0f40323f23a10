"""How long the contractions of primitives.py take by TensorFlow's kernels and by PyTorch's.

    python benchmarks/kernels.py tensorflow CONTRACTIONS.json 0.2

prints the seconds of each contraction of a list, null where there is no such kernel. Kernels are
`tensorflow`, with oneDNN unless TF_ENABLE_ONEDNN_OPTS=0, and `pytorch`.

Each is computed several times in a row within one call, so that calling it from Python costs
little, for at least so many seconds. The least time counts. TensorFlow computes them one after
another, each on all threads, and also all at the same time, which is faster where one of them
can't keep all cores busy. A kernel whose first call takes longer than GIVE_UP isn't called again.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

CALL = 0.02  # seconds that one timed call takes at least, where it can
GIVE_UP = 0.5  # seconds: no step of the works has a contraction that takes as long
SIZES = [4**n for n in range(7, 15)]  # 16 KB to 256 MB


def least(call: Callable[[], object], seconds: float) -> float:
    """The least time of a call, of three and more within so many seconds, after a first call. If
    the first one takes longer than GIVE_UP, its time."""

    def once() -> float:
        begins = time.perf_counter()
        call()
        return time.perf_counter() - begins

    first = once()
    if first > GIVE_UP:
        return first
    times: list[float] = []
    ends = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < ends:
        times.append(once())
    return min(times)


def copies_for(once: float) -> int:
    return max(1, min(32, math.ceil(CALL / once)))


# ---- TensorFlow


def tensorflow(one: dict[str, Any], seconds: float) -> float:
    import tensorflow as tf

    operation = getattr(tf.raw_ops, one["kind"])
    inputs = one["inputs"]
    given = {name: x for name, x in inputs.items() if "shape" in x}
    # Equal operations would be computed once, so each gets an input of its own, the smallest.
    varied = min(given, key=lambda name: math.prod(given[name]["shape"]))

    def drawn(x: dict[str, Any]) -> tf.Tensor:
        return tf.cast(tf.random.normal(x["shape"]), x["dtype"])

    fixed = {name: drawn(x) for name, x in given.items() if name != varied}
    sizes = {name: tf.constant(x["value"]) for name, x in inputs.items() if "value" in x}

    def timed(copies: int, in_turn: bool) -> float:
        @tf.function(autograph=False)
        def run(tensors: dict[str, tf.Tensor], others: list[tf.Tensor]) -> list[tf.Tensor]:
            parts: list[tf.Tensor] = []
            for other in others:
                with tf.control_dependencies(parts[-1:] if in_turn else []):
                    arguments = tensors | {varied: other} | sizes | one["attributes"]
                    result = operation(**arguments)
                    parts.append(tf.reshape(result, [-1])[:1])  # no results pile up
            return parts

        others = [drawn(given[varied]) for _ in range(copies)]
        return least(lambda: run(fixed, others)[-1].numpy(), seconds) / copies

    once = timed(1, in_turn=True)
    copies = copies_for(once)
    if copies == 1:
        return once
    return min(timed(copies, in_turn) for in_turn in (True, False))


# ---- PyTorch


def pytorch(one: dict[str, Any], seconds: float) -> float | None:
    """Convolutions get maps that were padded before, so that they need no padding of their own."""
    import torch

    def drawn(shape: list[int]) -> Any:
        return torch.randn(shape, dtype=kind)

    inputs, attributes = one["inputs"], one["attributes"]
    kind = getattr(torch, next(x["dtype"] for x in inputs.values() if "dtype" in x))
    if "MatMul" in one["kind"]:
        (first, second), names = inputs, ("transpose_a", "transpose_b")
        names = names if first == "a" else ("adj_x", "adj_y")
        a, b = (drawn(inputs[name]["shape"]) for name in (first, second))
        a, b = (x.mT if attributes[name] else x for x, name in zip((a, b), names, strict=True))
        calls = [lambda: torch.matmul(a, b)]
    elif "Conv2D" in one["kind"] or "DepthwiseConv2d" in one["kind"]:
        calls = _torch_convolutions(one, drawn)
    else:
        return None
    found = []
    for call in calls:
        once = least(call, 0.0)
        if once > GIVE_UP:
            found.append(once)
            continue
        copies = copies_for(once)

        def several(call: Callable[[], object] = call, copies: int = copies) -> None:
            for _ in range(copies):
                call()

        found.append(least(several, seconds) / copies)
    return min(found)


def _torch_convolutions(one: dict[str, Any], drawn: Callable[[list[int]], Any]) -> list[Any]:
    """The same convolution with channels before and after the sides, in memory."""
    import torch

    inputs, stride = one["inputs"], one["attributes"]["strides"][1]
    forward = "Backprop" not in one["kind"]
    kernel = inputs["filter"].get("shape") if "filter" in inputs else one["output"]
    count, *sides, channels = one["output"] if forward else inputs["out_backprop"]["shape"]
    height, width, before, filters = kernel
    groups = before if "Depthwise" in one["kind"] else 1
    padded = [stride * (sides[0] - 1) + height, stride * (sides[1] - 1) + width]
    mask = ["Input" in one["kind"], "Filter" in one["kind"], False]
    calls: list[Any] = []
    for layout in (torch.contiguous_format, torch.channels_last):
        x = drawn([count, before, *padded]).to(memory_format=layout)
        w = drawn([filters * groups if groups > 1 else filters, before // groups, height, width])
        w, dy = w.to(memory_format=layout), drawn([count, channels, *sides])
        dy = dy.to(memory_format=layout)
        shape = (None, [stride] * 2, [0, 0], [1, 1], False, [0, 0], groups)
        if forward:
            calls.append(lambda x=x, w=w, shape=shape: torch.convolution(x, w, *shape))
        else:
            calls.append(
                lambda dy=dy, x=x, w=w, shape=shape: torch.ops.aten.convolution_backward(
                    dy, x, w, *shape, mask
                )
            )
    return calls


# ---- memory


def pass_seconds(size: int, seconds: float = 0.1) -> float:
    """The least time of a pass that reads half of `size` bytes and writes the other half."""
    x = np.ones(size // 8, np.float32)
    y = np.empty_like(x)
    threads = len(os.sched_getaffinity(0))
    parts = list(zip(np.array_split(x, threads), np.array_split(y, threads), strict=True))

    def part(halves: tuple[np.ndarray, np.ndarray]) -> None:
        np.multiply(halves[0], np.float32(1.5), out=halves[1])

    with ThreadPoolExecutor(threads) as pool:
        together = least(lambda: list(pool.map(part, parts)), seconds)
    return min(together, least(lambda: part((x, y)), seconds))


class Bandwidth:
    """Bytes per second of a pass over memory, which depends on how many there are."""

    def __init__(self) -> None:
        self.rates = [size / pass_seconds(size) for size in SIZES]

    def seconds(self, moved: int) -> float:
        if moved == 0:
            return 0.0
        return moved / float(np.interp(math.log(moved), np.log(SIZES), self.rates))

    def again(self) -> None:
        """Measures again and keeps the better rates."""
        rates = [size / pass_seconds(size) for size in SIZES]
        self.rates = list(itertools.starmap(max, zip(self.rates, rates, strict=True)))


KERNELS = {"tensorflow": tensorflow, "pytorch": pytorch}


def main() -> None:
    name, path, seconds = sys.argv[1:]
    with open(path) as file:
        contractions = [json.loads(text) for text in json.load(file)]
    print(json.dumps([KERNELS[name](one, float(seconds)) for one in contractions]))


if __name__ == "__main__":
    main()
