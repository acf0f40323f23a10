"""Pictures of what a generator makes of given pictures, beside these and their targets."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ganzoo.reporting import plots


def check_given(gan: Any, rows: Any) -> None:
    """Raises ValueError if `rows`, the `real` of a picture, lacks what the generator is given."""
    names = gan.given_inputs
    try:
        if names:
            gan.given(rows if isinstance(rows, Mapping) else {})
    except (ValueError, KeyError):
        needed = [name for name in gan.columns if name in names] or list(gan.columns)
        raise ValueError(
            f"{gan.registry_name} maps samples to samples, and its picture needs some to map: pass "
            f"real={{{', '.join(f'{name!r}: …' for name in needed)}}}."
        ) from None


def save_mapped(
    gan: Any,
    path: str | os.PathLike,
    rows: Mapping[str, npt.ArrayLike],
    *,
    count: int = 64,
    seed: int = 0,
) -> None:
    """Writes a PNG with one cell per row of the data: what the generator is given, what it makes
    of it and, where the data are paired, its target, from left to right.

    Vectors are drawn as `plots.save_samples` draws them, with the targets behind them.

    Args:
        rows: samples of the data by the names of their columns, each [N, ...], in the data's units.
        count: at most so many rows are shown.

    Raises:
        ValueError: `rows` lacks what the generator is given.
    """
    check_given(gan, rows)
    given = {name: x[:count] for name, x in gan.given(rows).items()}
    made = np.asarray(gan.sample(seed=seed, **given))
    paired = all(column.paired for column in gan.columns.values())
    target = np.asarray(rows[gan.output_name])[:count] if gan.output_name in rows else None
    target = target if paired else None
    if not gan.spec.is_image:
        plots.save_samples(made, path, real=target)
        return
    shown = [(x, gan.fields[name]) for name, x in given.items() if gan.fields[name].is_image]
    shown += [(x, gan.spec) for x in (made, target) if x is not None]
    save_side_by_side([(x, field.value_range) for x, field in shown], path)


def save_side_by_side(
    columns: list[tuple[np.ndarray, tuple[float, float] | None]], path: str | os.PathLike
) -> None:
    """Writes a PNG in which the i-th pictures of all columns stand side by side.

    Smaller pictures are enlarged to the size of the largest, and grey ones become coloured where
    others are.

    Args:
        columns: (pictures [N, height, width, channels], (black, white)) for each; N is the same.
    """
    pixels = [plots.pixels(x, value_range) for x, value_range in columns]
    height, width, channels = (max(x.shape[axis] for x in pixels) for axis in (1, 2, 3))
    cells = np.stack([_fitted(x, height, width, channels) for x in pixels], axis=1)
    count, parts = cells.shape[:2]
    across = max(1, round(math.sqrt(count * parts * height / width) / parts))
    sheet = cells.reshape(count * parts, height, width, channels)
    plots.save_samples(sheet, path, columns=across * parts)


def _fitted(x: np.ndarray, height: int, width: int, channels: int) -> np.ndarray:
    """The nearest pixels, uint8 [N, height, width, channels]."""
    rows = np.arange(height) * x.shape[1] // height
    columns = np.arange(width) * x.shape[2] // width
    x = x[:, rows][:, :, columns]
    return np.broadcast_to(x[..., :1], (*x.shape[:3], channels)) if x.shape[3] == 1 else x
