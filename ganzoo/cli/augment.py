"""`ganzoo augment`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

import ganzoo
from ganzoo.cli import options, output


def augment(
    context: typer.Context,
    name: options.GANName,
    settings: options.Settings = None,
    data: Annotated[
        str, typer.Option(help="A data set that ganzoo data lists, of labelled images.")
    ] = "digits",
    per_class: Annotated[
        list[int] | None,
        typer.Option(
            help="How many real images of each class to learn from; repeat it for several numbers. "
            "10, 20 and 50 by default.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="GANs to train for each number, at least 2.")] = 5,
    steps: Annotated[
        int | None,
        typer.Option(help="Generator updates of each GAN; 1,600 by default.", show_default=False),
    ] = None,
    size: options.Size = None,
    value_range: options.ValueRange = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="A JSON file for all results.")
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="A CSV file that gets a row for each arm; it keeps the rows of other commands.",
        ),
    ] = None,
) -> None:
    """Measures whether a GAN's samples help a classifier when labelled images are few.

    One classifier is trained on a few real images of each class. Others are also trained on samples
    of a GAN that was trained on the same images, on shifted, turned and zoomed copies of them, or
    on both. All are tested on images that were not used for training.
    """
    shape, limits = options.size(size), options.value_range(value_range)
    options.check_file("--json", json_file)
    output.import_tensorflow()
    from ganzoo.evaluation import usefulness
    from ganzoo.foundation import files, keywords

    hyperparameters = keywords.read(name, settings or [])

    chosen: dict[str, Any] = {
        "per_class": per_class or usefulness.PER_CLASS,
        "seeds": range(seeds),
        "steps": usefulness.STEPS if steps is None else steps,
    }
    usefulness.check(name, **chosen, **hyperparameters)
    if csv_file is not None:
        usefulness.check_csv(csv_file)
    began, console = time.monotonic(), output.console()
    found = usefulness.augmentation(
        name,
        ganzoo.data.load(data, size=shape),
        value_range=limits,
        console=output.console(stderr=True),
        **chosen,
        **hyperparameters,
    )
    table = output.table("per class", "trained on", "accuracy", "more than real")
    for arm in found:
        numbers = (arm.accuracy, arm.difference)
        table.add_row(
            str(arm.per_class) if arm.name == usefulness.ARMS[0] else "",
            arm.name,
            *("" if m is None else f"{m:.3f} ± {m.high - m:.3f}" for m in numbers),
        )
    console.print(table)
    console.print(
        f"means over {seeds} seeds ± their 95% intervals (Student's t), on {found[0].tested:,} "
        "test images",
        soft_wrap=True,
    )
    facts = {
        "data": data,
        "name": name,
        "hyperparameters": " ".join(settings or []),
        "steps": chosen["steps"],
        "seeds": " ".join(map(str, chosen["seeds"])),
        "seconds": round(time.monotonic() - began, 1),
        "command": context.obj.command,
    }
    if csv_file is not None:
        usefulness.save_csv(found, csv_file, facts)
        typer.echo(output.shown(csv_file))
    if json_file is not None:
        record = facts | {
            "ganzoo": ganzoo.__version__,
            "arms": [arm.to_json() for arm in found],
        }
        with files.replacing(json_file) as draft:
            draft.write_text(json.dumps(record, indent=2) + "\n")
        typer.echo(output.shown(json_file))
