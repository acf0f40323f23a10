"""Rates and weights as functions of the step, which are saved and loaded with the GAN.

rate = ganzoo.schedules.linear(2e-3, 0, 10_000, begin=5_000)
ganzoo.get("r3gan", generator_learning_rate=rate)
rate = keras.optimizers.schedules.CosineDecay(2e-3, 10_000)
ganzoo.get("r3gan", generator_learning_rate=rate)

ganzoo train r3gan "penalties=r1:exponential(1, 0.1, 2000),r2:exponential(1, 0.1, 2000)"
ganzoo train r3gan "generator_learning_rate=CosineDecay(2e-3, decay_steps=10000)"
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

LARGEST = 3e38  # just below the largest float32: everything is computed in float32


@keras.saving.register_keras_serializable("ganzoo")
class Schedule(LearningRateSchedule):
    """A value that stays at `start` until step `begin` and then moves to `end` within `steps`.

    The steps of a learning rate are the updates of its player. The steps of a penalty's weight are
    the updates of the generator.

    Args:
        shape: the curve between the two values: "linear", "cosine" or "exponential".
        start, end: the two values, at least 0; above 0 for "exponential".
        steps: how many steps the change takes, at least 1.
        begin: the step at which the change begins.

    Raises:
        ValueError: the shape is unknown, or a number is out of range.
    """

    def __init__(self, shape: str, start: float, end: float, steps: float, begin: float = 0):
        if not isinstance(shape, str) or shape not in SHAPES:
            raise ValueError(
                f"there is no schedule called {shape!r}: choose one of {', '.join(SHAPES)}, or one"
                " of keras.optimizers.schedules."
            )
        numbers = {"start": start, "end": end, "steps": steps, "begin": begin}
        for name, value in numbers.items():
            low = math.ulp(0.0) if shape == "exponential" and name in ("start", "end") else 0
            low = 1 if name == "steps" else low
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} of a schedule must be a number, not {value!r}.")
            if not low <= value <= LARGEST:
                least = "above 0" if 0 < low < 1 else f"of at least {low}"
                raise ValueError(
                    f"{name}={str(value)[:80]} of the schedule {shape} must be a number {least} "
                    f"and at most {LARGEST:g}."
                )
        self.shape, self.numbers = shape, numbers

    def __call__(self, step: Any) -> tf.Tensor:
        start, end, steps, begin = map(float, self.numbers.values())
        done = ops.clip((ops.cast(step, "float32") - begin) / steps, 0.0, 1.0)
        return SHAPES[self.shape](start, end, done)

    def __str__(self) -> str:
        return f"{self.shape}({', '.join(f'{n:g}' for n in self.numbers.values())})"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash(str(self))

    def get_config(self) -> dict[str, Any]:
        return {"shape": self.shape, **self.numbers}


def value_at(weight: Any, step: Any) -> Any:
    """A weight at a step: a number stands for itself, a schedule for its value there."""
    is_schedule = isinstance(weight, keras.optimizers.schedules.LearningRateSchedule)
    return weight(tf.convert_to_tensor(step)) if is_schedule else weight


SHAPES: dict[str, Callable[[float, float, Any], tf.Tensor]] = {
    "linear": lambda start, end, done: start + (end - start) * done,
    "cosine": lambda start, end, done: end + (start - end) * (1 + ops.cos(math.pi * done)) / 2,
    "exponential": lambda start, end, done: start * ops.exp(math.log(end / start) * done),
}


def linear(start: float, end: float, steps: float, begin: float = 0) -> Schedule:
    """A schedule that follows a straight line: start + (end − start)·t with
    t = clip((step − begin) / steps, 0, 1). Arguments and errors are those of `Schedule`.

        ganzoo.get("lsgan", generator_learning_rate=ganzoo.schedules.linear(1e-3, 0, 5000))
    """
    return Schedule("linear", start, end, steps, begin)


def cosine(start: float, end: float, steps: float, begin: float = 0) -> Schedule:
    """A schedule that follows half a cosine: end + (start − end)·(1 + cos πt)/2, with t as in
    `linear`.

    Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5, without restarts.
    """
    return Schedule("cosine", start, end, steps, begin)


def exponential(start: float, end: float, steps: float, begin: float = 0) -> Schedule:
    """A schedule that changes by the same factor at each step: start·(end/start)ᵗ, with t as in
    `linear`. Both ends must be above 0."""
    return Schedule("exponential", start, end, steps, begin)


def check(schedule: LearningRateSchedule) -> None:
    """Checks that a schedule can be saved with the GAN, loaded again, and used from step 0.

    Raises:
        ValueError: its class is unknown to Keras or has no `get_config`, or its first value is
            negative or not finite.
    """
    kind = type(schedule).__name__
    if type(schedule) is not getattr(keras.optimizers.schedules, kind, None) and (
        keras.saving.get_registered_object(keras.saving.get_registered_name(type(schedule)))
        is not type(schedule)
    ):
        raise ValueError(
            f"the schedule {kind} could not be loaded from a saved GAN: decorate its class with "
            "@keras.saving.register_keras_serializable()."
        )
    try:
        json.dumps(keras.saving.serialize_keras_object(schedule))
    except (NotImplementedError, TypeError) as error:
        raise ValueError(
            f"the schedule {kind} cannot be saved: give its class a get_config that returns plain "
            "numbers and words."
        ) from error
    try:
        first = float(value_at(schedule, tf.constant(0, tf.int64)))
    except Exception as error:  # Keras accepts any arguments and fails when it computes with them
        raise ValueError(
            f"the schedule {written(schedule)} has no value at step 0 ({type(error).__name__}): "
            "correct its arguments."
        ) from error
    if not 0.0 <= first <= LARGEST:
        raise ValueError(
            f"the schedule {written(schedule)} begins at {first:g}: it must begin at a finite "
            "number of at least 0."
        )


def written(schedule: Any) -> str:
    """A schedule as text that `parse` reads; anything else as `str` gives it."""
    if isinstance(schedule, Schedule) or not isinstance(schedule, LearningRateSchedule):
        return str(schedule)
    chosen = {key: value for key, value in schedule.get_config().items() if value is not None}
    if chosen.get("name") == type(schedule).__name__:
        del chosen["name"]
    return f"{type(schedule).__name__}({', '.join(f'{k}={v!r}' for k, v in chosen.items())})"


def parse(text: str) -> LearningRateSchedule:
    """The schedule that `written` gives as text, such as "linear(0.002, 0, 10000)" or
    "CosineDecay(0.002, decay_steps=10000)", a class of keras.optimizers.schedules.

    Raises:
        ValueError: the text is not a schedule, or its numbers are not accepted.
    """
    try:
        call = ast.parse(str(text).strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        values = [ast.literal_eval(value) for value in call.args]
        named = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(
            f"{str(text)[:200]!r} is not a schedule: write linear(START, END, STEPS[, BEGIN]) with "
            "numbers."
        ) from None
    name = call.func.id
    kind: Any = getattr(keras.optimizers.schedules, name, None)
    of_keras = isinstance(kind, type) and kind is not LearningRateSchedule
    try:
        if not of_keras:
            return Schedule(name, *values, **named)
        made = kind(*values, **named)
        check(made)
    except TypeError as error:
        takes = "what Keras's class takes" if of_keras else "START, END, STEPS[, BEGIN]"
        raise ValueError(f"{str(text)[:200]!r} is not a schedule: it takes {takes}.") from error
    return made
