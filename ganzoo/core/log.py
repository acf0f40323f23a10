"""The log of a training: the number of steps, and the means of the terms in this epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf


class Log(keras.metrics.Metric):
    """Counts all steps, and averages named scalars over an epoch.

    All terms share one vector, since a metric each costs a small network a tenth of its speed. It
    is a metric, not a weight, so that `set_weights`, which Keras's EarlyStopping calls, changes
    what was learned and not how often the GAN was updated.

    Args:
        names: of the scalars.
    """

    def __init__(self, names: Sequence[str], name: str = "log"):
        super().__init__(name=name)
        self.names = tuple(names)
        self.iterations = self.add_variable(
            (), "zeros", dtype="int64", aggregation="only_first_replica", name="iterations"
        )
        shape = (len(self.names),)
        self.sums = self.add_variable(shape, "zeros", name="sums")
        self.counts = self.add_variable(shape, "zeros", name="counts")

    def update_state(self, terms: Mapping[str, tf.Tensor]) -> None:
        """Adds a step's terms; a name that is absent keeps its mean."""
        values = [tf.cast(terms.get(name, 0.0), tf.float32) for name in self.names]
        self.sums.assign_add(tf.stack(values))
        self.counts.assign_add([float(name in terms) for name in self.names])
        self.iterations.assign_add(1)

    def means(self) -> tf.Tensor:
        """The means in the order of `names`, [terms]."""
        return self.sums.value / tf.maximum(self.counts.value, 1.0)

    def result(self) -> dict[str, tf.Tensor]:
        return dict(zip(self.names, tf.unstack(self.means()), strict=True))

    def reset_state(self) -> None:
        """Begins an epoch. The number of steps is kept."""
        for variable in (self.sums, self.counts):
            variable.assign(tf.zeros_like(variable.value))
