"""Pictures of results/race.csv and of samples after equal seconds.

python benchmarks/race_picture.py    # results/race.png once more, without a race
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import race_measures
from matplotlib.ticker import FuncFormatter, NullLocator

from ganzoo.reporting import plots

RESULTS = Path(__file__).parents[1] / "results"
TITLES = {
    "judge_frechet_ratio": "Fréchet ratio, judge's features",
    "frechet_ratio": "Fréchet ratio, EfficientNet's features",
    "label_kl": "KL of the labels in nats",
}
# Engines differ in mark and dashes too, so that a grey print tells them apart.
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)))
COLUMNS = 10  # samples in a row


def draw(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Each measure against training seconds, a row of axes for each data set: the median over the
    seeds as a line, the range as a band."""
    data = list(dict.fromkeys(row["data"] for row in rows))
    engines = list(dict.fromkeys(row["engine"] for row in rows))
    shown = [m for m in TITLES if any(row[m] != "" for row in rows)]
    size = (3.4 * len(shown) + 0.4, 2.9 * len(data) + 0.5)
    figure, axes = plt.subplots(len(data), len(shown), figsize=size, squeeze=False)
    handles = {}
    for name, line_of_axes in zip(data, axes, strict=True):
        of_data = [row for row in rows if row["data"] == name]
        for measure, axis in zip(shown, line_of_axes, strict=True):
            found = race_measures.curves(of_data, measure)
            for engine, curve in found.items():
                number = engines.index(engine)
                seconds, *values = np.maximum(np.array(curve).T, race_measures.LEAST)
                handles[engine] = axis.plot(
                    seconds, values[0], color=f"C{number % 10}", marker=MARKS[number % len(MARKS)],
                    linestyle=DASHES[number % len(DASHES)], markersize=5,
                )[0]  # fmt: skip
                axis.fill_between(seconds, *values[1:], color=f"C{number % 10}", alpha=0.15, lw=0)
            if not found:
                axis.axis("off")
                continue
            axis.set(xscale="log", yscale="log")
            ticks = sorted({float(row["point"]) for row in of_data})
            axis.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
            axis.xaxis.set_minor_locator(NullLocator())
            low, high = np.log10(axis.get_ylim())
            axis.set_ylim(10 ** np.floor(low), 10 ** np.ceil(high))  # whole decades have labels
            axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
            axis.grid(alpha=0.3)
            axis.set_title(f"{name}: {TITLES[measure]}", fontsize=9)
            axis.tick_params(labelsize=8)
            axis.set_xlabel("seconds of training", fontsize=8)
    room = 0.3 / size[1]
    figure.tight_layout(rect=(0, room, 1, 1))
    in_order = [engine for engine in engines if engine in handles]
    figure.legend(
        [handles[engine] for engine in in_order], in_order, loc="lower center", fontsize=9,
        ncols=min(len(in_order), 2 * len(shown)), frameon=False,
    )  # fmt: skip
    figure.savefig(path, dpi=130)
    plt.close(figure)


def draw_samples(drawn: Mapping[tuple[str, str, float], np.ndarray], path: Path) -> None:
    """A row of sheets for each data set and engine, a column for each check point.

    Args:
        drawn: (data, engine, seconds) -> samples, uint8 [N, height, width, channels].
    """
    lines = list(dict.fromkeys(key[:2] for key in drawn))
    points = sorted({key[2] for key in drawn})
    size = (2.6 * len(points) + 1.5, 0.8 * len(lines) + 0.3)
    figure, axes = plt.subplots(len(lines), len(points), figsize=size, squeeze=False)
    for line, line_of_axes in zip(lines, axes, strict=True):
        for point, axis in zip(points, line_of_axes, strict=True):
            axis.set(xticks=[], yticks=[], frame_on=False)
            if line == lines[0]:
                axis.set_title(f"{point:.3g} s", fontsize=9)
            if (samples := drawn.get((*line, point))) is not None:
                sheet = plots.contact_sheet(samples[: 3 * COLUMNS], COLUMNS)
                axis.imshow(np.repeat(sheet, 3 // sheet.shape[-1], -1))
        line_of_axes[0].set_ylabel("\n".join(line), rotation=0, ha="right", va="center", fontsize=9)
    figure.tight_layout(pad=0.3, h_pad=0.3, w_pad=0.6)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    with open(RESULTS / "race.csv", newline="") as file:
        draw(list(csv.DictReader(file)), RESULTS / "race.png")


if __name__ == "__main__":
    main()
