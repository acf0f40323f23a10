"""The learning rates of all players, as Keras's callbacks change them."""

from __future__ import annotations

from typing import Any

import keras


class Rates:
    """The object `gan.optimizer`, which has one `learning_rate` for all players.

    keras.callbacks.LearningRateScheduler and ReduceLROnPlateau read and set
    `model.optimizer.learning_rate`. Here it is the generator's rate, and setting it multiplies the
    rates of all players by the same factor, so that their ratio stays.

    Args:
        gan: a compiled GAN.
    """

    built = True  # Keras asks before it loads weights

    def __init__(self, gan: Any):
        self._optimizers = [getattr(gan, f"{player}_optimizer") for player in gan.players]

    @property
    def variables(self) -> list:
        """The variables of all optimizers, which `summary` counts."""
        return [variable for optimizer in self._optimizers for variable in optimizer.variables]

    @property
    def iterations(self) -> keras.Variable:
        """The generator's updates."""
        return self._optimizers[-1].iterations

    @property
    def learning_rate(self) -> float:
        """The generator's current rate."""
        return _number(self._optimizers[-1].learning_rate)

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        for optimizer in self._optimizers:
            inner = getattr(optimizer, "inner_optimizer", optimizer)
            if isinstance(inner.get_config()["learning_rate"], dict):  # a serialised schedule
                raise ValueError(
                    "a callback sets the learning rate, but a player has a schedule of its own: "
                    "leave out the callback, or give numbers as rates."
                )
        before = self.learning_rate
        for optimizer in self._optimizers:
            rate = _number(optimizer.learning_rate)
            optimizer.learning_rate = rate * float(value) / before if before else float(value)


def _number(rate: Any) -> float:
    """A rate as a float, also where a strategy mirrors its variable."""
    return float(keras.ops.convert_to_numpy(rate))
