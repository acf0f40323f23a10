"""Losses and signals over training, with the findings of a diagnosis marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.diagnosis import Finding
from ganzoo.reporting import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, float]]
NOT_DRAWN = ("epoch", "seconds", "step")
CURVE, SMOOTHED = 200, 0.02  # points from which a curve is smoothed, and the share of them


def losses(
    rows: Rows, findings: Sequence[Finding] = (), steps_per_epoch: int | None = None
) -> Figure:
    """The figure of the losses by epoch, a line for each name.

    Args:
        rows: one mapping per epoch, with `epoch` and the logs, as `Run.history` returns them.
        findings: marked by their numbers from 1 where they began, if `steps_per_epoch` is given.
    """
    figure, axes = drawing.new(1, 1, (6.4, 4))
    epochs = np.array([row["epoch"] for row in rows])
    for number, name in enumerate(names(rows)):
        axes.plot(epochs, _column(rows, name), label=name, **_style(number, rows))
    axes.set(xlabel="epoch", ylabel="loss")
    _whole_epochs(axes, epochs)
    axes.grid(alpha=0.3)
    if steps_per_epoch:
        _mark(axes, findings, 1 / steps_per_epoch)
    if rows:
        figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize="small")
    return figure


def signal(rows: Rows, name: str, findings: Sequence[Finding] = ()) -> Figure:
    """The figure of one signal by step, with the findings marked by their numbers from 1.

    A curve of 200 points and more is drawn pale, with its running mean over 2% of the points.

    Args:
        rows: one mapping for each record, with `step` and the signals by name.
    """
    figure, axes = _small(name, "step")
    steps, values = _column(rows, "step"), _column(rows, name)
    smooth = len(values) >= CURVE
    axes.plot(steps, values, color="0.75" if smooth else drawing.JUDGED, linewidth=1)
    if smooth:
        axes.plot(steps, _smoothed(values), color=drawing.JUDGED, linewidth=1.5)
    axes.locator_params(nbins=5)
    axes.margins(y=0.12)
    _mark(axes, findings, 1.0)
    return figure


def compared(histories: Mapping[str, Rows], name: str) -> Figure:
    """The figure of one loss of several runs by epoch, a line for each run that has it."""
    figure, axes = _small(name, "epoch")
    for number, (run, rows) in enumerate(histories.items()):
        if have := [row for row in rows if name in row]:
            axes.plot(
                _column(have, "epoch"), _column(have, name), label=run, **_style(number, have)
            )
    _whole_epochs(axes, np.unique([row["epoch"] for rows in histories.values() for row in rows]))
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    return figure


def names(rows: Rows) -> list[str]:
    """The names of what is drawn of such rows."""
    return [name for name in (rows[0] if rows else {}) if name not in NOT_DRAWN]


def _small(name: str, below: str) -> tuple[Figure, Any]:
    figure, axes = drawing.new(1, 1, (3.6, 2.3))
    axes.set_title(name.replace("_", " "), fontsize="medium", loc="left")
    axes.set_xlabel(below, fontsize="small")
    axes.tick_params(labelsize="small")
    axes.grid(alpha=0.3)
    return figure, axes


def _style(number: int, rows: Rows) -> dict[str, Any]:
    """The style of the n-th line of a figure: of 36 lines no two look alike."""
    line = drawing.LINES[(number + number // 6) % 6]
    marker = "." if len(rows) < 30 else ""
    return {"color": drawing.SHADES[number % 6], "linestyle": line, "marker": marker}


def _whole_epochs(axes: Any, epochs: np.ndarray) -> None:
    """Ticks at whole epochs only."""
    if len(epochs) < 8:
        axes.set_xticks(epochs, [f"{epoch:.0f}" for epoch in epochs])
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)


def _column(rows: Rows, name: str) -> np.ndarray:
    return np.array([row.get(name, np.nan) for row in rows], np.float64)


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Running means over whole windows, with NaN where a window isn't whole."""
    width = max(3, round(SMOOTHED * len(values)) | 1)
    means = np.convolve(values, np.full(width, 1 / width), "valid")
    return np.pad(means, width // 2, constant_values=np.nan)


def _mark(axes: Any, findings: Sequence[Finding], scale: float) -> None:
    """A vertical line where each finding began, with the numbers of those that began there."""
    at: dict[float, list[str]] = {}
    for number, finding in enumerate(findings, 1):
        at.setdefault(finding.since * scale, []).append(str(number))
    taken, down = -math.inf, 0
    span = np.ptp(axes.get_xlim())
    for place in sorted(at):
        axes.axvline(place, color=drawing.MARK, linewidth=1.2, linestyle=(0, (4, 2)))
        # Numbers that would touch stand below each other.
        down = down + 1 if place - taken < 0.08 * span else 0
        axes.annotate(
            ", ".join(at[place]), (place, 1), (3, -4 - 14 * down), color=drawing.MARK, va="top",
            xycoords=("data", "axes fraction"), textcoords="offset points", fontsize="small",
            fontweight="bold", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )  # fmt: skip
        taken = place
