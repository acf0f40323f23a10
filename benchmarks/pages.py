"""Writes the tables of README.md and results/README.md anew from the cards and the results.

    python benchmarks/pages.py

Each table stands between two comments with its name, `<!-- NAME -->` and `<!-- end of NAME -->`.
A test fails while a table is stale.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median

import tables

import ganzoo

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PAGES = (
    ROOT / "README.md", ROOT / "docs" / "zoo.md", ROOT / "docs" / "pretrained.md",
    RESULTS / "README.md", RESULTS / "speed.md",
)  # fmt: skip
Row = dict[str, str]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(row) for row in [head, ["---"] * len(head), *rows]]
    return "".join(f"| {line} |\n" for line in lines)


def groups(name: str, *key: str) -> dict[tuple[str, ...], list[Row]]:
    """The rows of a table by their values in the columns `key`, in the table's order."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in tables.read(RESULTS / f"{name}.csv"):
        found.setdefault(tuple(row[column] for column in key), []).append(row)
    return found


def short(number: float) -> str:
    return f"{number:.3g}" if abs(number) < 1000 else f"{number:,.0f}"


def thumbnails(columns: int = 4) -> str:
    """The zoo: a picture of each GAN with a link to its file."""
    cells = []
    for name in ganzoo.names():
        file = type(ganzoo.get(name)).__module__.replace(".", "/") + ".py"
        picture = f'<img src="results/zoo/{name}.png" width="200" alt=""><br>'
        shown = picture if (RESULTS / "zoo" / f"{name}.png").exists() else ""
        cells.append(f'<td><a href="{file}">{shown}{name}</a></td>')
    rows = [cells[n : n + columns] for n in range(0, len(cells), columns)]
    lines = [f"<tr>{''.join(row)}</tr>\n" for row in rows]
    return f"<table>\n{''.join(lines)}</table>\n"


def papers() -> str:
    rows = []
    for card in map(ganzoo.card, ganzoo.names()):
        first, *others = card.authors.split(", ")
        if others:
            first += f", {others[0]}" if len(others) == 1 else " et al."
        file = type(ganzoo.get(card.name)).__module__.replace(".", "/") + ".py"
        link = f"[{card.arxiv}](https://arxiv.org/abs/{card.arxiv})"
        rows.append(
            [f"[`{card.name}`](../{file})", f"{card.title} ({first} {card.year}, {link})",
             ", ".join(card.data)]
        )  # fmt: skip
    return markdown(["name", "paper", "trained on"], rows)


def claims() -> str:
    rows = []
    for (claim, measure), of_seeds in groups("claims", "claim", "measure").items():
        values, beside = (
            ", ".join(short(float(row[column])) for row in of_seeds if row[column])
            for column in ("value", "value_beside")
        )
        other = f"{beside} ({of_seeds[0]['beside']})" if beside else of_seeds[0]["beside"]
        rows.append([f"`{claim}`", measure.replace("|", "\\|"), values, of_seeds[0]["bar"], other])
    return markdown(["name", "measure", "seeds 7, 8, 9", "asked", "beside"], rows)


def modes() -> str:
    """The leaderboard, with the common recipe and with that of each name's card."""
    rows = groups("modes", "seed")["median",]
    rows.sort(
        key=lambda row: (row["data"], row["recipe"], -float(row["modes"]), float(row["mode_kl"]))
    )
    return markdown(
        [
            "data",
            "recipe",
            "name",
            "modes",
            "of high quality",
            "KL to uniform",
            "mode std ÷ true std",
        ],
        [
            [
                row["data"],
                row["recipe"],
                f"`{row['name']}`" + f", {row['set']}" * bool(row["set"]),
                f"{float(row['modes']):g} of {row['of']}",
                *(f"{float(row[key]):.3f}" for key in ("high_quality", "mode_kl", "mode_std")),
            ]
            for row in rows
        ],
    )


def mixed_tables() -> str:
    """Each table with the medians of each engine over the seeds."""
    found = groups("tables", "table", "engine")
    engines = ("ganzoo", "package", "copula", "independent", "real")
    rows = []
    for measure in ("quality", "useful", "rare", "nearer", "seconds"):
        for table in sorted({table for table, _ in found}):
            cells = []
            for engine in engines:
                values = [float(row[measure]) for row in found.get((table, engine), [])]
                known = engine != "real" or measure not in ("rare", "nearer")
                values = [value for value in values if value == value and known]
                cells.append(f"{median(values):.3g}" if values else "")
            if any(cells):
                rows.append([measure, table, *cells])
    return markdown(["measure", "table", *engines], rows)


def series() -> str:
    """What is known of series, of samples, of the data and of untrained generators."""
    rows = []
    for (work, measure), of_seeds in groups("series", "work", "measure").items():
        columns = ("value", "real", "untrained")
        cells = (", ".join(short(float(row[key])) for row in of_seeds) for key in columns)
        rows.append([work.replace("-", " on "), measure.replace("_", " "), *cells])
    return markdown(["training", "measure", "samples", "real series", "untrained"], rows)


def trains() -> str:
    keys = ("frechet_ratio", "label_kl", "confidence", "matching")
    return markdown(
        ["name", "data", "steps", "settings", *(key.replace("_", " ") for key in keys)],
        [
            [f"`{row['name']}`", row["data"], row["steps"], row["set"], *map(row.get, keys)]
            for row in tables.read(RESULTS / "trains.csv")
            if row["seed"] == "median" or "as ganzoo train" in row["set"]
        ],
    )


def diagnosis() -> str:
    """How often each kind of failure was found, and mended."""
    rows = []
    for (failure,), runs in groups("diagnosis", "failure").items():
        found = sum(run["verdict"] == failure for run in runs)
        mended = [run["mended"] for run in runs if run["mended"]]
        rows.append(
            [failure.replace("_", " "), f"{found} of {len(runs)}",
             f"{mended.count('healthy')} of {len(mended)}" if mended else ""]
        )  # fmt: skip
    return markdown(["built to be", "called so", "healthy with the mend"], rows)


FRESH = ("guide", "keras_io")  # peers that play the game of `ganzoo`
SHARED = ("pytorch", "pytorch_compiled")  # those that play the game of `ganzoo_shared`


def speed() -> str:
    """ganzoo beside the fastest peer that plays the same game, and how near it is to the limit."""
    limits = groups("limit", "work", "precision")
    rows = []
    for (work, precision), engines in groups("speed", "work", "precision").items():
        speeds = {row["engine"]: row for row in engines}
        one_game = "ganzoo_shared" not in speeds  # then all engines play it
        cells = [work, precision]
        for mine, peers in (("ganzoo", FRESH), ("ganzoo_shared", SHARED)):
            row = speeds.get(mine)
            known = [peer for peer in speeds if peer in peers or (one_game and peer != mine)]
            if row is None:
                cells += ["", ""]
            elif not known:
                cells += [row["steps_per_second"], "no peer"]
            else:
                best = max(known, key=lambda peer: float(speeds[peer]["steps_per_second"]))
                cells += [row["steps_per_second"], f"{row[f'of_{best}']} of {best}"]
        cells.append(speeds["ganzoo"]["of_tutorial"] if not one_game else "")
        (found,) = limits.get((work, precision), [None])
        rows.append([*cells, f"{float(found['share']):.0%}" if found else ""])
    head = ["work", "precision", "steps per second", "times the best peer's", "shared fakes",
            "times the best peer's", "fresh fakes, of tutorial", "of the limit"]  # fmt: skip
    return markdown(head, rows)


def limit() -> str:
    """Where the time of a step goes at best."""
    keys = ("gflop", "matmul_ms", "conv_ms", "conv_input_ms", "conv_filter_ms", "memory_ms",
            "limit_ms", "tensorflow_limit_ms", "step_ms")  # fmt: skip
    return markdown(
        ["work", "precision", *(key.replace("_", " ") for key in keys), "limit of step"],
        [
            [row["work"], row["precision"], *map(row.get, keys), f"{float(row['share']):.0%}"]
            for row in tables.read(RESULTS / "limit.csv")
        ],
    )


def changes() -> str:
    return markdown(
        ["work", "change", "steps per second", "times as fast", "least to most"],
        [
            [
                *(row[key] for key in ("work", "change", "steps_per_second", "ratio")),
                f"{row['least']} to {row['most']}",
            ]
            for row in tables.read(RESULTS / "changes.csv")
        ],
    )


def leads() -> str:
    """How much sooner ganzoo reaches what the best peer has at the end."""
    keys = ("quality", "best_peer", "engine", "seconds", "lead")
    return markdown(
        ["data", "measure", "quality", "best peer", "engine", "seconds", "times sooner"],
        [
            [row["data"], row["measure"].replace("_", " "), *map(row.get, keys)]
            for row in tables.read(RESULTS / "race-leads.csv")
            if row["engine"].startswith("ganzoo")
        ],
    )


RUNTIMES = (
    "keras predict",
    "tf.function",
    "onnxruntime plain tf2onnx",
    "onnxruntime ganzoo float32",
    "onnxruntime ganzoo int8",
    "openvino f32",
    "openvino rewritten bf16",
    "pytorch f32",
    "pytorch bf16",
)


def inference() -> str:
    found = groups("inference", "net", "runtime", "batch")
    rows = []
    for runtime in RUNTIMES:
        (one,), (many,) = (found["28x28x1", runtime, batch] for batch in ("1", "64"))
        decibels = f" ({float(one['psnr']):.0f} dB)" if float(one["psnr"]) < 100 else ""
        rows.append(
            [runtime, one["milliseconds"], many["milliseconds"], f"{one['ratio']}, {many['ratio']}",
             one["difference"] + decibels]
        )  # fmt: skip
    return markdown(
        ["runtime", "1 sample", "64 samples", "times the plain export", "largest difference"], rows
    )


def augmentation() -> str:
    """What samples and classical moves add to a classifier's accuracy."""
    rows, arms = [], []
    found = groups("augmentation", "hyperparameters", "per_class")
    for (settings, count), of_arms in found.items():
        real, *more = of_arms
        arms = [row["arm"].replace("real", "", 1) for row in more]
        cells = [settings or "defaults", count, f"{100 * float(real['accuracy']):.1f}%"]
        for row in more:
            middle, high = (100 * float(row[key]) for key in ("difference", "difference_high"))
            cells.append(f"{middle:+.1f} ± {high - middle:.1f}")
        rows.append(cells)
    return markdown(["settings", "images per class", "accuracy", *arms], rows)


def anomalies() -> str:
    """The area under the ROC curve of each normal digit, means over the seeds that all methods
    have."""
    of_methods = groups("anomalies", "method")
    of_all = [{(row["digit"], row["seed"]) for row in rows} for rows in of_methods.values()]
    common, table = set.intersection(*of_all), []
    digits = sorted({digit for digit, _ in common})
    for (method,), rows in of_methods.items():
        areas: dict[str, list[float]] = {digit: [] for digit in digits}
        for row in rows:
            if (row["digit"], row["seed"]) in common:
                areas[row["digit"]].append(float(row["auroc"]))
        means = [sum(found) / len(found) for found in areas.values()]
        table.append([f"`{method}`", *(f"{x:.3f}" for x in [*means, sum(means) / len(means)])])
    table.sort(key=lambda cells: cells[-1], reverse=True)
    return markdown(["method", *digits, "mean"], table)


def workers() -> str:
    """The time of a step on several workers, and what the cost model says of it."""
    keys = ("quick", "step", "alone", "waits", "predicted")
    rows = []
    for row in groups("scaling", "kind")["measured",]:
        network = row["rtt"] and f"{float(row['rtt']):.1f} ms, {float(row['bandwidth']):.0f} MB/s"
        rows.append([row["workers"], row["link"], network, *map(row.get, keys)])
    head = ["workers", "network", "round trip, bandwidth", "step, ms", "median step, ms"]
    return markdown([*head, "without exchange, ms", "share of waiting", "predicted, ms"], rows)


def failures() -> str:
    """What happened when a cable was cut or a worker died."""
    keys = ("link", "noticed", "mended", "back", "exact")
    rows = [list(map(row.get, keys)) for row in groups("scaling", "kind")["event",]]
    return markdown(
        ["event", "noticed after, s", "mended after, s", "training went on after, s", "exact"], rows
    )


def gpus() -> str:
    """What the cost model says of StyleGAN2 at 256 pixels."""
    keys = ("workers", "link", "rows", "predicted", "published", "waits", "per_second")
    rows = [list(map(row.get, keys)) for row in groups("scaling", "kind")["paper",]]
    head = ["A100 GPUs", "slowest link", "rows per step", "predicted step, ms", "published, ms"]
    return markdown([*head, "share of waiting", "images per second"], rows)


def pretrained() -> str:
    """The pretrained generators, each with ten rows of samples below its line."""
    rows = []
    for card in ganzoo.weights():
        measured = ", ".join(
            f"{key.partition(',')[0].replace('_', ' ')} {short(value)}"
            for key, value in card.measured.items()
        )
        picture = f"results/pretrained/{card.gan}-{card.name}.png"
        rows.append(
            [f"`{card.gan}`", f"`{card.name}`", card.data, f"{card.bytes / 1e6:.1f} MB",
             f"{card.steps:,} in {card.minutes:.{0 if card.minutes >= 1 else 1}f} min",
             measured, f"![](../{picture})"]
        )  # fmt: skip
    return markdown(["GAN", "weights", "data", "file", "steps", "measured", "samples"], rows)


TABLES: tuple[Callable[[], str], ...] = (
    thumbnails, papers, claims, modes, mixed_tables, series, anomalies, trains, diagnosis, leads,
    speed, limit, changes, inference, augmentation, pretrained, workers, failures, gpus,
)  # fmt: skip


def with_tables(text: str) -> str:
    """The page with each of its tables made anew."""
    for table in TABLES:
        name = table.__name__
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if between.search(text):
            new = table()
            text = between.sub(lambda match, new=new: match[1] + new + match[2], text)
    return text


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(with_tables(page.read_text()))
