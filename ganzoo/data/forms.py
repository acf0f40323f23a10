"""The forms in which users pass data, as named columns."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.data.checks import FORMS, RESIZE, SERIES, check_dtype
from ganzoo.data.fields import Column

Columns = Mapping[str, Column]
NAMES = {1: "vector", 2: "series", 3: "image"}
"""The key in a batch of a game's only sample, by its number of axes."""
_MOST_DENSE = 2**31  # bytes that a sparse matrix may take as an array


def samples_of(columns: Columns) -> list[str]:
    return [name for name, column in columns.items() if column.kind == "sample"]


def final_name(name: str, columns: Columns, rank: int) -> str:
    """The key of a column in a batch: the only sample is called as `NAMES` says."""
    if name in NAMES.values() and samples_of(columns) == [name]:
        return NAMES[rank]
    return name


def what_of(name: str, columns: Columns) -> str:
    """The name of a column in errors."""
    if columns[name].kind == "label":
        return "labels"
    alone = name in NAMES.values() and len(samples_of(columns)) == 1
    return "data" if alone else repr(name)


def forms_of(columns: Columns) -> str:
    """The accepted forms of data with these columns, in the words of an error."""
    names = samples_of(columns)
    if len(names) == 1:
        return SERIES if columns[names[0]].is_series else FORMS
    named = ", ".join(f"{name!r}: …" for name in names)
    return (
        f"pass {{{named}}} of arrays or tf.data.Datasets, ({', '.join(names)}), or a"
        " tf.data.Dataset of either; images are NHWC, vectors (N, features)"
    )


def joined(x: Any, y: Any, columns: Columns) -> Any:
    """x and y as one structure. Raises ValueError where both bring the same column."""
    names = samples_of(columns)
    if not names and y is not None:
        raise ValueError("y= was given with a table: make it a column of the table.")
    if y is None:
        return _first_of_nested(x, columns) if names else x
    if len(names) == 1:
        if is_stream(x):
            raise ValueError("y= was given with a dataset: pass a dataset of (x, y).")
        values = named(x, columns)
        if values.get("label") is not None:
            raise ValueError("y= was given, but the data brings its own labels: pass one of them.")
        return values | {"label": y}
    if isinstance(x, dict | tuple):
        raise ValueError(f"y= was given, but the data brings {' and '.join(names)}: leave it out.")
    return x, y


def _first_of_nested(x: Any, columns: Columns) -> Any:
    """The first pair of Keras's ((x, y), (x_test, y_test)), with a warning; other data as is."""
    nested = (
        isinstance(x, tuple)
        and len(x) == 2
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in x)
        and all(isinstance(part, np.ndarray) for pair in x for part in pair)
        and all(len(part) for pair in x for part in pair if part.ndim)
    )
    if not nested or any(len(a) != len(b) for a, b in x if a.ndim and b.ndim):
        return x
    warnings.warn(
        "data is ((x, y), (x_test, y_test)): the first pair is used, and the second is left for"
        " evaluate().",
        stacklevel=4,
    )
    first, labels = x[0]
    is_series = columns[samples_of(columns)[0]].is_series
    if first.ndim == 3 and first.dtype == np.uint8 and not is_series:
        # the grey pictures of keras.datasets
        first = first[..., None]
    return first, labels


def named(data: Any, columns: Columns) -> dict[str, Any]:
    """Column name -> its part of x, (x, y) or {"image": x, "label": y}, or for several samples
    of {"source": x, "target": y} or (x, y).

    It also takes one element of a dataset, or its specification. Labels that the columns don't
    ask for are returned too, other keys are not.
    """
    names = samples_of(columns)
    if isinstance(data, dict):
        return _of_dict(data, columns)
    if isinstance(data, tuple) and len(data) == 3 and len(names) == 1:
        raise ValueError(
            "data is a tuple of 3, and sample weights (x, y, sample_weight) are not supported:"
            " pass (x, y)."
        )
    labels = ["label"] if len(names) == 1 or "label" in columns else []
    parts = data if isinstance(data, tuple) else (data,)
    if not len(names) <= len(parts) <= len(names) + len(labels):
        what = f"a tuple of {len(data)}" if isinstance(data, tuple) else type(data).__name__
        if len(names) > 1:
            raise ValueError(
                f"data is {what}, but {' and '.join(names)} are needed: {forms_of(columns)}."
            )
        raise ValueError(f"data is {what}: {forms_of(columns)}.")
    return dict(zip([*names, *labels], parts, strict=False))


def _of_dict(data: dict[str, Any], columns: Columns) -> dict[str, Any]:
    names = samples_of(columns)
    keys = sorted(data, key=str)
    label = {"label": data["label"]} if data.get("label") is not None else {}
    if len(names) == 1:
        column = columns[names[0]]
        known = [NAMES[rank] for rank in column.ranks]
        key = next((k for k in (names[0], *known) if k in data), None)
        if key is None and (other := next((k for k in NAMES.values() if k in data), None)):
            raise ValueError(f"data holds {other!r}, but {learns(column)}.")
        if key is None:
            wanted = "'series'" if column.is_series else "'image' (or 'vector')"
            raise ValueError(
                f"data is a dict with the keys {keys}: it needs {wanted} and, for labels, 'label'."
            )
        return {names[0]: data[key]} | label
    if missing := [name for name in names if data.get(name) is None]:
        raise ValueError(
            f"data is a dict with the keys {keys}: it lacks {' and '.join(map(repr, missing))}."
        )
    return {name: data[name] for name in names} | label


def learns(column: Column) -> str:
    """What a game on this column learns, and what mends data of another kind, for an error."""
    if column.is_series:
        return (
            "this GAN learns series (N, time, features): pass series, or choose a GAN that learns"
            " images and vectors"
        )
    return (
        "this GAN learns images (N, height, width, channels) and vectors (N, features): choose a"
        " GAN that learns series"
    )


def is_stream(x: Any) -> bool:
    return isinstance(x, tf.data.Dataset)


def groups(data: Any, columns: Columns) -> list[tuple[Any, Columns]]:
    """(data, columns) of each group of columns whose rows belong together: all paired columns are
    one group, and each unpaired column is a group of its own."""
    free = [name for name, column in columns.items() if not column.paired]
    if not free:
        return [(_zipped(data, columns), columns)]
    if is_stream(data):
        values = {name: data.map(_picked(name, columns)) for name in samples_of(columns)}
        if "label" in columns:
            values["label"] = data.map(_picked("label", columns))
    else:
        values = named(data, columns)
    found: list[tuple[Any, Columns]] = []
    for name in free:
        one = {name: columns[name]}
        value = values[name]
        found.append((value if is_stream(value) else {name: value}, one))
    if bound := {name: column for name, column in columns.items() if name not in free}:
        found.insert(0, (_zipped({name: values.get(name) for name in bound}, bound), bound))
    return found


def _picked(name: str, columns: Columns) -> Callable[..., Any]:
    @tf.autograph.experimental.do_not_convert
    def pick(*element: Any) -> Any:
        return named(element[0] if len(element) == 1 else element, columns)[name]

    return pick


def _zipped(data: Any, columns: Columns) -> Any:
    """A dict or tuple of datasets as one dataset of dicts."""
    if len(samples_of(columns)) < 2 or is_stream(data):
        return data
    values = named(data, columns)
    streams = [is_stream(value) for value in values.values()]
    if not any(streams):
        return data
    if not all(streams):
        raise ValueError(
            "data mixes arrays and tf.data.Datasets: pass all columns in the same form."
        )
    single = {"image": Column("sample")}
    plain = {
        name: dataset.map(_picked("image", single)) if name in samples_of(columns) else dataset
        for name, dataset in values.items()
    }
    lengths = {name: int(dataset.cardinality()) for name, dataset in plain.items()}
    if len({n for n in lengths.values() if n >= 0}) > 1:
        first, second = list(lengths)[:2]
        raise ValueError(
            f"{first!r} has {lengths[first]} elements, but {second!r} has {lengths[second]}: pass"
            " pairs."
        )
    return tf.data.Dataset.zip(plain)


def array_of(value: Any, what: str, accepted: str = FORMS) -> np.ndarray:
    """The value as a numpy array of numbers. Raises ValueError if it is no such array."""
    ragged = isinstance(value, tf.RaggedTensor)
    array = None
    if is_sparse(value):
        array = _dense(value, what)
    elif not ragged and (isinstance(value, list | tuple) or hasattr(value, "__array__")):
        # NumPy would read any sequence, such as a Keras PyDataset, to its end.
        try:
            array = value.numpy() if tf.is_tensor(value) else np.asarray(value)
        except Exception:  # whatever a foreign __array__ raises
            ragged = isinstance(value, list | tuple)
    if ragged:
        raise ValueError(f"{what} has rows of different shapes: {RESIZE}.")
    if array is None:
        raise ValueError(f"{what} is of type {type(value).__name__}: {accepted}.")
    if array.dtype == object and array.size and isinstance(array.flat[0], np.ndarray):
        raise ValueError(f"{what} has rows of different shapes: {RESIZE}.")
    if what != "labels":
        check_dtype(array.dtype, what)
    return array


def is_sparse(value: Any) -> bool:
    """Whether it is a matrix of scipy.sparse."""
    return hasattr(value, "toarray") and hasattr(value, "nnz")


def _dense(value: Any, what: str) -> np.ndarray:
    size = int(np.prod(value.shape, dtype=object)) * value.dtype.itemsize
    if size > _MOST_DENSE:
        raise ValueError(
            f"{what} is a sparse matrix of shape {value.shape}, which takes {size / 2**30:.1f} GiB"
            f" as an array, but at most {_MOST_DENSE / 2**30:.0f} GiB are made: pass a"
            " tf.data.Dataset of dense rows, or fewer features."
        )
    return value.toarray()


def outer_shape(value: Any) -> tuple[int, ...]:
    """Shape of unused labels, which may have any type."""
    if hasattr(value, "shape"):
        return tuple(value.shape)
    try:
        return np.shape(value)
    except ValueError:  # rows of different lengths
        return (len(value),)
