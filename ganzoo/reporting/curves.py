"""Losses and signals over training, with the findings of a diagnosis marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.reporting import drawing
from ganzoo.reporting.findings import Finding

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, float]]
NOT_DRAWN = ("epoch", "seconds", "step")
CURVE, SMOOTHED = 200, 0.02  # points from which a curve is smoothed, and the share of them


def losses(rows: Rows, findings: Sequence[Finding] = (), steps_per_epoch: int | None = None) -> Any:
    """The figure of the losses by epoch, a line for each name.

    Args:
        rows: one mapping per epoch, with `epoch` and the logs, as `Run.history` returns them.
        findings: marked by their numbers from 1 where they began, if `steps_per_epoch` is given.
    """
    figure, axes = drawing.new(1, 1, (6.4, 3.6))
    epochs = np.array([row["epoch"] for row in rows])
    for number, name in enumerate(_names(rows)):
        style = {"color": drawing.SHADES[number % 6], "linestyle": drawing.LINES[number % 6]}
        marker = "." if len(rows) < 30 else ""
        axes.plot(epochs, _column(rows, name), label=name, marker=marker, **style)
    axes.set(xlabel="epoch", ylabel="loss")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    if steps_per_epoch:
        _mark(axes, findings, 1 / steps_per_epoch, labelled=True)
    if rows:
        figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize="small")
    return figure


def signals(rows: Rows, findings: Sequence[Finding] = ()) -> Figure:
    """The figure of signals by step, a panel for each name, with the findings marked.

    Curves of 200 points and more are drawn pale, with their running means over 2% of the points.

    Args:
        rows: one mapping for each record, with `step` and the signals by name.
    """
    names = _names(rows)
    columns = 1 if len(names) == 1 else 2
    lines = max(1, math.ceil(len(names) / columns))
    size = (6.8, 0.5 + 1.45 * lines)
    figure, axes = drawing.new(lines, columns, size, sharex=True, squeeze=False)
    steps = np.array([row["step"] for row in rows])
    for number, panel in enumerate(axes.flat):
        if number >= len(names):
            panel.axis("off")
            continue
        values = _column(rows, names[number])
        smooth = len(values) >= CURVE
        panel.plot(steps, values, color="0.75" if smooth else drawing.JUDGED, linewidth=1)
        if smooth:
            panel.plot(steps, _smoothed(values), color=drawing.JUDGED, linewidth=1.5)
        panel.set_title(names[number].replace("_", " "), fontsize="small", loc="left")
        panel.tick_params(labelsize="x-small")
        panel.grid(alpha=0.3)
        panel.locator_params(axis="y", nbins=4)
        panel.locator_params(axis="x", nbins=5)
        panel.margins(y=0.12)
        _mark(panel, findings, 1.0, labelled=number < columns)
        last = number + columns >= len(names)
        if last:
            panel.set_xlabel("step", fontsize="small")
            panel.tick_params(labelbottom=True)
    return figure


def compared(histories: Mapping[str, Rows]) -> Figure:
    """The figure of several runs' losses by epoch: a panel for each loss, a line for each run."""
    names = list(dict.fromkeys(name for rows in histories.values() for name in _names(rows)))
    columns = 1 if len(names) == 1 else 2
    lines = max(1, math.ceil(len(names) / columns))
    figure, axes = drawing.new(lines, columns, (6.8, 0.7 + 2 * lines), squeeze=False)
    for panel, name in zip(axes.flat, names, strict=False):
        for number, (run, rows) in enumerate(histories.items()):
            rows = [row for row in rows if name in row]
            style = {"color": drawing.SHADES[number % 6], "linestyle": drawing.LINES[number % 6]}
            label = run if panel is axes.flat[0] else None
            panel.plot([row["epoch"] for row in rows], _column(rows, name), label=label, **style)
        panel.set_title(name.replace("_", " "), fontsize="small", loc="left")
        panel.tick_params(labelsize="x-small")
        panel.set_xlabel("epoch", fontsize="small")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(alpha=0.3)
    for panel in list(axes.flat)[len(names) :]:
        panel.axis("off")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    return figure


def _names(rows: Rows) -> list[str]:
    return [name for name in (rows[0] if rows else {}) if name not in NOT_DRAWN]


def _column(rows: Rows, name: str) -> np.ndarray:
    return np.array([row.get(name, np.nan) for row in rows], np.float64)


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Running means over whole windows, with NaN where a window isn't whole."""
    width = max(3, round(SMOOTHED * len(values)) | 1)
    means = np.convolve(values, np.full(width, 1 / width), "valid")
    return np.pad(means, width // 2, constant_values=np.nan)


def _mark(axes: Any, findings: Sequence[Finding], scale: float, labelled: bool) -> None:
    """A vertical line where each finding began, with the numbers of those that began there."""
    at: dict[float, list[str]] = {}
    for number, finding in enumerate(findings, 1):
        at.setdefault(finding.since * scale, []).append(str(number))
    taken, down = -math.inf, 0
    span = np.ptp(axes.get_xlim())
    for place in sorted(at):
        axes.axvline(place, color=drawing.MARK, linewidth=1.2, linestyle=(0, (4, 2)))
        if not labelled:
            continue
        # Numbers that would touch stand below each other.
        down = down + 1 if place - taken < 0.08 * span else 0
        axes.annotate(
            ", ".join(at[place]), (place, 1), (3, -4 - 14 * down), color=drawing.MARK, va="top",
            xycoords=("data", "axes fraction"), textcoords="offset points", fontsize="small",
            fontweight="bold", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )  # fmt: skip
        taken = place
