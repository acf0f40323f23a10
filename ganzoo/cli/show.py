"""`ganzoo show`."""

from __future__ import annotations

from rich.markup import escape

import ganzoo
from ganzoo.cli import options, output


def show(name: options.GANName) -> None:
    """Shows the card of a GAN: its paper, its losses, its hyper-parameters."""
    output.import_tensorflow()
    from ganzoo.foundation import keywords, registry

    card, console = ganzoo.card(name), output.console()
    console.print(f"[bold]{card.name}[/]: {escape(card.title)}", soft_wrap=True)
    link = f"https://arxiv.org/abs/{card.arxiv}"
    console.print(f"{escape(card.authors)} {card.year}, {link}\n", soft_wrap=True)
    for line in card.equation.splitlines():
        console.print(f"    [cyan]{escape(line)}[/]", soft_wrap=True)
    console.print()
    for line in card.figures():
        console.print(escape(line), soft_wrap=True, highlight=False)
    console.print(f"trained on: {', '.join(card.data)}\n")
    if recipe := registry.find(name).recipe:
        words = ", ".join(f"{key}={keywords.written(value)}" for key, value in recipe.items())
        words += "; these rates fall to 0 with the last step" * ("learning_rate" in words)
        console.print(f"ganzoo train, on images and tables: {escape(words)}\n", soft_wrap=True)
    table = output.table("hyper-parameter", "default", "meaning")
    for key, default in card.hyperparameters.items():
        table.add_row(key, escape(keywords.written(default)), escape(card.descriptions[key]))
    console.print(table)
