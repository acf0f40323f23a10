"""Hyper-parameters as words of a command line: width=32, penalties=r1:10,r2:10."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from ganzoo.foundation import registry, schedules


def read(name: str, settings: list[str], seed: int | None = None) -> dict[str, Any]:
    """KEY=VALUE words as the types that the GAN `name` declares.

    Raises:
        ValueError: there is no such GAN, or a word is no KEY=VALUE or names its key again.
    """
    declared, values = registry.find(name).hyperparameters(), {}
    if seed is not None:
        settings = [*settings, f"seed={seed}"]
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(
                f"{setting!r} is no hyper-parameter: write KEY=VALUE, as in width=32"
                " (data sets go to --data)."
            )
        if key in values:
            raise ValueError(f"{key} was given twice: leave one out.")
        values[key] = _value(key, declared[key], text) if key in declared else text
    return values


def _value(key: str, declared, text: str) -> Any:
    """`text` as the declared kind; as it is where it doesn't fit, for the library to refuse."""
    if declared.optional and text.lower() == "none":
        return None
    if declared.scheduled and "(" in text:
        return schedules.parse(text)
    try:
        return _READERS[declared.kind](text)
    except (KeyError, ValueError):
        if declared.kind is dict:
            raise ValueError(f"{key}={text} won't do: write it as {key}=r1:10,r2:10.") from None
        return text


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text.strip()


def _weight(text: str):
    return schedules.parse(text) if "(" in text else float(text)


def _items(text: str) -> list[str]:
    """Words between commas, but for those in a schedule's parentheses."""
    text = text.strip()
    text = text[1:-1] if text[:1] in tuple("([{") else text
    return [word.strip() for word in re.split(r",(?![^()]*\))", text) if word.strip()]


_READERS = {
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
    """A hyper-parameter's value as one writes it on the command line."""
    if isinstance(value, dict):
        return ",".join(f"{key}:{written(weight)}" for key, weight in value.items()) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return schedules.written(value)
