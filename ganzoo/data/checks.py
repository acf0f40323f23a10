"""The errors for data that can't be trained on, before training and while data are read."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

CLASSES = 65_536  # the most that can be learned: each is a column of weights
LONGEST = 2**20  # the most rows of a step: they are read before a dataset is known to have them

RESIZE = (
    "resize or crop to one size, e.g. dataset.map(lambda x: tf.image.resize(x, (64, 64)))"
    " or ganzoo.data.load('folder:PATH', size=(64, 64))"
)
FORMS = (
    "pass a numpy array, an (x, y) pair, or a tf.data.Dataset of x, (x, y) or"
    " {'image': …, 'label': …}; images are NHWC, vectors (N, features)"
)
SERIES = (
    "pass a numpy array (N, time, features), an (x, y) pair, or a tf.data.Dataset of x, (x, y) or"
    " {'series': …, 'label': …}"
)
_DTYPES = {
    "bool", "bfloat16", "float16", "float32", "float64", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64",
}  # fmt: skip
# TensorFlow wraps the words of an assertion in its own; the brackets find ours again.
_OPEN, _CLOSE = "[ganzoo.data:", ":ganzoo.data]"


class DataError(ValueError):
    """Data turned out to be unusable during training, after the checks before it had passed."""


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Within it, a failed check of the stream raises DataError with its one sentence only."""
    try:
        yield
    except tf.errors.OpError as error:
        found = re.search(re.escape(_OPEN) + "(.*?)" + re.escape(_CLOSE), str(error), re.DOTALL)
        if found is None and "Iterator" not in str(error):
            raise
        if found is None and "different shapes" in error.message:
            raise DataError(f"data has rows of different shapes: {RESIZE}.") from error
        if found is None:
            raise DataError(_unreadable(error)) from error
        raise DataError(found[1].replace("\\", "").strip()) from None


def _unreadable(error: tf.errors.OpError) -> str:
    """The sentence for a dataset that fails: a file is gone, a picture damaged, a map wrong."""
    reason = re.sub(r"^.*Iterator::\S*: |\{\{.*?\}\} ?", "", error.message.split("\n")[0])
    return f"the dataset can't be read ({reason[:200].rstrip('. ')}): mend what it reads or does."


def refuse_unless(condition: tf.Tensor, *words: str | tf.Tensor) -> None:
    """In a graph of tf.data: fails with the words (str or string tensors) as the one sentence that
    `clear_errors` raises, unless the condition is true."""
    tf.debugging.Assert(condition, [tf.strings.join([_OPEN, *words, _CLOSE])])


def marked(words: str) -> str:
    """The words of an error of Python code in a graph of tf.data, as the one sentence that
    `clear_errors` raises."""
    return f"{_OPEN}{words}{_CLOSE}"


def not_finite(what: str = "data") -> str:
    return f"{what} holds NaN or Inf: remove or replace those samples."


def check_int(name: str, value: Any, least: int, most: int | None = None) -> int:
    """The value as an int. Raises ValueError unless it is one from `least` to `most`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        bound = "" if most is None else f" and at most {most}"
        raise ValueError(f"{name}={value!r} must be an int of at least {least}{bound}.")
    return int(value)


def check_dtype(dtype: Any, what: str) -> None:
    """Raises ValueError for what TensorFlow can't hold or can't compute with."""
    try:
        usable = tf.as_dtype(dtype).name in _DTYPES
    except TypeError:
        usable = False
    if not usable:
        name = getattr(dtype, "name", dtype)
        raise ValueError(
            f"{what} has dtype {name}: pass real numbers, floats of 16 to 64 bits or integers of 8"
            " to 64."
        )


def check_enough(count: int, batch_size: int, steps: int, replicas: int) -> None:
    """Raises ValueError unless `count` rows fill one step and divide among the replicas."""
    if batch_size % replicas:
        below = batch_size // replicas * replicas
        near = f"{below} or {below + replicas}" if below else f"{replicas}"
        raise ValueError(
            f"batch_size {batch_size} can't be divided among {replicas} replicas: pass a batch_size"
            f" of {near}."
        )
    if count < batch_size * steps:
        size = f"batch_size {batch_size}" + (f" × {steps} critic steps" if steps > 1 else "")
        size += f", on {replicas} replicas" if replicas > 1 else ""
        most = count // steps // replicas * replicas
        mend = f"more data or a batch_size of at most {most}" if most else "more data"
        raise ValueError(
            f"data has {count} samples, but one step needs {batch_size * steps} ({size}):"
            f" pass {mend}."
        )
