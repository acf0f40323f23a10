"""The program `ganzoo`: its commands, its global options and its exit codes."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import sys
import traceback
from importlib.metadata import version
from typing import Annotated, TextIO

import typer

import ganzoo
from ganzoo.cli import (
    augment,
    compare,
    completion,
    data,
    demo,
    diagnose,
    errors,
    evaluate,
    export,
    output,
    report,
    sample,
    show,
    train,
    verify,
    weights,
)
from ganzoo.cli import (
    list as listing,
)

app = typer.Typer(
    help="A model zoo of generative adversarial networks. Try: ganzoo train lsgan",
    add_completion=False,  # replaced by the options below, which take the name of the shell
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    listing.list_gans,
    show.show,
    train.train,
    sample.sample,
    evaluate.evaluate,
    diagnose.diagnose,
    augment.augment,
    report.report,
    compare.compare,
    export.export,
    verify.verify,
    weights.list_weights,
    demo.demo,
    data.describe_data,
):
    app.command(command.__module__.rpartition(".")[2])(command)
completion.register_shells()


@dataclasses.dataclass(frozen=True)
class Call:
    """The call of the program, which commands get as the `obj` of typer's context.

    Attributes:
        command: the command line as the user typed it.
        stdout: standard output. `--out -` writes to it even with `--quiet`.
    """

    command: str
    stdout: TextIO


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the entry point of the console script.

    Args:
        arguments: the words after `ganzoo`; those of this process by default.

    Returns:
        The exit code: 0 for success; 1 if training diverged, an export disagreed with Keras, or
        there is a bug; 2 if the request can't be fulfilled; 75 if another worker was lost; 130
        after Ctrl-C.
    """
    arguments = [*(sys.argv[1:] if arguments is None else arguments)]
    call = Call(shlex.join(["ganzoo", *arguments]), sys.stdout)
    # Both may be anywhere in the command line, so they are removed before it is parsed.
    debug, quiet = "--debug" in arguments, "--quiet" in arguments
    arguments = [word for word in arguments if word not in ("--debug", "--quiet")] or ["--help"]
    try:
        with (
            output.discarded() if quiet else contextlib.nullcontext(),
            contextlib.nullcontext() if debug else output.only_our_messages(),
            output.our_log(),
        ):
            code = typer.main.get_command(app).main(
                arguments, prog_name=completion.PROGRAM, standalone_mode=False, obj=call
            )
    except Exception as error:
        if debug:
            traceback.print_exc()
        code, sentence = errors.explain(error)
        output.complain(sentence)
        return code
    if code == errors.INTERRUPTED:
        output.complain("interrupted.")
    return code if isinstance(code, int) else 0


def _show_versions(wanted: bool) -> None:
    if wanted:
        stack = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras"))
        typer.echo(f"ganzoo {ganzoo.__version__} ({stack}, python {sys.version.split()[0]})")
        raise typer.Exit()


@app.callback()
def _global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_versions, is_eager=True, help="Versions.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks and all messages of TensorFlow.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    install_completion: completion.Install = None,
    show_completion: completion.Show = None,
) -> None:
    pass
