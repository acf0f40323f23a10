"""`shapes`: coloured scenes whose factors are known.

A scene is one object on a plain background. The factors of row i of the data set are a function
of (seed, i), so any row can be drawn at any time, and there is no end of them:

    factors = shapes.factors(np.arange(100))        # the truth of the first 100 scenes
    images = shapes.render(factors, size=64)        # uint8 (100, 64, 64, 3)
    factors["hue"][:] = 0
    red = shapes.render(factors)                    # the same scenes with red objects

All factors are independent and uniform, but for the range of the orientation, which depends on the
shape:

- shape: one of `NAMES`, each with probability 1/5.
- size: radius of the disc that has the same area as the object, in units of the picture's side.
- x, y: centre of the object, to the right and downwards, in units of the picture's side.
- orientation: anticlockwise, in radians, from 0 to the angle after which the shape looks the same
  (`TURN`: 90° for square and cross, 120° for the triangle, 72° for the star). It is 0 for circles.
- hue, background_hue: of the two colours in the HSV model, from 0 to 1, both being red. Objects
  have saturation 0.85 and value 1, backgrounds have saturation 0.6 and value 0.4.

`RANGES` holds the limits. Objects lie within the picture completely. The edges are antialiased.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ganzoo.data import drawn

NAMES = ("circle", "square", "triangle", "star", "cross")
RANGES = {
    "size": (0.12, 0.20),
    "x": (1 / 3, 2 / 3),
    "y": (1 / 3, 2 / 3),
    "hue": (0.0, 1.0),
    "background_hue": (0.0, 1.0),
}
# An object is `sectors` equal sectors of a disc, and each sector, whose axis points to the right,
# is symmetric about the axis. There the object is what lies behind one or two straight lines:
# u·x + v·|y| ≤ c. A circle is a sector of no width behind a line.
_SECTORS = np.array([0, 4, 3, 5, 4])
_AXIS = np.array([0, 0, np.pi / 6, np.pi / 2, 0])  # direction of the first axis at orientation 0
TURN = np.array([0, np.pi / 2, 2 * np.pi / 3, 2 * np.pi / 5, np.pi / 2])


def _lines() -> np.ndarray:
    """(u, v, c) of the two lines for each shape, for objects of area π: [shape, line, 3]."""
    none = (0.0, 0.0, 1.0)
    square, triangle = (np.sqrt(np.pi / (k * np.tan(np.pi / k))) for k in (4, 3))
    # The inner corners of the star are half as far from its centre as its tips.
    tip = np.sqrt(2 * np.pi / (5 * np.sin(np.pi / 5)))
    along = tip / 2 * np.exp(1j * np.pi / 5) - tip
    u, v = along.imag / abs(along), -along.real / abs(along)
    arm = np.sqrt(9 * np.pi / 20)  # three times as long as the arms are wide
    return np.array(
        [
            [(1, 0, 1), none],
            [(1, 0, square), none],
            [(1, 0, triangle), none],
            [(u, v, u * tip), none],
            [(1, 0, arm), (0, 1, arm / 3)],
        ]
    )


_LINES = _lines()


def factors(rows: npt.ArrayLike, seed: int = 0) -> dict[str, np.ndarray]:
    """The factors of these rows of the data set.

    Args:
        rows: row numbers of at least 0, int [N].
        seed: of the data set.

    Returns:
        "shape", int64 [N]; "size", "x", "y", "orientation", "hue" and "background_hue", float64
        [N]; see the head of this module.

    Raises:
        ValueError: rows or seed are not as described.

    Example:
        >>> shapes.factors([0, 1])["shape"]
        array([2, 4])
    """
    u = drawn.uniforms(rows, 2 + len(RANGES), seed)
    shape = (u[:, 0] * len(NAMES)).astype("int64")
    return {
        "shape": shape,
        **drawn.scaled(u[:, 2:], RANGES),
        "orientation": u[:, 1] * TURN[shape],
    }


def render(factors: Mapping[str, npt.ArrayLike], size: int = 32) -> np.ndarray:
    """Pictures of factors: uint8 [N, size, size, 3].

    Args:
        factors: arrays [N] by the names that `factors` returns. Values outside of `RANGES` are
            drawn too, cut off at the edges of the picture.
        size: the side of the pictures in pixels, 16 to 512.

    Raises:
        ValueError: a factor is missing, or arrays or size are not as described.
    """
    names = ("shape", "orientation", *RANGES)

    def draw(part: Mapping[str, np.ndarray]) -> np.ndarray:
        return drawn.coloured(_coverage(part, size), part)

    drawn.check_classes(np.asarray(factors.get("shape", 0)), "factors['shape']", len(NAMES))
    return drawn.in_parts(draw, factors, names, size)


def _coverage(factors: Mapping[str, np.ndarray], side: int) -> np.ndarray:
    """The share of each pixel that the object covers, float32 [N, side, side]."""

    def of_row(values: npt.ArrayLike) -> np.ndarray:
        return np.asarray(values, "float32")[:, None, None]

    shape, (right, up) = factors["shape"], drawn.grid(factors, side)
    width = 2 * np.pi / np.maximum(_SECTORS[shape], 1)
    angle = np.arctan2(up, right) - of_row(factors["orientation"] + _AXIS[shape])
    angle -= np.rint(angle / of_row(width)) * of_row(width)
    angle *= of_row(_SECTORS[shape] > 0)
    radius = np.hypot(right, up)
    x, y = radius * np.cos(angle), radius * np.sin(np.abs(angle))
    lines = _LINES[shape]
    lines[..., 2] *= np.asarray(factors["size"])[:, None]
    first, second = (
        of_row(lines[:, i, 0]) * x + of_row(lines[:, i, 1]) * y - of_row(lines[:, i, 2])
        for i in (0, 1)
    )
    # The distance to the outline in pixels, of which the pixel at the outline covers a half.
    return np.clip(0.5 - side * np.maximum(first, second), 0, 1)


def dataset(count: int = 50_000, *, size: int = 32, seed: int = 0) -> tf.data.Dataset:
    """The rows 0 to `count` − 1 as an unbatched dataset of {"image": …, "label": …}: uint8
    (size, size, 3), and the number of the shape in `NAMES`, int64.

    It is drawn while it is read. `ganzoo.data.batches` reads it in a random order of the whole,
    from any step.

    Raises:
        ValueError: count, size (16 to 512) or seed is out of range.
    """
    return drawn.dataset_of(factors, render, "shape", count, size, seed)
