"""Completion of commands, options and names in the shell, with typer's functions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from typer import completion
from typer.completion import Shells

import ganzoo

PROGRAM = "ganzoo"
VARIABLE = "_GANZOO_COMPLETE"  # the shell sets it when it asks for completions


def register_shells() -> None:
    """Registers the shells for which typer has completion scripts."""
    completion.completion_init()


def _show_script(shell: Shells | None) -> None:
    if shell is not None:
        typer.echo(
            completion.get_completion_script(
                prog_name=PROGRAM, complete_var=VARIABLE, shell=shell.value
            )
        )
        raise typer.Exit()


def _install_script(shell: Shells | None) -> None:
    if shell is not None:
        _, path = completion.install(shell.value, prog_name=PROGRAM, complete_var=VARIABLE)
        typer.echo(f"Completion for {shell.value} was installed in {path}: open a new shell.")
        raise typer.Exit()


Show = Annotated[
    Shells | None,
    typer.Option(
        "--show-completion",
        callback=_show_script,
        is_eager=True,
        show_default=False,
        help="Print the completion script of a shell.",
    ),
]
Install = Annotated[
    Shells | None,
    typer.Option(
        "--install-completion",
        callback=_install_script,
        is_eager=True,
        show_default=False,
        help="Install completion for a shell.",
    ),
]


def gan_names(incomplete: str) -> list[str]:
    """Returns the names of GANs that begin with `incomplete`. They are read from the source files,
    because importing the zoo takes seconds. GANs of plugins are not found."""
    files = Path(ganzoo.__file__).with_name("zoo").rglob("*.py")
    found = (re.findall(r'^@register\("(\w+)"', file.read_text(), re.MULTILINE) for file in files)
    return sorted(name for names in found for name in names if name.startswith(incomplete))


def data_names(incomplete: str) -> list[str]:
    """Returns the names of data sets that begin with `incomplete`, read from the source file, since
    its import takes seconds."""
    file = Path(ganzoo.__file__).parent / "data" / "sources" / "__init__.py"
    names = re.findall(r'^    "([\w:]+)": "', file.read_text(), re.MULTILINE)
    return sorted(name.replace("PATH", "").replace("NAME", "") for name in names
                  if name.startswith(incomplete))  # fmt: skip
