"""`ganzoo evaluate`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

import ganzoo
from ganzoo.cli import options, output


def evaluate(
    run_or_model: options.RunOrModel,
    data: Annotated[
        str | None,
        typer.Option(
            help="A data set that ganzoo data lists; the one of the run by default. Name held-out "
            "pairs to learn how well a GAN such as pix2pix maps pictures that it has not seen.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[int, typer.Option(help="The largest number of samples to draw.")] = 2500,
    extractor: Annotated[
        str | None,
        typer.Option(
            metavar="efficientnet_lite0|inception",
            help="What computes the features of natural images; by default a classifier that is "
            "trained on the data, or the pixels.",
            show_default=False,
        ),
    ] = None,
    seed: options.Seed = 0,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="A JSON file for all results; by default evaluation.json in the run's folder.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compares a trained GAN's samples with data, and real samples with each other."""
    if samples < 1:
        raise ValueError(f"--samples {samples}: it must be at least 1.")
    is_run = run_or_model.is_dir()
    if not is_run and data is None:
        raise ValueError(
            "a .keras file doesn't say which data it was trained on: name a data set, as in "
            "--data mnist5k."
        )
    options.check_file("--json", json_file)
    output.import_tensorflow()
    from ganzoo.foundation import files
    from ganzoo.training import runs

    config = runs.Run.at(run_or_model).config if is_run else {}
    gan, name = runs.load(run_or_model), config.get("data") if data is None else data
    if name is None:
        raise ValueError(
            f"{run_or_model} doesn't say which data it was trained on: name a data set, as in "
            f"--data {gan.default_data}."
        )
    own = data is None or data == config.get("data")
    size = config.get("size") if own and gan.spec.is_image else None
    size = gan.spec.shape[:2] if gan.spec.is_image and size is None and not own else size
    examples = ganzoo.data.load(
        name, size=tuple(size) if size else None, fit=config.get("fit", "crop")
    )
    value_range = config.get("value_range") if own else None
    began, console = time.monotonic(), output.console()
    with output.console(stderr=True).status("measuring"):
        evaluation = gan.evaluate(
            examples,
            batch_size=config.get("batch_size"),
            value_range=tuple(value_range) if value_range else None,
            samples=samples,
            extractor=extractor,
            seed=seed,
        )
    table = output.table("metric", "value", "95% interval", "real", "ratio", "N", "of")
    for key, found in evaluation.items():
        table.add_row(
            key,
            f"{found:.4g}",
            f"{found.low:.4g} to {found.high:.4g}",
            "" if found.reference is None else f"{found.reference:.4g}",
            "" if found.ratio is None else f"{found.ratio:.3g}",
            f"{found.n:,}",
            escape(", ".join(filter(None, [found.extractor, found.note]))),
        )
    console.print(table)
    for key, reason in evaluation.refused.items():
        console.print(f"{key} is left out: {escape(reason)}", soft_wrap=True)
    record = {
        "gan": gan.registry_name,
        "step": gan.step,
        "data": name,
        "samples": samples,
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "ganzoo": ganzoo.__version__,
    }
    out = json_file or (run_or_model / "evaluation.json" if is_run else None)
    if out is not None:
        with files.replacing(out) as draft:
            draft.write_text(json.dumps(record | evaluation.to_json(), indent=2) + "\n")
        typer.echo(output.shown(out))
