"""What changes as training goes on: rates and weights as functions of the step, in a file as well
as in memory.

    ganzoo.get("r3gan", generator_learning_rate=schedules.linear(2e-3, 0, 10_000, begin=5_000))
    ganzoo train r3gan "penalties=r1:exponential(1, 0.1, 2000),r2:exponential(1, 0.1, 2000)"
"""

from __future__ import annotations

import math
import re
from typing import Any

import keras
import tensorflow as tf
from keras import ops

LARGEST = 3e38  # where float32, in which all is computed, ends

_TEXT = re.compile(r"\s*([a-z]+)\s*\(([^()]*)\)\s*")


@keras.saving.register_keras_serializable("ganzoo")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """`start` until step `begin`, then on the way of `shape` to `end`, reached `steps` later.

    Steps of a rate are that player's updates, steps of a penalty's weight the generator's.
    """

    def __init__(self, shape: str, start: float, end: float, steps: int, begin: int = 0):
        if not isinstance(shape, str) or shape not in SHAPES:
            raise ValueError(f"{shape!r} is no schedule: it is one of {', '.join(SHAPES)}.")
        numbers = {"start": start, "end": end, "steps": steps, "begin": begin}
        for name, value in numbers.items():
            low = math.ulp(0.0) if shape == "exponential" and name in ("start", "end") else 0
            low = 1 if name == "steps" else low
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} of a schedule is a number, not {value!r}.")
            if not low <= value <= LARGEST:
                least = "above 0" if 0 < low < 1 else f"at least {low}"
                raise ValueError(
                    f"{name}={str(value)[:80]} of a schedule won't do: {shape} takes a number "
                    f"{least} and at most {LARGEST:g}."
                )
        self.shape, self.numbers = shape, numbers

    def __call__(self, step):
        start, end, steps, begin = map(float, self.numbers.values())
        done = ops.clip((ops.cast(step, "float32") - begin) / steps, 0.0, 1.0)
        return SHAPES[self.shape](start, end, done)

    def __str__(self):
        return f"{self.shape}({', '.join(f'{n:g}' for n in self.numbers.values())})"

    __repr__ = __str__

    def __eq__(self, other):
        return isinstance(other, Schedule) and self.get_config() == other.get_config()

    def __hash__(self):
        return hash(str(self))

    def get_config(self):
        return {"shape": self.shape, **self.numbers}


def value_at(weight: Any, step: Any) -> Any:
    """A weight at a step: a number stands for itself, a schedule for its value there."""
    is_schedule = isinstance(weight, keras.optimizers.schedules.LearningRateSchedule)
    return weight(tf.convert_to_tensor(step)) if is_schedule else weight


SHAPES = {
    "linear": lambda start, end, done: start + (end - start) * done,
    "cosine": lambda start, end, done: end + (start - end) * (1 + ops.cos(math.pi * done)) / 2,
    "exponential": lambda start, end, done: start * ops.exp(math.log(end / start) * done),
}


def linear(start: float, end: float, steps: int, begin: int = 0) -> Schedule:
    """In a straight line."""
    return Schedule("linear", start, end, steps, begin)


def cosine(start: float, end: float, steps: int, begin: int = 0) -> Schedule:
    """Along half a cosine: Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5, no restarts."""
    return Schedule("cosine", start, end, steps, begin)


def exponential(start: float, end: float, steps: int, begin: int = 0) -> Schedule:
    """By the same factor each step; both ends above 0."""
    return Schedule("exponential", start, end, steps, begin)


def parse(text: str) -> Schedule:
    """The schedule that was written as `str` writes it, such as "linear(0.002, 0, 10000)".

    Raises:
        ValueError: it is none.
    """
    match = _TEXT.fullmatch(str(text))
    if not match:
        raise ValueError(f"{text!r} is no schedule: write linear(START, END, STEPS[, BEGIN]).")
    try:
        numbers = [float(word) for word in match[2].split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (3, 4):
        raise ValueError(f"{text!r} is no schedule: it takes START, END, STEPS[, BEGIN].")
    return Schedule(match[1], *numbers)
