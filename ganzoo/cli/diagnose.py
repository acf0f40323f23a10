"""`ganzoo diagnose`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import output


def diagnose(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the diagnosis as JSON, for other programs.")
    ] = False,
) -> None:
    """Says whether a training is healthy, or which failure it has and what mends it.

    It reads the signals that ganzoo train recorded, also while the training still runs.
    """
    if run.is_file():
        raise ValueError(f"{run} is a file, which holds no signals: name the folder of a run.")
    output.import_tensorflow()
    from ganzoo import diagnosis
    from ganzoo.training import runs

    found = diagnosis.of_run(run, runs.Run.at(run).config)
    typer.echo(json.dumps(found.as_dict(), indent=2) if as_json else str(found))
