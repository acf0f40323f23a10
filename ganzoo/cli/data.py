"""`ganzoo data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ganzoo.cli import options, output


def describe_data(
    name: Annotated[str | None, typer.Argument(help="The data set to describe.")] = None,
    size: options.Size = None,
    out: Annotated[Path | None, typer.Option(help="A .png file to write examples to.")] = None,
) -> None:
    """Lists all data sets, or describes one."""
    if out is not None and (name is None or out.suffix != ".png"):
        raise ValueError(
            "--out writes examples of one data set to a .png file: name both, as in "
            "ganzoo data digits --out digits.png."
        )
    shape = options.size(size)
    options.check_file("--out", out)
    output.import_tensorflow()
    import numpy as np

    from ganzoo import data
    from ganzoo.reporting import plots

    console = output.console()
    table = output.table("", "")
    if name is None:
        for key, description in data.available():
            table.add_row(escape(key), escape(description))
        console.print(table)
        return
    dataset = data.load(name, size=shape)
    with data.clear_errors():
        stream = data.batches(dataset, batch_size=1)
        number = 64 if stream.spec.is_image else plots.POINTS
        examples = np.concatenate([row[stream.sample_name] for row in stream.dataset.take(number)])
    classes, count = getattr(dataset, "class_names", None), int(dataset.cardinality())
    described = {
        "shape": "×".join(map(str, stream.spec.shape)),
        "dtype": stream.spec.dtype,
        "samples": f"{count:,}" if count >= 0 else "unknown",
        "classes": f"{len(classes)}: {output.listed(classes)}" if classes else "not named",
    }
    for key, value in described.items():
        table.add_row(key, escape(value))
    console.print(table)
    if out is not None:
        plots.save_samples(examples, out, value_range=stream.spec.value_range)
        typer.echo(output.shown(out))
