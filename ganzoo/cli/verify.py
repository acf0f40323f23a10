"""`ganzoo verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import output


def verify(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="The folder of one version or of all versions, or an .onnx file."
        ),
    ],
) -> None:
    """Checks that an export is the one that was certified: its files, its names, its samples."""
    output.import_tensorflow()
    from ganzoo import exporters

    for version, certificate in exporters.verify(path).items():
        measured = certificate["verified"]["serving_default"]
        hashed = "its hash" if version.is_file() else f"{len(certificate['files'])} files"
        typer.echo(
            f"{output.shown(version)}: {certificate['model']}, {certificate['format']}, "
            f"{hashed} as certified, {output.agreement(measured, certificate)}"
        )
