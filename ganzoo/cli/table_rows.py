"""The rows of a table: which of them `ganzoo sample` is asked for, and how it writes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import typer

from ganzoo.cli import output

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN

FORMATS = ("csv", "parquet", "png")


def conditions(gan: GAN, settings: list[str]) -> dict[Any, Any]:
    """Reads COLUMN=VALUE settings as the conditions of `gan.sample`. The value is a category as it
    is printed; an empty one stands for a missing value.

    Raises:
        ValueError: a word is not COLUMN=VALUE, or was given twice.
    """
    asked: dict[Any, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"--set {setting} must be COLUMN=VALUE, as in --set sex=F.")
        column = next((c for c in gan.spec.columns if str(c.name) == name), None)
        key = name if column is None else column.name
        if key in asked:
            raise ValueError(f"--set {name}= was given twice: leave one out.")
        known = {str(v): v for v in column.categories if v is not None} if column else {}
        asked[key] = known.get(text, text or None)
    return asked


def write(rows: Any, gan: GAN, out: Path | BinaryIO, ending: str) -> None:
    """Writes rows to a file or, as CSV, to standard output."""
    from ganzoo.foundation.files import replacing
    from ganzoo.reporting import plots

    if not isinstance(out, Path):
        rows.to_csv(out, index=False)
        return
    if ending == "png":
        names = [str(column.name) for column in gan.spec.columns]
        plots.save_samples(gan.spec.as_array(rows), out, names=names)
    else:
        with replacing(out) as draft:
            (rows.to_csv if ending == "csv" else rows.to_parquet)(draft, index=False)
    typer.echo(output.shown(out))
