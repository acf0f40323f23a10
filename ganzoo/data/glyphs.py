"""`glyphs`: coloured capital letters and digits whose factors are known.

The glyphs are those of the DejaVu fonts that come with matplotlib. The factors of row i of the data
set are a function of (seed, i), as in `ganzoo.data.shapes`:

    factors = glyphs.factors(np.arange(100))
    images = glyphs.render(factors, size=64)        # uint8 (100, 64, 64, 3)

All factors are independent and uniform:

- character: one of `NAMES`, each with probability 1/36.
- font: one of `FONTS`, each with probability 1/6.
- size: height of a capital letter in units of the picture's side.
- x, y: centre of the glyph's bounding box, to the right and downwards, in the same units.
- turn: anticlockwise, in radians.
- hue, background_hue: as in `ganzoo.data.shapes`.

`RANGES` holds the limits. Glyphs lie within the picture completely. The edges are antialiased.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ganzoo.data import drawn

NAMES = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
)
RANGES = {
    "size": (0.40, 0.60),
    "x": (0.44, 0.56),
    "y": (0.44, 0.56),
    "turn": (-np.pi / 9, np.pi / 9),
    "hue": (0.0, 1.0),
    "background_hue": (0.0, 1.0),
}
# A glyph is kept as a map of the distance to its outline. The map has 128 by 128 points, and a
# capital letter is 72 points high on it, so that the widest glyph leaves a margin.
_POINTS, _CAPITAL = 128, 72


def factors(rows: npt.ArrayLike, seed: int = 0) -> dict[str, np.ndarray]:
    """The factors of these rows of the data set.

    Args:
        rows: row numbers of at least 0, int [N].
        seed: of the data set.

    Returns:
        "character" and "font", int64 [N]; "size", "x", "y", "turn", "hue" and "background_hue",
        float64 [N]; see the head of this module.

    Raises:
        ValueError: rows or seed are not as described.
    """
    u = drawn.uniforms(rows, 2 + len(RANGES), seed)
    return {
        "character": (u[:, 0] * len(NAMES)).astype("int64"),
        "font": (u[:, 1] * len(FONTS)).astype("int64"),
        **drawn.scaled(u[:, 2:], RANGES),
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
    names = ("character", "font", *RANGES)

    def draw(part: Mapping[str, np.ndarray]) -> np.ndarray:
        return drawn.coloured(_coverage(part, size), part)

    for name, count in (("character", len(NAMES)), ("font", len(FONTS))):
        drawn.check_classes(np.asarray(factors.get(name, 0)), f"factors[{name!r}]", count)
    return drawn.in_parts(draw, factors, names, size)


def _coverage(factors: Mapping[str, np.ndarray], side: int) -> np.ndarray:
    """The share of each pixel that the glyph covers, float32 [N, side, side]."""

    def of_row(values: npt.ArrayLike) -> np.ndarray:
        return np.asarray(values, "float32")[:, None, None]

    right, up = drawn.grid(factors, side)
    scale = _CAPITAL / np.asarray(factors["size"])  # points of the map per side of the picture
    cos, sin = (of_row(scale * f(factors["turn"])) for f in (np.cos, np.sin))
    column = cos * right + sin * up + np.float32((_POINTS - 1) / 2)
    row = sin * right - cos * up + np.float32((_POINTS - 1) / 2)
    maps = _distances().reshape(-1)
    number = factors["character"] * len(FONTS) + factors["font"]
    distance = _interpolated(maps, number.astype("int64") * _POINTS**2, row, column)
    return np.clip(0.5 - distance * of_row(side / scale), 0, 1)


def _interpolated(
    maps: np.ndarray, start: np.ndarray, row: np.ndarray, column: np.ndarray
) -> np.ndarray:
    """Bilinear interpolation of square maps, flattened, of which each begins at `start` [N]; points
    outside have the value at the nearest edge."""
    row, column = (np.clip(place, 0, _POINTS - 1.001) for place in (row, column))
    top, left = row.astype("int32"), column.astype("int32")
    down, across = row - top, column - left
    at = start[:, None, None] + top * _POINTS + left
    above = maps[at] + across * (maps[at + 1] - maps[at])
    at += _POINTS
    below = maps[at] + across * (maps[at + 1] - maps[at])
    return above + down * (below - above)


@functools.cache
def _distances() -> np.ndarray:
    """The signed distance to the outline in points, negative inside: float32 [character, font,
    row, column]."""
    import matplotlib
    import scipy.ndimage
    from PIL import Image, ImageDraw, ImageFont

    found = np.empty((len(NAMES), len(FONTS), _POINTS, _POINTS), "float32")
    for j, name in enumerate(FONTS):
        file = os.path.join(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf")
        _, top, _, bottom = ImageFont.truetype(file, 1000).getbbox("H")
        font = ImageFont.truetype(file, round(1000 * _CAPITAL / (bottom - top)))
        for i, character in enumerate(NAMES):
            image = Image.new("L", (_POINTS, _POINTS))
            box = font.getbbox(character)
            middle = [(_POINTS - box[k] - box[k + 2]) / 2 for k in (0, 1)]
            ImageDraw.Draw(image).text((middle[0], middle[1]), character, 255, font)
            mask = np.asarray(image, "float32") / 255
            inside = mask > 0.5
            outer, inner = (scipy.ndimage.distance_transform_edt(m) for m in (~inside, inside))
            # The outline lies between the points; their grey tells where.
            near = np.where(inside, 0.5 - inner, outer - 0.5)
            edge = (mask > 0) & (mask < 1) & (np.abs(near) <= 0.5)
            found[i, j] = np.where(edge, 0.5 - mask, near)
    found.setflags(write=False)
    return found


def dataset(count: int = 50_000, *, size: int = 32, seed: int = 0) -> tf.data.Dataset:
    """The rows 0 to `count` − 1 as an unbatched dataset of {"image": …, "label": …}: uint8
    (size, size, 3), and the number of the character in `NAMES`, int64.

    It is drawn while it is read. `ganzoo.data.batches` reads it in a random order of the whole,
    from any step.

    Raises:
        ValueError: count, size (16 to 512) or seed is out of range.
    """
    return drawn.dataset_of(factors, render, "character", count, size, seed)
