"""Rows that lie on disk, and are decoded when it is their turn."""

from __future__ import annotations

import atexit
import functools
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import tensorflow as tf

from ganzoo.data.checks import refuse_unless

Element = dict[str, tf.Tensor]


class Encoded(NamedTuple):
    """Rows on disk that can only be read one after another, the same in each pass. As the attribute
    `encoded` of the decoded dataset it is what `ganzoo.data.batches` shuffles and skips.

    rows: unbatched, of known length.
    decode: what one of them holds, in a graph.
    """

    rows: tf.data.Dataset
    decode: Callable[[Element], Element]


class Records(NamedTuple):
    """Pictures on disk, of which any can be read at once.

    count: of rows.
    shape: (height, width, channels) of every picture.
    find: int64 row numbers (n,) -> a dict of (n,): "name", what a sentence calls the row, and
        what `decode` needs. Cheap: it may read, but decodes nothing.
    decode: one row of that -> {"image": …} or {"image": …, "label": …}. An error is taken for a
        broken picture.
    kind: what the pictures should have been, for that sentence.
    """

    count: int
    shape: tuple[int, int, int]
    find: Callable[[tf.Tensor], Element]
    decode: Callable[[Element], Element]
    kind: str

    def dataset(self) -> tf.data.Dataset:
        """The rows in their order, see `in_order`."""
        return in_order(self)

    def between(self, first: int, last: int) -> Records:
        """The rows from `first` up to `last`, which is not among them."""
        return self._replace(count=last - first, find=lambda rows: self.find(rows + first))

    @tf.autograph.experimental.do_not_convert
    def read(self, rows: tf.Tensor) -> Element:
        """The rows of these numbers, in a graph: int64 (n,) -> {"image": (n, *shape), …}. A row
        that is broken or of another size fails with a sentence for `clear_errors`."""

        def named(element):
            return self.decode(element) | {"name": element["name"]}

        asked = self.find(rows)
        # TensorFlow's errors don't tell the file: what fails is left out, and missed below.
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
            f", but the first ones are {height}×{width}: pass size=(height, width).",
        )
        image.set_shape(self.shape)  # ensure_shape might fail before the sentence does
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

    def __init__(self):
        self.running, self.latest, self.ending = 0, float("-inf"), False
        self.lock = threading.Lock()

    def __enter__(self):
        with self.lock:
            self.running += 1

    def __exit__(self, *error):
        with self.lock:
            self.running -= 1
            self.latest = time.monotonic()

    def end(self):
        """Waits for running callbacks and prefetches to finish."""
        self.ending = True
        while self.running or time.monotonic() - self.latest < 0.2:
            time.sleep(0.01)


_calls = _Calls()
atexit.register(_calls.end)


def while_python_runs(function: Callable) -> Callable:
    """For `tf.numpy_function`: Python, at its end, aborts or waits for ever if one of TensorFlow's
    threads is within it, as those of an iterator that nobody deleted are. So none is by then."""

    @functools.wraps(function)
    def called(*args):
        with _calls:
            if _calls.ending:
                raise RuntimeError("Python ends")
            return function(*args)

    return called
