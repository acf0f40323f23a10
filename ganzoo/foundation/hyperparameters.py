"""Hyper-parameters, declared once in a class body and then checked, printed and saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from keras.optimizers.schedules import LearningRateSchedule

from ganzoo.foundation import schedules
from ganzoo.foundation.schedules import LARGEST

# To a type checker a declaration is a value of any type, so that a class body may annotate it with
# the type that the attribute has on an instance, as with dataclasses.field.
_AnyType: Any = object


@dataclass(frozen=True)
class Hyperparameter(_AnyType):
    """One declared hyper-parameter of a GAN class.

    `critic_steps: int = Hyperparameter(int, 1, "updates of D per update of G", at_least=1)`
    declares one. A subclass changes the default with `critic_steps = 5`.

    Attributes:
        kind: int, float, bool, str, tuple, or dict. A dict gives weights by name: numbers of at
            least 0, or schedules.
        default: the value if the user gives none.
        doc: one line that says what the hyper-parameter is.
        at_least, above, at_most: bounds of a number.
        choices: the accepted values, if there are only a few.
        optional: whether None is accepted; `doc` says what it means.
        scheduled: whether a learning-rate schedule of Keras or of `ganzoo.schedules` is accepted
            in place of a number.
    """

    kind: type
    default: Any
    doc: str
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    choices: tuple[Any, ...] = ()
    optional: bool = False
    scheduled: bool = False

    def describe(self) -> str:
        """One line that says what the hyper-parameter is and which values it accepts."""
        return f"{self.doc} ({self._accepted()})"

    def _accepted(self) -> str:
        kinds = {
            dict: "weights by name, each a number of at least 0 or a schedule",
            int: "an int",
            float: "a float of 32 bits",
            bool: "True or False",
            str: "a string",
            tuple: "a tuple",
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
            weights = {k: self._weight(v) for k, v in value.items()}
            numbers = [v for v in weights.values() if not isinstance(v, LearningRateSchedule)]
            if all(0.0 <= number <= LARGEST for number in numbers):
                return weights
        if self.kind in (bool, str) and isinstance(value, self.kind):
            return value
        raise TypeError

    @staticmethod
    def _weight(value: Any) -> float | LearningRateSchedule:
        if isinstance(value, LearningRateSchedule):
            return value
        if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
            raise TypeError  # float() accepts text, and takes True for 1
        return float(value)

    def validate(self, name: str, value: Any) -> Any:
        """`value`, converted to this hyper-parameter's type.

        Raises:
            ValueError: the value has the wrong type, is out of bounds or is not one of the choices;
                or it is a schedule that `schedules.check` refuses.
        """
        if self.scheduled or self.kind is dict:
            self._check_schedules(name, value)
        if value is None and self.optional:
            return value
        if isinstance(value, LearningRateSchedule) and self.scheduled:
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
            text = (
                schedules.written(value) if isinstance(value, LearningRateSchedule) else repr(value)
            )
            seen = " ".join(text.split())[:200]
            raise ValueError(f"{name}={seen} must be {self._accepted()}.")
        return cast

    @staticmethod
    def _check_schedules(name: str, value: Any) -> None:
        for member in value.values() if isinstance(value, Mapping) else [value]:
            if isinstance(member, LearningRateSchedule):
                try:
                    schedules.check(member)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from error

    def with_default(self, name: str, default: Any) -> Hyperparameter:
        """The same declaration with another default.

        Raises:
            ValueError: see `validate`.
        """
        return replace(self, default=self.validate(name, default))


def declared(cls: type) -> dict[str, Hyperparameter]:
    """The hyper-parameters that `cls` and its bases declare, by name, with the defaults of `cls`.

    A subclass may set an attribute to an object that is not a value of the declared kind, for
    example to an `objectives.Objective` or to None. The attribute is then a fixed part of the game
    and no longer a hyper-parameter.
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
