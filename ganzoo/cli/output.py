"""What the command line prints, where it prints it, and what it keeps silent."""

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
    """Prints a sentence to standard error. Characters that a terminal would obey, which a file's
    name may hold, are escaped."""
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
    """Silences the messages of TensorFlow, Keras and matplotlib, and shows our own warnings as one
    sentence each."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for name in ("tensorflow", "absl", "matplotlib"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", module="ganzoo")
        warnings.showwarning = lambda message, *_: complain(f"warning: {message}")
        yield


@contextlib.contextmanager
def our_log() -> Iterator[None]:
    """Shows what ganzoo decides by itself, such as a precision."""
    log, handler = logging.getLogger("ganzoo"), logging.Handler()
    handler.emit = lambda record: complain(record.getMessage() + ".")
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def import_tensorflow(strategy: str | None = None) -> tf.distribute.Strategy | None:
    """Imports TensorFlow silently, and returns the strategy of that name.

    File descriptor 2 is closed meanwhile: TensorFlow's libraries write to it before they read
    TF_CPP_MIN_LOG_LEVEL, both when they are loaded and when they first look for devices. The
    strategy is made here because nothing else may use TensorFlow before it.
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
        made.width = 160  # in a pipe, each row of a table should stay on one line
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
    """How near an export is to Keras, and how near it must be, from its certificate."""
    if "psnr" in measured:
        return f"{measured['psnr']:.1f} dB from Keras ({bound['least_psnr']:g} dB asked for)"
    largest, allowed = measured["largest_difference"], bound["tolerance"]
    return f"differs from Keras by {largest:.2g} at most ({allowed:.2g} allowed)"
