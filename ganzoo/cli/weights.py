"""`ganzoo weights`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

import ganzoo
from ganzoo.cli import completion, output


def list_weights(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="A GAN, whose pretrained generators are described in full.",
            autocompletion=completion.gan_names,
        ),
    ] = None,
) -> None:
    """Lists the pretrained generators that come with ganzoo."""
    output.import_tensorflow()
    cards = ganzoo.weights(name)
    if name is not None:
        if not cards:
            raise ValueError(f"{name} has no pretrained generators: ganzoo weights lists all.")
        typer.echo("\n\n".join(map(str, cards)))
        return
    table = output.table("GAN", "weights", "data", "sample", "size")
    for card in cards:
        shape = "×".join(map(str, card.shape))
        table.add_row(card.gan, card.name, escape(card.data), shape, output.file_size(card.bytes))
    output.console().print(table)
    typer.echo("try   ganzoo sample lsgan --weights mnist5k")
