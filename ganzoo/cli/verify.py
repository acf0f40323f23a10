"""`ganzoo verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import output


def verify(
    path: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="The folder of one version, or of all versions."),
    ],
) -> None:
    """Checks an export again: the hashes of its files, its names, its samples."""
    output.import_tensorflow()
    from ganzoo import exporters

    for folder, certificate in exporters.verify(path).items():
        measured = certificate["verified"]["serving_default"]
        typer.echo(
            f"{output.shown(folder)}: {certificate['model']}, {certificate['format']}, "
            f"{len(certificate['files'])} files as certified, "
            f"{output.agreement(measured, certificate)}"
        )
