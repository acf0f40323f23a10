"""Figures of matplotlib, as PNG files and bytes, and the shades that all pictures share.

Curves and points differ in lightness and in the style of their lines, so that they can be told
apart in grey.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

from ganzoo.foundation.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REAL, FAKE, JUDGED, MARK = "0.15", "#2a9d5c", "#2855b8", "#b3261e"
LINES = ("-", "--", "-.", ":", (0, (7, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
SHADES = ("#1b3a6b", "#d1701f", "#3f8f8a", "#8f2d56", "#7a8a2a", "#555555")


def new(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Figure, Any]:
    """An empty figure of `size` inches, and its axes as `Figure.subplots` returns them."""
    from matplotlib.figure import Figure  # not pyplot, whose figures are global and never freed

    figure = Figure(figsize=size, dpi=100, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def save(figure: Figure, path: str | os.PathLike, dpi: int = 100) -> None:
    """Writes a figure as a PNG, whole or not at all."""
    with replacing(path) as draft:
        draft.write_bytes(png(figure, dpi))


def png(figure: Figure, dpi: int = 100) -> bytes:
    """A figure as the bytes of a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    with io.BytesIO() as file:
        FigureCanvasAgg(figure).print_png(file)
        return file.getvalue()
