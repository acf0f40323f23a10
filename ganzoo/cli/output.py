"""Printing for the command line, and silencing the messages of libraries."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import tensorflow as tf


def complain(sentence: str) -> None:
    """Prints a sentence to standard error. Control characters, which the name of a file may
    contain, are escaped, because a terminal would execute them."""
    safe = (x if x.isprintable() else x.encode("unicode_escape").decode() for x in sentence)
    print(f"ganzoo: {''.join(safe)}", file=sys.stderr)


@contextlib.contextmanager
def discarded() -> Iterator[None]:
    """Discards everything that Python code prints."""
    with (
        open(os.devnull, "w") as null,
        contextlib.redirect_stdout(null),
        contextlib.redirect_stderr(null),
    ):
        yield


@contextlib.contextmanager
def only_our_messages() -> Iterator[None]:
    """Silences TensorFlow, Keras and matplotlib, and prints warnings of ganzoo as one sentence."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for name in ("tensorflow", "absl", "matplotlib"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", module="ganzoo")
        warnings.showwarning = lambda message, *_: complain(f"warning: {message}")
        yield


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        complain(record.getMessage() + ".")


@contextlib.contextmanager
def our_log() -> Iterator[None]:
    """Prints the log of ganzoo, which names what it chose automatically, such as a precision."""
    log, handler = logging.getLogger("ganzoo"), _Handler()
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def import_tensorflow(strategy: str | None = None) -> tf.distribute.Strategy | None:
    """Imports TensorFlow without its messages, and makes the strategy of that name.

    TensorFlow's libraries write to file descriptor 2 before they read TF_CPP_MIN_LOG_LEVEL, when
    they are loaded and when they first look for devices. So it is redirected for this time. The
    strategy is made here because it must be made before anything else uses TensorFlow.

    Args:
        strategy: "mirrored" or "multiworker", see `ganzoo.devices.strategies.make`, or None.
    """
    heard = "tensorflow" in sys.modules or os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") == "0"
    with contextlib.nullcontext() if heard else _without_standard_error():
        import tensorflow as tf

        if strategy is None:
            tf.config.list_logical_devices()
            return None
        from ganzoo.devices import strategies

        return strategies.make(strategy)


@contextlib.contextmanager
def _without_standard_error() -> Iterator[None]:
    with contextlib.ExitStack() as restore, open(os.devnull, "w") as null:
        with contextlib.suppress(OSError):  # a process may have no standard error
            saved = os.dup(2)
            restore.callback(os.close, saved)
            restore.callback(os.dup2, saved, 2)
            os.dup2(null.fileno(), 2)
        yield


def console(stderr: bool = False) -> Console:
    """A console for standard output or standard error."""
    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = 160  # wide, so that in a pipe each row of a table is one line
    return made


def table(*headers: str) -> Table:
    """An empty table without lines; its first column is bold."""
    made = Table(box=None, show_header=any(headers), pad_edge=False, padding=(0, 3, 0, 0))
    for number, header in enumerate(headers):
        made.add_column(header, no_wrap=number == 0, style="bold" if number == 0 else None)
    return made


def shown(path: str | os.PathLike) -> str:
    """A path as the user would type it in the working folder."""
    path = Path(path).absolute()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def listed(names: list[str], most: int = 20) -> str:
    """All names, or the first and the last of more than `most`."""
    if len(names) > most:
        names = [*names[:3], "…", names[-1]]
    return ", ".join(names)


def file_size(count: int) -> str:
    """A number of bytes in kB or MB."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def agreement(measured: dict[str, Any], bound: dict[str, Any]) -> str:
    """Says how much an export differs from Keras, and how much it may differ.

    Args:
        measured: `psnr`, or `largest_difference`, as measured.
        bound: `least_psnr`, or `tolerance`, from the certificate.
    """
    if "psnr" in measured:
        return f"{measured['psnr']:.1f} dB from Keras ({bound['least_psnr']:g} dB asked for)"
    largest, allowed = measured["largest_difference"], bound["tolerance"]
    return f"differs from Keras by {largest:.2g} at most ({allowed:.2g} allowed)"
