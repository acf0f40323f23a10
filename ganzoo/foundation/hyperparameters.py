"""Hyper-parameters: declared once in a class body, typed, validated, printed, saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from ganzoo.foundation.schedules import LARGEST, Schedule


@dataclass(frozen=True)
class Hyperparameter:
    """One declared hyper-parameter of a GAN class.

    `critic_steps = Hyperparameter(int, 1, "updates of D per update of G", at_least=1)` declares
    it; a subclass changes the default with `critic_steps = 5`.

    Attributes:
        kind: int, float, bool, str, tuple or dict (of weights ≥ 0, or schedules, by name).
        default: its value where the user gives none.
        doc: one line that says what it is.
        at_least, above, at_most: bounds of a number.
        choices: the accepted values, if they are few.
        optional: None is accepted, and means what `doc` says.
        scheduled: a `schedules.Schedule` is accepted in place of a number.
    """

    kind: type
    default: Any
    doc: str
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    choices: tuple = ()
    optional: bool = False
    scheduled: bool = False

    def describe(self) -> str:
        """What it is and what it accepts, in one line."""
        return f"{self.doc} ({self._accepted()})"

    def _accepted(self) -> str:
        kinds = {
            dict: "weights by name, {name: number of at least 0 or a schedule}",
            float: "float of 32 bits",
        }
        words = [] if self.choices else [kinds.get(self.kind, self.kind.__name__)]
        if self.choices:
            words.append("one of " + ", ".join(map(repr, self.choices)))
        bounds = (("at least", self.at_least), ("above", self.above), ("at most", self.at_most))
        words += [f"{word} {bound}" for word, bound in bounds if bound is not None]
        schedule = " or a schedule" if self.scheduled else ""
        return ", ".join(words) + schedule + (" or None" if self.optional else "")

    def _cast(self, value: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if self.kind is int and isinstance(value, Integral) and not isinstance(value, bool):
            return int(value)
        if self.kind is float and isinstance(value, Real) and not isinstance(value, bool):
            return float(value)
        if self.kind is tuple and isinstance(value, list | tuple):
            return tuple(value)
        if self.kind is dict and isinstance(value, Mapping):
            weights = {str(k): self._weight(v) for k, v in value.items()}
            if all(isinstance(v, Schedule) or 0.0 <= v <= LARGEST for v in weights.values()):
                return weights
        if self.kind in (bool, str) and isinstance(value, self.kind):
            return value
        raise TypeError

    @staticmethod
    def _weight(value: Any) -> Any:
        if isinstance(value, Schedule):
            return value
        if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
            raise TypeError  # float() reads text, and True as 1
        return float(value)

    def validate(self, name: str, value: Any) -> Any:
        """`value` as this hyper-parameter's type.

        Raises:
            ValueError: wrong type, outside the bounds or not among the choices.
        """
        if (value is None and self.optional) or (isinstance(value, Schedule) and self.scheduled):
            return value
        try:
            cast = self._cast(value)
            bad = (
                (self.choices and cast not in self.choices)
                or (self.at_least is not None and not cast >= self.at_least)
                or (self.above is not None and not cast > self.above)
                or (self.at_most is not None and not cast <= self.at_most)
                or (self.kind is float and not abs(cast) <= LARGEST)
            )
        except (TypeError, ValueError, OverflowError):
            bad = True
        if bad:
            seen = " ".join(repr(value).split())[:200]
            raise ValueError(f"{name}={seen} won't do: it takes {self._accepted()}.")
        return cast

    def with_default(self, name: str, default: Any) -> Hyperparameter:
        return replace(self, default=self.validate(name, default))


def declared(cls: type) -> dict[str, Hyperparameter]:
    """Name -> Hyperparameter of all that `cls` and its bases declare, defaults as `cls` has them.

    An attribute that a subclass sets to something that is no value of the kind, an
    `objectives.Objective` or None say, is part of the game there and no longer a hyper-parameter.
    """
    found: dict[str, Hyperparameter] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, Hyperparameter):
                found[name] = value
            elif name in found:
                try:
                    found[name] = found[name].with_default(name, value)
                except ValueError:
                    if isinstance(value, int | float | str | tuple | dict):
                        raise
                    del found[name]
    return found
