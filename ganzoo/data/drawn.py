"""Pictures and series that are drawn from (seed, row) when they are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ganzoo.data.checks import check_int
from ganzoo.data.records import Element, in_order, while_python_runs

LEAST, MOST = 16, 512  # pixels of a side
# Saturation and value of the two colours. Their values are far apart, so that the object can be
# seen at any two hues.
_OBJECT, _BACKGROUND = (0.85, 1.0), (0.6, 0.4)
_AT_ONCE = 2**22  # pixels that are drawn at once, which bounds the memory


@dataclasses.dataclass(frozen=True)
class DrawnRows:
    """Rows of which any can be drawn at once; see `ganzoo.data.records.Rows`.

    count: the number of rows.
    draw: int64 row numbers (n,) -> one array (n, …) for each of `specs`.
    specs: shape and dtype of each column of a row, by its name.
    first: the row number of the first row.
    """

    count: int
    draw: Callable[[np.ndarray], tuple[np.ndarray, ...]]
    specs: Mapping[str, tf.TensorSpec]
    first: int = 0

    def between(self, first: int, last: int) -> DrawnRows:
        """The rows from `first` up to `last`, which is not among them."""
        return dataclasses.replace(self, count=last - first, first=self.first + first)

    def read(self, rows: tf.Tensor) -> Element:
        """Draws rows by number, in a graph: int64 (n,) -> {name: (n, …)}."""
        draw = while_python_runs(self.draw)
        kinds = [spec.dtype for spec in self.specs.values()]
        columns = tf.numpy_function(draw, [rows + self.first], kinds, stateful=False)
        return {
            name: tf.ensure_shape(column, rows.shape + spec.shape)
            for (name, spec), column in zip(self.specs.items(), columns, strict=True)
        }


def dataset_of(
    factors: Callable[[np.ndarray, int], Mapping[str, np.ndarray]],
    render: Callable[[Mapping[str, np.ndarray], int], np.ndarray],
    label: str,
    count: int,
    size: int,
    seed: int,
) -> tf.data.Dataset:
    """An unbatched dataset of rendered factors, of which `label` names the one that is the label.

    Raises ValueError if count, size or seed is out of range.
    """
    count, size = check_int("count", count, 1, 2**40), check_int("size", size, LEAST, MOST)
    check_int("seed", seed, 0, 2**63 - 1)

    def draw(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        drawn = factors(rows, seed)
        return render(drawn, size), drawn[label]

    specs = {
        "image": tf.TensorSpec((size, size, 3), tf.uint8),
        "label": tf.TensorSpec((), tf.int64),
    }
    return in_order(DrawnRows(count, draw, specs))


def uniforms(rows: npt.ArrayLike, number: int, seed: int) -> np.ndarray:
    """Independent draws from U[0, 1) that depend on (seed, row) alone: float64 [N, number].

    rows: row numbers of at least 0, int [N].

    A row is the counter of Philox (Salmon et al. 2011), NumPy's counter-based generator.
    """
    rows = np.asarray(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or (rows.size and rows.min() < 0):
        raise ValueError(
            f"rows has dtype {rows.dtype} and shape {rows.shape}: pass row numbers of at least 0, "
            "such as np.arange(100)."
        )
    check_int("seed", seed, 0, 2**63 - 1)
    philox = np.random.Philox(key=seed)
    generator, state = np.random.Generator(philox), philox.state
    drawn = np.empty((len(rows), number))
    for place, row in enumerate(rows.tolist()):
        # A new generator for each row would take four times as long.
        state["state"]["counter"][:] = 0, row, 0, 0
        philox.state = state
        generator.random(out=drawn[place])
    return drawn


def scaled(drawn: np.ndarray, ranges: Mapping[str, tuple[float, float]]) -> dict[str, np.ndarray]:
    """Uniform draws in [0, 1), one column for each range (lo, hi), as draws from [lo, hi)."""
    columns = zip(ranges.items(), drawn.T, strict=True)
    return {name: low + (high - low) * u for (name, (low, high)), u in columns}


def grid(factors: Mapping[str, np.ndarray], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the pixels as seen from the objects, to the right and up: float32 [N, side, side]
    each, in units of the picture's side."""
    centres = (np.arange(side, dtype="float32") + 0.5) / side
    right = centres[None, None, :] - np.asarray(factors["x"], "float32")[:, None, None]
    up = np.asarray(factors["y"], "float32")[:, None, None] - centres[None, :, None]
    shape = (len(right), side, side)
    return np.broadcast_to(right, shape), np.broadcast_to(up, shape)


def coloured(coverage: np.ndarray, factors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Objects over their backgrounds: coverage [N, height, width] in [0, 1] and the factors "hue"
    and "background_hue" -> uint8 [N, height, width, 3]."""
    top = _colours(factors["hue"], *_OBJECT)
    bottom = _colours(factors["background_hue"], *_BACKGROUND)
    mixed = bottom + coverage[..., None] * (top - bottom)
    return (mixed + np.float32(0.5)).astype("uint8")


def _colours(hue: np.ndarray, saturation: float, value: float) -> np.ndarray:
    """float32 [N, 1, 1, 3], from 0 to 255."""
    from matplotlib.colors import hsv_to_rgb

    hue = np.asarray(hue, "float64") % 1
    fixed = (np.full_like(hue, part) for part in (saturation, value))
    return (255 * hsv_to_rgb(np.stack([hue, *fixed], -1))).astype("float32")[:, None, None]


def in_parts(
    draw: Callable[[Mapping[str, np.ndarray]], np.ndarray],
    factors: Mapping[str, npt.ArrayLike],
    names: tuple[str, ...],
    size: int,
) -> np.ndarray:
    """Draws as many rows at once as memory should hold, after checking the factors.

    names: the factors that `draw` takes. The first one is the class.
    size: the side of the pictures in pixels.
    """
    check_int("size", size, LEAST, MOST)
    missing = [name for name in names if name not in factors]
    if missing:
        raise ValueError(f"factors has no {missing[0]!r}: pass {', '.join(names)}.")
    arrays = {name: np.asarray(factors[name]) for name in names}
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise ValueError(
            f"factors have the shapes {', '.join(map(str, shapes))}: pass arrays (N,) of one "
            "length N."
        )
    count, most = len(arrays[names[0]]), max(1, _AT_ONCE // size**2)
    pictures = np.empty((count, size, size, 3), "uint8")
    for start in range(0, count, most):
        part = slice(start, start + most)
        pictures[part] = draw({name: array[part] for name, array in arrays.items()})
    return pictures


def check_classes(numbers: np.ndarray, what: str, count: int) -> None:
    """Raises ValueError unless these are ints from 0 to count − 1."""
    whole = numbers.dtype.kind in "iu"
    if not whole or (numbers.size and not 0 <= numbers.min() <= numbers.max() < count):
        raise ValueError(f"{what} must be ints from 0 to {count - 1}.")
