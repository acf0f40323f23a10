"""Turns errors into an exit code and one sentence."""

from __future__ import annotations

import traceback

import typer

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


class Interrupted(Exception):
    """Ctrl-C with a message. It is no KeyboardInterrupt, because typer would drop the message."""


def explain(error: Exception) -> tuple[int, str]:
    """Returns the exit code and the sentence for an error that ended a command."""
    if isinstance(error, Interrupted):
        return INTERRUPTED, str(error)
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "ganzoo"
        return BAD_INPUT, f"{error.format_message().rstrip('.')} (see {command} --help)."
    notes = getattr(error, "__notes__", [])
    if isinstance(error, OSError) and error.strerror:
        file = f"{error.filename}: " if error.filename else ""
        return BAD_INPUT, " ".join([f"{file}{error.strerror}.", *notes])
    ours = isinstance(error, RuntimeError) and type(error).__module__.startswith("ganzoo.")
    # Messages of ganzoo have one line. A message of several lines comes from a library.
    if ("\n" not in str(error) or _raised_by_us(error)) and (
        ours or isinstance(error, ValueError | OSError)
    ):
        code = getattr(error, "exit_code", FAILED) if ours else BAD_INPUT
        return code, " ".join([str(error), *notes])
    first = next(iter(str(error).strip().splitlines()), "")
    name = type(error).__name__ + (f": {first}" if first else "")
    advice = "This may be a bug: run again with --debug to see where."
    return FAILED, " ".join([f"{name[:200].rstrip('.')}.", *notes, advice])


def _raised_by_us(error: Exception) -> bool:
    """Whether ganzoo raised it. A line break is then part of a name that the user passed."""
    frames = list(traceback.walk_tb(error.__traceback__))
    return bool(frames) and str(frames[-1][0].f_globals.get("__name__")).startswith("ganzoo.")
