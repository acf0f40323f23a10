"""`ganzoo data`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from ganzoo.cli import options, output

if TYPE_CHECKING:
    from rich.console import Console


def describe_data(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME | get NAME]",
            help="The data set to describe, or to fetch into the cache: emoji, fashion or mnist.",
            show_default=False,
        ),
    ] = None,
    size: options.Size = None,
    out: Annotated[Path | None, typer.Option(help="A .png file to write examples to.")] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="With get: a folder that holds the files, in place of the download.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Lists all data sets, describes one, or fetches one: ganzoo data get emoji."""
    names = list(words or [])
    if names[:1] == ["get"]:
        _get(names[1:], folder, size is not None or out is not None)
        return
    if len(names) > 1:
        raise ValueError(
            f"{' '.join(names)} are {len(names)} names: name one data set, or write get before it."
        )
    if folder is not None:
        raise ValueError("--from is for get: write ganzoo data get emoji --from FOLDER.")
    name = names[0] if names else None
    if out is not None and (name is None or out.suffix != ".png"):
        raise ValueError(
            "--out writes examples of one data set to a .png file: name both, as in "
            "ganzoo data digits --out digits.png."
        )
    shape = options.size(size)
    options.check_file("--out", out)
    output.import_tensorflow()
    from ganzoo import data
    from ganzoo.reporting import mapped, plots

    console = output.console()
    table = output.table("", "")
    if name is None:
        for key, description in data.available():
            table.add_row(escape(key), escape(description))
        console.print(table)
        return
    dataset = data.load(name, size=shape)
    if not hasattr(dataset, "element_spec") and not isinstance(dataset, dict):
        _describe_table(dataset, out, console)
        return
    with data.clear_errors():
        stream = data.batches(dataset, columns=data.columns_of(dataset), batch_size=1)
        number = plots.POINTS if len(stream.spec.shape) == 1 else 64
        rows = next(iter(stream.dataset.take(number).rebatch(number)))
    classes = getattr(dataset, "class_names", None)
    parts = dataset if isinstance(dataset, dict) else {"": dataset}
    counts = [int(part.cardinality()) for part in parts.values()]
    samples = {key: field for key, field in stream.fields.items() if not field.is_label}
    described = {
        "shape": _of_each({k: "×".join(map(str, f.shape)) for k, f in samples.items()}),
        "dtype": _of_each({k: f.dtype for k, f in samples.items()}),
        "samples": " and ".join(f"{n:,}" if n >= 0 else "unknown" for n in counts)
        + (" pairs" if len(samples) > len(parts) else ""),
        "classes": f"{len(classes)}: {output.listed(classes)}" if classes else "not named",
    }
    for key, value in described.items():
        table.add_row(key, escape(value))
    console.print(table)
    if out is not None:
        examples = {key: rows[key].numpy() for key in samples}
        if len(samples) > 1 and all(field.is_image for field in samples.values()):
            columns = [(x, samples[key].value_range) for key, x in examples.items()]
            mapped.save_side_by_side(columns, out)
        else:
            shown = examples[stream.sample_name]
            plots.save_samples(shown, out, value_range=stream.spec.value_range)
        typer.echo(output.shown(out))


def _describe_table(frame: Any, out: Path | None, console: Console) -> None:
    """Prints what is learned of each column of a table."""
    from ganzoo.data import table_learning, tables
    from ganzoo.reporting import plots

    columns = table_learning.learn(frame)
    shown = output.table("column", "dtype", f"of {len(frame):,} rows")
    for column in columns:
        if column.is_category:
            values = [str(value) for value in column.categories]
            what = f"{len(values)} categories: {output.listed(values)}"
        else:
            what = f"numbers with {len(column.means)} modes"
            what += f", {column.missing:.1%} missing" * (column.missing > 0)
        shown.add_row(escape(str(column.name)), column.dtype, escape(what))
    console.print(shown)
    if out is not None:
        numbers = tables.numbers(frame, columns)
        plots.save_samples(numbers, out, names=[str(column.name) for column in columns])
        typer.echo(output.shown(out))


def _get(names: list[str], folder: Path | None, described: bool) -> None:
    if len(names) != 1:
        raise ValueError("get takes one name: write ganzoo data get emoji, for example.")
    if described:
        raise ValueError(
            "--size and --out describe a data set: leave them out, and run ganzoo data "
            f"{names[0]} afterwards."
        )
    output.import_tensorflow()
    from ganzoo import data

    with output.console(stderr=True).status("fetching"):
        path = data.fetch(names[0], folder)
    typer.echo(f"{names[0]} is in {output.shown(path)}. {data.licence(names[0])}")


def _of_each(words: dict[str, str]) -> str:
    """What is said of each sample: once if it is the same for all."""
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return ", ".join(f"{key} {word}" for key, word in words.items())
