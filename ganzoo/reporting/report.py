"""The report of a run: one page of HTML that holds everything it shows.

report.write(Run.at("runs/lsgan-mnist5k-001"), "report.html")
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo import data
from ganzoo.diagnosis import Diagnosis
from ganzoo.diagnosis import table as signals
from ganzoo.diagnosis.diagnosis import UNMENDED
from ganzoo.foundation import files
from ganzoo.reporting import (
    advice,
    animation,
    curves,
    drawing,
    facts,
    grids,
    line,
    markup,
    plane,
)
from ganzoo.reporting.markup import Markup, Section, folded, paragraph, picture, table

ROWS = 5000  # of the data that are read for the pictures
EPOCHS = 5  # pictures of epochs that are shown beside each other
DPI = 130


def write(
    run: facts.RunFolder, path: str | os.PathLike, *, diagnosis: Diagnosis | None = None
) -> None:
    """Writes the page; an existing file is replaced.

    The page shows what the run has. A picture that can't be drawn, such as one of data that were
    moved away, is left out, and a sentence says why.

    Args:
        run: the run, such as `Run.at(folder)`.
        diagnosis: what `gan.diagnose()` returned; its findings are marked in the curves.

    Raises:
        ValueError: a file of the run can't be read.
        OSError: the page can't be written.
    """
    page = build(run, diagnosis=diagnosis)
    with files.replacing(path) as draft:
        draft.write_text(page, "utf-8")


def build(run: facts.RunFolder, *, diagnosis: Diagnosis | None = None) -> str:
    """The page as a text, see `write`."""
    config, measured = run.config, facts.evaluation(run)
    exports = facts.certificates(run)
    steps = advice.next_steps(run, diagnosis, measured, exports)
    try:
        gan = run.load()
    except (ValueError, OSError) as error:
        gan = None
        steps.insert(0, f"No samples can be drawn for this page: {error}")
    sections = [
        Section("What to do next", [markup.items(steps, ordered=True)]),
        Section("Diagnosis", list(_diagnosis(diagnosis))) if diagnosis else None,
        Section("Samples", _samples(run, gan)),
        Section("Losses and signals", _curves(run, diagnosis)),
        Section("Metrics", _metrics(measured)) if measured else None,
        *(_of_the_model(run, gan) if gan else ()),
        Section("Exports", [_exports(exports)]) if exports else None,
        Section("Configuration", _configuration(config)),
    ]
    title = f"{config.get('gan', 'GAN')} on {config.get('data', 'unknown data')}"
    present = [section for section in sections if section and section.parts]
    return markup.page(title, [paragraph(_lead(run))], present)


def _lead(run: facts.RunFolder) -> str:
    config, history = run.config, run.history
    networks = f"{config['networks']} networks, " if "networks" in config else ""
    asked = f"{config['steps']:,} steps" if "steps" in config else "unknown steps"
    seconds = sum(row.get("seconds", 0) for row in history)
    took = f" in {seconds / 60:.1f} minutes" if seconds >= 60 else f" in {seconds:.0f} seconds"
    word = "epochs were" if len(history) > 1 else "epoch was"
    done = f"{len(history) or 'no'} {word} trained{took if history else ''}"
    began = f", begun {facts.text(config['started'])[:10]}" if "started" in config else ""
    return f"The run `{run.path}`{began}: {networks}{asked} asked for; {done}."


def _diagnosis(diagnosis: Diagnosis) -> list[Markup]:
    bad = " bad" if diagnosis.findings else ""
    parts = [paragraph(f"{diagnosis.title.capitalize()}.", f"verdict{bad}")]
    for number, finding in enumerate(diagnosis.findings, 1):
        if finding.mend:
            mend = f"Mend: `{finding.mend}`, or `{finding.options}` on the command line"
        else:
            mend = f"{UNMENDED[finding.failure].capitalize()}."
        title = f"{number}. {finding.what.capitalize()}"
        parts.append(markup.block(title, paragraph(mend), kind="finding"))
    return parts + [paragraph(note) for note in diagnosis.notes]


def _samples(run: facts.RunFolder, gan: Any) -> list[Markup]:
    parts = []
    trained = run.path / "samples.png"
    if trained.is_file():
        caption = "Samples of the trained GAN."
        if gan is not None and gan.latent_dim is None:
            caption = "What is given, what the generator makes of it and, where the data are "
            caption += "paired, the target, of rows that it wasn’t trained on."
        elif gan is not None and not gan.spec.is_image:
            caption += " Grey: data."
        elif gan is not None and any(x.dtype.is_integer for x in gan.latent_spec.values()):
            caption += " Each row shows one class, and all classes have the same noise."
        parts.append(markup.picture_file(trained, "Samples of the trained GAN", caption))
    epochs = sorted((run.path / "samples").glob("epoch_*.png"))
    if not epochs:
        return parts or [paragraph("No samples were drawn yet.")]
    if trained.is_file() and len(epochs) == 1:
        return parts
    chosen = np.unique(np.linspace(0, len(epochs) - 1, EPOCHS).round().astype(int))
    shown = [
        markup.picture_file(epochs[n], f"Samples after epoch {_epoch(epochs[n])}",
                f"epoch {_epoch(epochs[n])}")
        for n in chosen
    ]  # fmt: skip
    parts.append(paragraph("From the same inputs, as training proceeded:"))
    parts.append(markup.pictures(shown))
    if (moving := animation.of_pictures(epochs)) is not None:
        alt = f"Animation of the same samples from epoch {_epoch(epochs[0])} to "
        alt += f"{_epoch(epochs[-1])}; the bar below shows how far training is"
        parts.append(folded("Show as an animation", picture(moving, alt)))
    return parts


def _epoch(path: Path) -> int:
    digits = path.stem.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else 0


def _curves(run: facts.RunFolder, diagnosis: Diagnosis | None) -> list[Markup]:
    config, history = run.config, run.history
    found = list(diagnosis.findings) if diagnosis else []
    marked = " Red numbers mark where the findings of the diagnosis began." if found else ""
    parts = []
    if history:
        # Only then is it known how many steps an epoch has.
        steps, epochs = config.get("steps", 1), config.get("epochs")
        each = steps // epochs if type(epochs) is int and epochs and not steps % epochs else None
        drawn = drawing.png(curves.losses(history, found, each), DPI)
        word = "epochs" if len(history) > 1 else "epoch"
        alt = f"Curves of {', '.join(curves.names(history))} in {len(history)} {word}"
        caption = "Terms of the losses, means over each epoch." + (marked if each else "")
        parts.append(picture(drawn, alt, caption))
    if rows := signals.read(run.path / "signals.csv"):
        each_signal = [
            picture(drawing.png(curves.signal(rows, name, found), DPI), _told(name, rows))
            for name in curves.names(rows)
        ]
        parts.append(paragraph("Signals of training, by step." + marked))
        parts.append(markup.pictures(each_signal, large=True))
    if history:
        names = list(history[-1])
        last = [(name.replace("_", " "), f"{history[-1][name]:.4g}") for name in names]
        parts.append(folded("Numbers of the last epoch", table("Last epoch", ["", "value"], last)))
    return parts or [paragraph("No epoch was finished yet.")]


def _metrics(measured: dict[str, Any]) -> list[Markup]:
    rows, small = [], []
    for name, one in _losses_last(measured["metrics"]):
        interval = f"{facts.number(one['low'])} to {facts.number(one['high'])}"
        real = one.get("reference")
        rows.append(
            (
                name,
                markup.with_small(facts.number(one["value"]), interval),
                "" if real is None else facts.number(real),
                f"{one['n']:,}",
            )
        )
        small.append(facts.MEANING.get(name, "") or "term of a loss" * facts.is_loss(one))
    caption = f"Measured at step {measured.get('step', '?')} against {measured.get('data', 'data')}"
    caption += "; below each value its 95% interval; real samples at the same N for comparison"
    parts = [table(caption, ["metric", "value", "real", "N"], rows, small=small)]
    how = [
        (name, ", ".join(filter(None, [one.get("extractor"), one.get("note")])),
         f"{one.get('hash') or ''} {one.get('split') or ''}".strip())
        for name, one in _losses_last(measured["metrics"])
    ]  # fmt: skip
    parts.append(
        folded(
            "How each number was measured",
            table("Only numbers of the same extractor, data and N can be compared",
                  ["metric", "extractor and note", "hash and data"], how),
        )
    )  # fmt: skip
    refused = measured.get("refused", {})
    if refused:
        told = [f"{name} was not measured: {why}" for name, why in refused.items()]
        parts.append(folded("What was not measured", markup.items(told)))
    return parts


def _told(name: str, rows: list[dict[str, float]]) -> str:
    """What the curve of a signal shows, in words."""
    values = np.array([row[name] for row in rows])
    values = values[np.isfinite(values)]
    word = name.replace("_", " ")
    if not len(values):
        return f"{word}, which was never a finite number"
    ends = f"{values[0]:.3g} at first and {values[-1]:.3g} at last"
    return f"Curve of {word}: {ends}, between {values.min():.3g} and {values.max():.3g}"


def _losses_last(metrics: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(metrics.items(), key=lambda item: facts.is_loss(item[1]))


def _of_the_model(run: facts.RunFolder, gan: Any) -> list[Section]:
    """The sections for which the saved GAN is run."""
    examples, rows, why = _data(run, gan)
    notes = [paragraph(f"The data can’t be read, so they are not shown: {why}")] if why else []
    if gan.spec.is_image:
        walks = [] if gan.latent_dim is None else _walks(gan)
        near = [] if gan.latent_dim is None else _nearest(gan, rows)
        return [
            Section("Latents", walks),
            Section("Nearest training samples", near or notes),
        ]
    parts: list[Markup] = []
    if rows is not None and gan.spec.shape == (2,):
        mixture = getattr(examples, "mixture", None)
        over = drawing.png(plane.samples(gan, rows, mixture=mixture), DPI)
        alt = "Samples over the density of the data" if mixture else "Samples over the data"
        shown = [picture(over, alt, f"{alt}.")]
        if why_not := plane.why_unjudged(gan):
            notes = [paragraph(f"Its outputs are not shown: {why_not}.")]
        else:
            judged = drawing.png(plane.discriminator(gan, rows), DPI)
            caption = "The discriminator’s logits, brighter where they are higher. Arrows "
            caption += "show where the generator’s loss moves samples."
            alt = "The discriminator’s logits around the data, and arrows along the gradient that "
            shown.append(picture(judged, alt + "the generator follows", caption))
        parts += [markup.pictures(shown, large=True), *notes]
    elif rows is not None and gan.spec.shape == (1,):
        now = line.state(gan, line.limits_of(rows))
        drawn = drawing.png(line.figure([now], rows), DPI)
        alt = "Densities of data and model with the discriminator over them"
        caption = "The figure of Goodfellow et al. 2014: the data’s density, the model’s and D."
        parts.append(picture(drawn, alt, caption))
    return [Section("Model and data", parts or notes)]


def _walks(gan: Any) -> list[Markup]:
    parts = []

    def add(draw: Callable[[], Any], alt: str, caption: str) -> None:
        try:
            parts.append(picture(drawing.png(draw(), DPI), alt, caption))
        except ValueError:  # this GAN has no such latents
            return

    add(
        functools.partial(grids.interpolation, gan),
        "Rows of samples whose latents lead from one draw to another",
        "Each row leads from one sample to another, along the arc between their latents. "
        "Smooth changes speak against memorised samples.",
    )
    for name in grids.traversable(gan):
        add(
            functools.partial(grids.traversal, gan, name),
            f"Samples as {name} takes several values",
            f"In each row `{name}` takes the values above while all other latents are fixed.",
        )
    add(
        functools.partial(grids.classes, gan),
        "A row of samples for each class, of the same latents",
        "A row for each class; all classes have the same latents.",
    )
    return parts


def _nearest(gan: Any, rows: np.ndarray | None) -> list[Markup]:
    if rows is None:
        return []
    drawn = drawing.png(grids.nearest(gan, rows), DPI)
    caption = f"Samples, and for each the nearest of {len(rows):,} training samples by the distance"
    caption += " of pixels. A sample that equals its neighbour is a copy."
    return [picture(drawn, "Samples beside their nearest training samples", caption)]


def _data(run: facts.RunFolder, gan: Any) -> tuple[Any, np.ndarray | None, str]:
    """The data of a run, up to 5,000 of its samples, and why there are none."""
    config = run.config
    if gan.latent_dim is None:  # it maps samples, and its pictures are those of training
        return None, None, ""
    try:
        how = {key: config[key] for key in ("fit", "flip") if key in config}
        size = tuple(config["size"]) if config.get("size") else None
        examples = data.load(config["data"], size=size, **how)
        value_range = tuple(config["value_range"]) if config.get("value_range") else None
        with data.clear_errors():
            stream = gan.batches(
                examples, batch_size=1, steps=1, replicas=1, value_range=value_range
            )
            some = stream.dataset.take(min(ROWS, stream.steps_per_epoch or ROWS)).rebatch(1024)
            rows = [batch[stream.sample_name] for batch in some.as_numpy_iterator()]
    except (KeyError, ValueError, OSError) as error:
        return None, None, f"the run names no {error}." if type(error) is KeyError else str(error)
    return examples, np.concatenate(rows), ""


def _exports(exports: dict[str, dict[str, Any] | str]) -> Markup:
    rows = []
    for name, one in exports.items():
        if isinstance(one, str):
            rows.append((name, one, "", ""))
            continue
        exact = f"{one['largest_difference']:.2g}"
        bound = f"{one['tolerance']:.2g} allowed" if "tolerance" in one else (
            f"{one['psnr']:.1f} dB, {one['least_psnr']:g} dB asked for"
        )  # fmt: skip
        speed = one.get("speed", {})
        took = f"{speed['milliseconds']:.3g} ms for {speed['batch']}" if speed else ""
        rows.append((name, markup.with_small(exact, bound), f"{one['bytes'] / 1e6:.2f} MB", took))
    caption = "Certificates of the exports: every file has its certified hash"
    if any(isinstance(one, str) for one in exports.values()):
        caption = "Certificates of the exports"
    return table(caption, ["export", "largest difference from Keras", "size", "speed"], rows)


def _configuration(config: dict[str, Any]) -> list[Markup]:
    parts = []
    settings = facts.settings(config)
    if command := settings.pop("command", None):
        parts.append(paragraph(f"Command: `{command}`"))
    parts.append(table("Settings", ["", "value"], list(settings.items())))
    found = facts.hyperparameters(config)
    rows = [(key, value, default or "the same") for key, (value, default) in found.items()]
    changed = [row for row in rows if row[2] != "the same"]
    if changed:
        head = ["hyper-parameter", "value", "default"]
        parts.append(table("Hyper-parameters that differ from their defaults", head, changed))
    if rows:
        head = ["hyper-parameter", "value", "default"]
        parts.append(folded("All hyper-parameters", table("Hyper-parameters", head, rows)))
    if versions := facts.versions(config):
        told = list(versions.items())
        parts.append(folded("Versions", table("Versions", ["", "version"], told)))
    return parts
