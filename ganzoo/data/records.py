"""Rows on disk, which are decoded only when a batch needs them."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from ganzoo.data.checks import refuse_unless

Element = dict[str, tf.Tensor]


class Encoded(NamedTuple):
    """Encoded rows on disk that can only be read one after another, the same in each pass.

    The decoded dataset has it as its attribute `encoded`, and `ganzoo.data.batches` shuffles and
    skips these rows without decoding them.

    rows: an unbatched dataset of known length.
    decode: decodes one row, in a graph.
    """

    rows: tf.data.Dataset
    decode: Callable[[Element], Element]


@dataclasses.dataclass(frozen=True)
class Records:
    """Pictures on disk that can be read in any order.

    count: the number of rows.
    shape: (height, width, channels) of every picture.
    find: int64 row numbers (n,) -> a dict of tensors (n,): "name", which is the row's name in an
        error, and what `decode` needs. It may read files, but it decodes nothing.
    decode: one element of this dict -> {"image": …} or {"image": …, "label": …}. If it fails, the
        picture is reported as broken.
    kind: what the file should be, for this error.
    shards: how many rows each shard has, where the rows lie in shards, in their order. Workers then
        share the shards, see `ganzoo.data.lanes`.
    """

    count: int
    shape: tuple[int, int, int]
    find: Callable[[tf.Tensor], Element]
    decode: Callable[[Element], Element]
    kind: str
    shards: tuple[int, ...] = ()

    def dataset(self) -> tf.data.Dataset:
        """An unbatched dataset of the rows in their order, see `in_order`."""
        return in_order(self)

    def between(self, first: int, last: int) -> Records:
        """The rows from `first` up to `last`, which is not among them."""
        ends = np.clip(np.cumsum((0, *self.shards)), first, last)
        return dataclasses.replace(
            self,
            count=last - first,
            find=lambda rows: self.find(rows + first),
            shards=tuple(n for n in np.diff(ends).tolist() if n),
        )

    def of_worker(self, part: tuple[int, int]) -> Records:
        """The rows of the shards that worker i of n reads, `part` being (i, n)."""
        index, of = part
        first, last = (sum(self.shards[: i * len(self.shards) // of]) for i in (index, index + 1))
        return self.between(first, last)

    @tf.autograph.experimental.do_not_convert
    def read(self, rows: tf.Tensor) -> Element:
        """Reads rows by number, in a graph: int64 (n,) -> {"image": (n, *shape), …}.

        If a row is broken or has another size, it fails with a sentence for `clear_errors`.
        """

        def named(element: Element) -> Element:
            return self.decode(element) | {"name": element["name"]}

        asked = self.find(rows)
        # TensorFlow's errors don't name the file. So rows that fail are left out here, and the
        # comparison of the names below finds out which row is missing.
        whole = tf.data.Dataset.from_tensor_slices(asked).map(named).ignore_errors()
        whole = whole.map(self._of_shape)
        none = {key: tf.zeros(s.shape, s.dtype) for key, s in whole.element_spec.items()}
        filled = whole.concatenate(tf.data.Dataset.from_tensors(none).repeat())
        size = tf.size(rows, tf.int64)
        read = filled.batch(size, drop_remainder=True).take(1).get_single_element()
        found = read.pop("name") == asked["name"]
        first = tf.argmin(tf.cast(found, tf.int32))
        refuse_unless(
            tf.reduce_all(found),
            asked["name"][first],
            f" can't be read as {self.kind}: repair or remove it.",
        )
        return {key: tf.ensure_shape(v, rows.shape + v.shape[1:]) for key, v in read.items()}

    @tf.autograph.experimental.do_not_convert
    def _of_shape(self, element: Element) -> Element:
        image = element["image"]
        seen = tf.strings.reduce_join(tf.strings.as_string(tf.shape(image)[:2]), separator="×")
        height, width, _ = self.shape
        refuse_unless(
            tf.reduce_all(tf.shape(image) == self.shape),
            "pictures have different sizes (height×width): ",
            element["name"],
            " is ",
            seen,
            f", but the first ones are {height}×{width}: pass size=(height, width), or --size "
            "HEIGHTxWIDTH.",
        )
        image.set_shape(self.shape)  # ensure_shape could fail first, without the file's name
        return element | {"image": image}


class Rows(Protocol):
    """Rows of which any can be read at once: `Records`, or pairs of them."""

    @property
    def count(self) -> int: ...

    def read(self, rows: tf.Tensor) -> Element: ...

    def between(self, first: int, last: int) -> Rows: ...


def in_order(rows: Rows) -> tf.data.Dataset:
    """The rows in their order, unbatched. Its attribute `records` is what `ganzoo.data.batches`
    reads instead; any transformation drops it."""
    numbers = tf.data.Dataset.range(rows.count).batch(16)
    dataset = numbers.map(rows.read, tf.data.AUTOTUNE).unbatch()
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(rows.count))
    dataset.records = rows
    return dataset


class _Calls:
    """Counts Python callbacks that run on TensorFlow's threads."""

    def __init__(self) -> None:
        self.running, self.latest, self.ending = 0, float("-inf"), False
        self.lock = threading.Lock()

    def __enter__(self) -> None:
        with self.lock:
            self.running += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.running -= 1
            self.latest = time.monotonic()

    def end(self) -> None:
        """Waits for running callbacks and prefetches to finish."""
        self.ending = True
        while self.running or time.monotonic() - self.latest < 0.2:
            time.sleep(0.01)


_calls = _Calls()
atexit.register(_calls.end)


def while_python_runs(function: Callable) -> Callable:
    """Wraps a function for `tf.numpy_function`, so that Python can end while a dataset is open.

    Python aborts or waits for ever at its end if one of TensorFlow's threads still runs Python
    code. The threads of an iterator that was not deleted do so. Therefore Python waits for the
    wrapped function before it ends, and later calls raise RuntimeError.
    """

    @functools.wraps(function)
    def called(*args: Any) -> Any:
        with _calls:
            if _calls.ending:
                raise RuntimeError("Python ends")
            return function(*args)

    return called
