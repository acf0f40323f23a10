"""Held-out rows, as `validation_split` of Keras takes them."""

from __future__ import annotations

import math
from typing import Any

from ganzoo.data.forms import is_stream, outer_shape


def split(x: Any, y: Any = None, *, fraction: float) -> tuple[Any, Any]:
    """Arrays cut in two, (train, held-out): the last `fraction` of the rows is held out.

    Args:
        x: an array, a DataFrame, or a tuple or dict of them; with `y`, both parts are pairs (x, y).
        fraction: between 0 and 1, of the rows before any shuffling, as in Keras.

    Raises:
        ValueError: a dataset or a generator was given, which can't be cut, or a part would be
            empty.

    Example:
        >>> train, held = split(np.arange(10), fraction=0.2)
        >>> held
        array([8, 9])
    """
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 < fraction < 1:
        raise ValueError(f"fraction={fraction!r} is not between 0 and 1: pass 0.2, for example.")
    data = x if y is None else (x, y)
    parts = list(data.values()) if isinstance(data, dict) else data
    parts = parts if isinstance(parts, list | tuple) and isinstance(data, dict | tuple) else [data]
    for part in parts:
        if is_stream(part) or not (hasattr(part, "__getitem__") and hasattr(part, "__len__")):
            raise ValueError(
                f"data is of type {type(part).__name__}, which can't be split: pass arrays, or"
                " take() and skip() a dataset and pass validation_data."
            )
    count = _rows(parts[0])
    for part in parts[1:]:
        if _rows(part) != count:
            raise ValueError(f"data has columns of {count} and {_rows(part)} rows: pass pairs.")
    at = math.floor(count * (1 - fraction))
    if not 0 < at < count:
        raise ValueError(
            f"fraction={fraction} of {count} rows leaves {at} to train on and {count - at} held"
            " out: pass more data or another fraction."
        )
    return _sliced(data, slice(None, at)), _sliced(data, slice(at, None))


def _rows(part: Any) -> int:
    return outer_shape(part)[0]


def _sliced(data: Any, rows: slice) -> Any:
    if isinstance(data, dict):
        return {name: part[rows] for name, part in data.items()}
    if isinstance(data, tuple):
        return tuple(part[rows] for part in data)
    return data[rows]
