"""`ganzoo list`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

import ganzoo
from ganzoo.cli import output


def list_gans(
    pattern: Annotated[str, typer.Argument(help="A shell-style pattern, such as '*wgan*'.")] = "*",
) -> None:
    """Lists the GANs of the zoo."""
    output.import_tensorflow()
    from ganzoo.foundation import registry

    names = ganzoo.names(pattern)
    if not names:
        raise ValueError(registry.unknown("GAN", pattern, ganzoo.names()))
    table = output.table("name", "paper", "year", "arXiv")
    for card in map(ganzoo.card, names):
        table.add_row(card.name, escape(card.title), str(card.year), card.arxiv)
    output.console().print(table)
