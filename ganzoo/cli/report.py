"""`ganzoo report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import options, output


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The HTML file; by default report.html in the run's folder. An existing file is "
            "replaced.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Writes one page about a run: samples, curves, metrics, exports, and what to do next.

    The page is one file that needs no network. It has the metrics if ganzoo evaluate was run.
    """
    options.check_file("--out", out)
    output.import_tensorflow()
    from ganzoo import diagnosis
    from ganzoo.reporting import report as page
    from ganzoo.training import runs

    opened = runs.Run.at(run)
    signals = run / "signals.csv"
    found = diagnosis.of_run(run, opened.config) if signals.exists() else None
    path = out or run / "report.html"
    with output.console(stderr=True).status("drawing"):
        page.write(opened, path, diagnosis=found)
    typer.echo(output.shown(path))
