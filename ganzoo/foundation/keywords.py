"""Hyper-parameters as the words of a command line, such as width=32 and penalties=r1:10,r2:10."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

from ganzoo.foundation import registry, schedules
from ganzoo.foundation.hyperparameters import Hyperparameter


def read(name: str, settings: list[str], seed: int | None = None) -> dict[str, Any]:
    """Reads KEY=VALUE words into the types that the GAN `name` declares.

    Raises:
        ValueError: there is no such GAN, a word is not KEY=VALUE, or a key was given twice.
    """
    declared, values = registry.find(name).hyperparameters(), {}
    if seed is not None:
        settings = [*settings, f"seed={seed}"]
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(
                f"{setting!r} is not a hyper-parameter: write KEY=VALUE, as in width=32"
                " (data sets go to --data)."
            )
        if key in values:
            raise ValueError(f"{key} was given twice: leave one out.")
        values[key] = _value(key, declared[key], text) if key in declared else text
    return values


def _value(key: str, declared: Hyperparameter, text: str) -> Any:
    """Reads `text` as the declared kind. Text that doesn't fit is returned unchanged, and
    `ganzoo.get` refuses it."""
    if declared.optional and text.lower() == "none":
        return None
    if declared.scheduled and "(" in text:
        return schedules.parse(text)
    try:
        return _READERS[declared.kind](text)
    except (KeyError, ValueError):
        if declared.kind is dict:
            raise ValueError(
                f"{key}={text} can't be read: write it as {key}=r1:10,r2:10."
            ) from None
        return text


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text.strip()


def _weight(text: str) -> Any:
    return schedules.parse(text) if "(" in text else float(text)


def _items(text: str) -> list[str]:
    """Splits at commas, except inside the parentheses of a schedule."""
    text = text.strip()
    text = text[1:-1] if text[:1] in tuple("([{") else text
    return [word.strip() for word in re.split(r",(?![^()]*\))", text) if word.strip()]


_READERS: dict[type, Callable[[str], Any]] = {
    int: int,
    float: float,
    str: str,
    bool: lambda text: {"true": True, "yes": True, "false": False, "no": False}[text.lower()],
    tuple: lambda text: tuple(map(_number, _items(text))),
    dict: lambda text: {
        key.strip(): _weight(weight) for key, weight in (word.split(":") for word in _items(text))
    },
}


def written(value: Any) -> str:
    """The value of a hyper-parameter in the form that the command line reads."""
    if isinstance(value, dict):
        return ",".join(f"{key}:{written(weight)}" for key, weight in value.items()) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return schedules.written(value)
