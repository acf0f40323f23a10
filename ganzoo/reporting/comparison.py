"""The comparison of runs: one page of HTML with the differences of their configurations first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ganzoo.diagnosis import Diagnosis
from ganzoo.foundation import files
from ganzoo.reporting import curves, drawing, facts, markup
from ganzoo.reporting.markup import Markup, Section, folded, paragraph, picture, table

NOT_COMPARED = ("command", "started")
COMPARABLE = ("extractor", "hash", "split", "n", "note")


def write(
    runs: Sequence[facts.RunFolder],
    path: str | os.PathLike,
    *,
    diagnoses: Sequence[Diagnosis | None] = (),
) -> None:
    """Writes the page; an existing file is replaced.

    Args:
        runs: two or more.
        diagnoses: what `diagnose` returned for each run; by default none are shown.

    Raises:
        ValueError: there are fewer than two runs, one is named twice, or a file can't be read.
        OSError: the page can't be written.
    """
    page = build(runs, diagnoses=diagnoses)
    with files.replacing(path) as draft:
        draft.write_text(page, "utf-8")


def build(runs: Sequence[facts.RunFolder], *, diagnoses: Sequence[Diagnosis | None] = ()) -> str:
    """The page as a text, see `write`."""
    if len(runs) < 2:
        raise ValueError("name at least two runs to compare.")
    places = [run.path.resolve() for run in runs]
    if len(set(places)) < len(places):
        twice = next(run.path for run in runs if places.count(run.path.resolve()) > 1)
        raise ValueError(f"{twice} was named twice: name each run once.")
    if diagnoses and len(diagnoses) != len(runs):
        raise ValueError(
            f"there are {len(diagnoses)} diagnoses of {len(runs)} runs: pass one for each."
        )
    names = _names(runs)
    sections = [
        Section("Differences of configuration", _differences(runs, names)),
        Section("Diagnosis", _verdicts(names, diagnoses)),
        Section("Samples", _samples(runs, names)),
        Section("Losses", _losses(runs, names)),
        Section("Metrics", _metrics(runs, names)),
    ]
    title = f"Comparison of {len(runs)} runs"
    lead = markup.items(
        f"{name}: {run.config.get('gan')} on {run.config.get('data')}, `{run.path}`"
        for name, run in zip(names, runs, strict=True)
    )
    return markup.page(title, [lead], [section for section in sections if section.parts])


def _names(runs: Sequence[facts.RunFolder]) -> list[str]:
    """The names of the folders; their paths, if two folders have the same name."""
    names = [run.path.resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.path) for run in runs]


def _differences(runs: Sequence[facts.RunFolder], names: list[str]) -> list[Markup]:
    parts, every = [], [_flat(run.config) for run in runs]
    keys = list(dict.fromkeys(key for one in every for key in one))
    rows = [(key, *(one.get(key, "—") for one in every)) for key in keys]
    differing = [row for row in rows if len(set(row[1:])) > 1]
    if differing:
        parts.append(table("What differs", ["", *names], differing))
    else:
        parts.append(paragraph("The configurations are equal; the runs differ by chance only."))
    same = [row[:2] for row in rows if len(set(row[1:])) == 1]
    if same:
        parts.append(folded("What is equal", table("What is equal", ["", "all runs"], same)))
    return parts


def _flat(config: dict[str, Any]) -> dict[str, str]:
    found = facts.settings(config)
    found |= {key: value for key, (value, _) in facts.hyperparameters(config).items()}
    found |= {f"version of {key}": value for key, value in facts.versions(config).items()}
    return {key: value for key, value in found.items() if key not in NOT_COMPARED}


def _verdicts(names: list[str], diagnoses: Sequence[Diagnosis | None]) -> list[Markup]:
    rows = []
    for name, one in zip(names, diagnoses, strict=False):
        if one is None:
            rows.append((name, "not diagnosed", ""))
            continue
        told = [finding.what for finding in one.findings]
        rows.append((name, one.verdict.replace("_", " "), "; ".join(told)))
    return [table("Verdicts", ["run", "verdict", "findings"], rows)] if rows else []


def _samples(runs: Sequence[facts.RunFolder], names: list[str]) -> list[Markup]:
    shown = []
    for name, run in zip(names, runs, strict=True):
        pictures = sorted((run.path / "samples").glob("epoch_*.png"))
        last = run.path / "samples.png" if (run.path / "samples.png").is_file() else None
        if chosen := last or (pictures[-1] if pictures else None):
            shown.append(markup.picture_file(chosen, f"Samples of {name}", name))
    return [markup.pictures(shown, large=True)] if shown else []


def _losses(runs: Sequence[facts.RunFolder], names: list[str]) -> list[Markup]:
    histories = {name: run.history for name, run in zip(names, runs, strict=True) if run.history}
    if not histories:
        return []
    losses = dict.fromkeys(name for rows in histories.values() for name in curves.names(rows))
    shown = []
    for loss in losses:
        have = [name for name, rows in histories.items() if loss in rows[0]]
        alt = f"Curves of {loss.replace('_', ' ')} by epoch of {', '.join(have)}"
        shown.append(picture(drawing.png(curves.compared(histories, loss), 130), alt))
    caution = "Losses of different objectives, and of different discriminators, don’t tell which "
    caution += "generator is better: compare the metrics."
    return [paragraph(caution), markup.pictures(shown, large=True)]


def _metrics(runs: Sequence[facts.RunFolder], names: list[str]) -> list[Markup]:
    every = [facts.evaluation(run).get("metrics", {}) for run in runs]
    if not any(every):
        return [paragraph("No run was measured: run `ganzoo evaluate RUN` for each.")]
    rows, small, apart = [], [], False
    for key in dict.fromkeys(key for found in every for key in found):
        measured = [found.get(key) for found in every]
        present = [one for one in measured if one]
        if any(map(facts.is_loss, present)):
            continue
        alike = len({tuple(str(one.get(fact)) for fact in COMPARABLE) for one in present}) == 1
        apart |= not alike
        cells = [
            markup.with_small(
                facts.number(one["value"]),
                f"{facts.number(one['low'])} to {facts.number(one['high'])}",
            )
            if one else "—"
            for one in measured
        ]  # fmt: skip
        rows.append((key if alike else f"{key} †", *cells))
        small.append(facts.MEANING.get(key, ""))
    parts = []
    if rows:
        caption = "Values, with their 95% intervals below"
        parts.append(table(caption, ["metric", *names], rows, small=small))
    if apart:
        parts.append(
            paragraph(
                "† These numbers were measured with different extractors, on different data or "
                "with different numbers of samples, and can’t be compared with each other."
            )
        )
    missing = [name for name, found in zip(names, every, strict=True) if not found]
    if missing:
        parts.append(paragraph(f"Not measured: {', '.join(missing)}."))
    return parts
