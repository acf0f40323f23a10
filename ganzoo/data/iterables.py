"""Python objects that give batches one after another, as tf.data.Datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo.data.arrays import is_channels_first
from ganzoo.data.checks import FORMS


def as_dataset(x: Any) -> Any:
    """A tf.data.Dataset of a keras.utils.PyDataset, a torch DataLoader or a Python generator;
    anything else is returned unchanged.

    Each of their elements is a batch of x, (x, y) or {"image": …, "label": …}. A DataLoader's
    images, which are channels first, become NHWC. A generator can be read only once: the dataset
    continues where it is, and its attribute `one_pass` says so. Otherwise the attribute `rows` is
    the number of rows in one pass, where it is known.

    Raises ValueError if the first or the last element can't be read.
    """
    if isinstance(x, keras.utils.PyDataset):
        return _restartable(lambda: _items_of(x), lambda: x.num_batches, _rows_of, x, _plain)
    if _is_data_loader(x):
        rows = _rows_of_loader
        return _restartable(lambda: iter(x), lambda: _length(x), rows, x, _channels_last)
    if isinstance(x, Iterator) and not hasattr(x, "element_spec"):
        items = OnePass(x)
        dataset = _dataset(items, next(items(), None), type(x).__name__)
        dataset.one_pass = items
        return dataset
    return x


class OnePass:
    """Elements of an iterator that can be read once, of which some are looked at beforehand.

    While `looking` is true, each call starts at the beginning and keeps what it reads. Later calls
    give what was kept, then go on.
    """

    def __init__(self, iterator: Iterator[Any]):
        self.iterator, self.looking = iterator, True
        self.kept: list[Any] = []

    def __call__(self) -> Iterator[Any]:
        place = 0
        while True:
            if self.looking and place < len(self.kept):
                item = self.kept[place]
            elif not self.looking and self.kept:
                item = self.kept.pop(0)
            else:
                try:
                    item = _plain(next(self.iterator))
                except StopIteration:
                    return
                if self.looking:
                    self.kept.append(item)
            place += 1
            yield item


def _is_data_loader(x: Any) -> bool:
    names = {f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in type(x).__mro__}
    return "torch.DataLoader" in names


def _length(x: Any) -> int | None:
    try:
        return len(x)
    except TypeError:  # the loader of an iterable dataset
        return -1


def _rows_of(x: keras.utils.PyDataset, first: Any) -> int | None:
    """The number of rows, where all batches but the last one have as many as the first."""
    if x.num_batches is None:
        return None
    last = _plain(x[x.num_batches - 1]) if x.num_batches > 1 else first
    return (x.num_batches - 1) * _batch_rows(first) + _batch_rows(last)


def _rows_of_loader(x: Any, first: Any) -> int | None:
    size: int | None = getattr(x, "batch_size", None)
    sampler: Any = getattr(x, "sampler", None)
    if size is None or not hasattr(sampler, "__len__"):
        return None
    return len(sampler) // size * size if x.drop_last else len(sampler)


def _batch_rows(item: Any) -> int:
    return len(keras.tree.flatten(item)[0])


def _items_of(x: keras.utils.PyDataset) -> Iterator[Any]:
    count, place = x.num_batches, 0
    x.on_epoch_begin()
    while count is None or place < count:
        yield x[place]
        place += 1
    x.on_epoch_end()


def _restartable(
    items: Callable[[], Iterator[Any]],
    count: Callable[[], int | None],
    rows: Callable[[Any, Any], int | None],
    x: Any,
    convert: Callable[[Any], Any],
) -> tf.data.Dataset:
    kind = type(x).__name__

    def converted() -> Iterator[Any]:
        return map(convert, items())

    try:
        first, length = next(converted(), None), count()
    except Exception as error:
        raise _unreadable("first", kind, error) from error
    dataset = _dataset(converted, first, kind)
    if length is None:
        length = tf.data.INFINITE_CARDINALITY
    if length == -1:  # unknown
        return dataset
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(length))
    try:
        dataset.rows = rows(x, first)
    except Exception as error:
        raise _unreadable("last", kind, error) from error
    return dataset


def _unreadable(which: str, kind: str, error: Exception) -> ValueError:
    """The sentence for whatever the user's code raises."""
    reason = str(error).strip().split("\n")[0][:200].rstrip(".") or type(error).__name__
    return ValueError(f"the {which} batch of the {kind} can't be read ({reason}): mend it.")


def _dataset(items: Callable[[], Iterator[Any]], first: Any, kind: str) -> tf.data.Dataset:
    if first is None:
        raise ValueError(f"data is empty (the {kind} yields nothing): {FORMS}.")
    for part in keras.tree.flatten(first):
        if not isinstance(part, np.ndarray) or part.dtype == object:
            raise ValueError(
                f"the {kind} yields elements of type {type(part).__name__}: let it yield numpy"
                " arrays of a batch, x or (x, y)."
            )
    signature = keras.tree.map_structure(
        lambda part: tf.TensorSpec(
            [None] * part.ndim, tf.string if part.dtype.kind in "US" else part.dtype
        ),
        first,
    )
    return tf.data.Dataset.from_generator(items, output_signature=signature)


def _plain(item: Any) -> Any:
    """A batch with numpy arrays in a tuple, a dict or alone."""
    if isinstance(item, dict):
        return {key: _array(part) for key, part in item.items()}
    if isinstance(item, list | tuple):
        return tuple(_array(part) for part in item if part is not None)
    return _array(item)


def _array(part: Any) -> Any:
    try:
        return np.asarray(part)
    except Exception:  # a tensor on another device, or rows of different lengths
        return part


def _channels_last(item: Any) -> Any:
    """A batch of torch's: the images in it, NCHW, as NHWC."""

    def moved(part: Any) -> Any:
        images = isinstance(part, np.ndarray) and part.ndim == 4
        if images and (is_channels_first(part.shape[1:]) or part.shape[-1] > 4 >= part.shape[1]):
            return np.ascontiguousarray(np.moveaxis(part, 1, -1))
        return part

    return keras.tree.map_structure(moved, _plain(item))
