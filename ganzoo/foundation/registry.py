"""The registry of GANs by name, and a card for each with what is known about it.

The card is read from the docstring of the GAN's class, so that the two always agree: the first line
is the title of the paper, the second paragraph begins with `Authors Year, arXiv:ID`, and the first
indented block is the equation. A paragraph that begins with `Reported:` has the figures of the
paper or of others, each with its source. Our own figures are read from results/claims.csv.
"""

from __future__ import annotations

import difflib
import fnmatch
import importlib
import inspect
import re
import textwrap
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from ganzoo.foundation import claims

ENTRY_POINTS = "ganzoo.models"

_classes: dict[str, type[Any]] = {}
_loaded = False


@dataclass(frozen=True)
class Card:
    """What is known about a registered GAN before it is built.

    Attributes:
        name: the registry name, as `ganzoo.get` takes it.
        title, authors, year, arxiv: the paper.
        equation: the losses, minimised, as plain text.
        reported: the figures of the paper, or of others who trained this GAN, with their source;
            empty if the docstring states none.
        measured: our own figures, a line for each measure, with the command that measures it; none
            without a checkout of ganzoo.
        conditional: whether the generator is told the class, so that `sample` takes labels.
        data: the names of what training needs, such as ("image", "label").
        hyperparameters: the defaults of all that `ganzoo.get(name, ...)` accepts, by name.
        descriptions: one line for each hyper-parameter with its meaning and accepted values.
    """

    name: str
    title: str
    authors: str
    year: int
    arxiv: str
    equation: str
    reported: str
    measured: tuple[str, ...]
    conditional: bool
    data: tuple[str, ...]
    hyperparameters: Mapping[str, Any]
    descriptions: Mapping[str, str] = field(repr=False)

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {self.title}",
            f"{self.authors} {self.year}, arXiv:{self.arxiv}",
            "",
            textwrap.indent(self.equation, "    "),
            "",
            *self.figures(),
            f"trained on: {', '.join(self.data)}",
            "",
        ]
        width = max(map(len, self.hyperparameters))
        for key, default in self.hyperparameters.items():
            lines.append(f"  {key:<{width}}  {default!r:<12} {self.descriptions[key]}")
        return "\n".join(lines)

    def figures(self) -> list[str]:
        """The reported and the measured figures, a line each and an empty one after them."""
        lines = [f"reported: {self.reported}"] if self.reported else []
        lines += [f"measured: {line}" for line in self.measured]
        return [*lines, ""] if lines else []


_RECORD = re.compile(
    r"(?P<title>[^\n]+(?:\?|(?=\.)))\.?\n\n"
    r"(?P<authors>\D+?),?\s+(?P<year>\d{4}),\s+arXiv:(?P<arxiv>\d{4}\.\d{4,5})"
    r".*?\n\n(?P<equation>(?: {4}[^\n]*\n|\n)+)",
    re.DOTALL,
)


def _record(cls: type[Any]) -> dict[str, str]:
    match = _RECORD.match((inspect.getdoc(cls) or "") + "\n")
    if match is None:
        raise ValueError(
            f"the docstring of {cls.__name__} lacks the paper or the equation: write the paper's "
            "title and a full stop on the first line, then a paragraph that begins "
            "'Authors Year, arXiv:ID', then the equation as an indented block."
        )
    return match.groupdict()


def _reported(cls: type[Any]) -> str:
    """The paragraph of the docstring that begins with "Reported:", without this word."""
    found = re.search(r"^Reported: (.+?)(?:\n\n|\Z)", inspect.getdoc(cls) or "", re.M | re.S)
    return " ".join(found[1].split()) if found else ""


def register(name: str) -> Callable[[type[Any]], type[Any]]:
    """Class decorator that lets `ganzoo.get(name)` make this GAN, and Keras load it from a file.

    Raises:
        ValueError: the name is taken or is not a lower-case identifier, or the docstring lacks the
            paper or the equation.
    """

    def decorate(cls: type[Any]) -> type[Any]:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ValueError(
                f"{name!r} cannot be the name of a GAN: use lower-case letters, digits and _, "
                "and begin with a letter."
            )
        if name in _classes:
            taken = _classes[name]
            raise ValueError(
                f"the name {name!r} is taken by {taken.__module__}.{taken.__qualname__}: "
                "register yours under another."
            )
        _record(cls)
        from keras.saving import register_keras_serializable

        cls.registry_name = name
        _classes[name] = register_keras_serializable("ganzoo", name)(cls)
        return cls

    return decorate


def load_all() -> None:
    """Imports the zoo and the plugins in the entry-point group `ganzoo.models`, once."""
    global _loaded
    if _loaded:
        return
    _loaded = True
    importlib.import_module("ganzoo.zoo")
    for point in entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except Exception as error:  # a broken plugin must not make the zoo unusable
            warnings.warn(
                f"the GANs of the plugin {point.name!r} ({point.value}) are missing: {error}",
                stacklevel=2,
            )


def names(pattern: str = "*") -> list[str]:
    """Sorted names of the registered GANs that match a shell-style pattern such as "*wgan*"."""
    load_all()
    if not isinstance(pattern, str):
        raise ValueError(f"the pattern must be a string such as '*wgan*', not {pattern!r:.200}.")
    return fnmatch.filter(sorted(_classes), pattern)


def find(name: str) -> type[Any]:
    """The class of the GAN `name`.

    Raises:
        ValueError: no GAN has that name; the message lists the nearest names.
    """
    load_all()
    if not isinstance(name, str) or name not in _classes:
        raise ValueError(unknown("GAN", name, _classes))
    return _classes[name]


def card(name: str) -> Card:
    """The card of the GAN `name`: paper, equation, hyper-parameters and their defaults.

    Raises:
        ValueError: no GAN has that name; the message lists the nearest names.
    """
    cls = find(name)
    record = _record(cls)
    declared = cls.hyperparameters()
    return Card(
        name=name,
        title=record["title"],
        authors=" ".join(record["authors"].split()),
        year=int(record["year"]),
        arxiv=record["arxiv"],
        equation=textwrap.dedent(record["equation"].strip("\n")),
        reported=_reported(cls),
        measured=claims.measured(name),
        conditional="generator" in cls.label_to,
        data=tuple(cls.columns),
        hyperparameters={key: value.default for key, value in declared.items()},
        descriptions={key: value.describe() for key, value in declared.items()},
    )


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """The message for a name that does not exist; it lists the nearest names and all names."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"no {kind} is called {name!r:.200}: {hint}there are {', '.join(known)}."
