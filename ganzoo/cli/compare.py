"""`ganzoo compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import options, output


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN…", help="The folders of two runs or more.")
    ],
    out: Annotated[Path, typer.Option(help="The HTML file; an existing file is replaced.")] = Path(
        "comparison.html"
    ),
) -> None:
    """Writes one page that shows runs side by side, and first how their configurations differ."""
    options.check_file("--out", out)
    output.import_tensorflow()
    from ganzoo import diagnosis
    from ganzoo.reporting import comparison
    from ganzoo.training import folder

    opened = [folder.Run.at(run) for run in runs]
    found = [
        diagnosis.of_run(run.path, run.config) if (run.path / "signals.csv").exists() else None
        for run in opened
    ]
    with output.console(stderr=True).status("drawing"):
        comparison.write(opened, out, diagnoses=found)
    typer.echo(output.shown(out))
