"""The train function, which makes one step, and the check that its logs are finite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo.core.measuring import Measuring
from ganzoo.devices import strategies
from ganzoo.foundation.keras_compat import is_default


class Diverged(RuntimeError):
    """Training stopped because a term of a loss, or a weight, became NaN or infinite."""


class Stepping(Measuring):
    """The part of a `GAN` that makes the steps of a training."""

    train_function: Callable[[Iterator], dict[str, float]]  # None until it is made
    _unchecked: tuple[int, tf.Tensor] | None  # the last step, and its means until they are read
    _newest: Mapping[str, Any] | None  # the rows of the last step

    def _begin(self, callbacks: list, shown: bool = False) -> None:
        """Prepares what the train function keeps between steps."""
        self.forget_encoder()
        read = (c for c in callbacks if getattr(c, "reads_logs", True))
        self._logs_are_read = shown or any(
            not (is_default(c.on_train_batch_end) and is_default(c.on_batch_end)) for c in read
        )
        kinds = keras.callbacks.TerminateOnNaN
        self._ends_quietly = any(isinstance(callback, kinds) for callback in callbacks)
        self._steps_made, self._unchecked = self.step, None

    def make_train_function(self, force: bool = False) -> None:
        """Makes the function that trains one step.

        Keras's own function takes the logs of several workers for vectors (keras#20585), and
        fetches all logs after each step.
        """
        if self.train_function is not None and not force:
            return
        if self.run_eagerly or self.jit_compile or self.steps_per_execution > 1:
            super().make_train_function(force)
            keras_function = self.train_function

            def step(iterator: Iterator) -> dict[str, Any]:
                logs = keras_function(iterator)
                self._steps_made += self.steps_per_execution
                return self._checked({key: float(value) for key, value in logs.items()})

            self.train_function = step
            return
        strategy = self.distribute_strategy
        ordered = strategies.on_one_cpu(strategy, self.variables)
        distributed = strategies.is_distributed(strategy)
        steps: dict[tuple, Callable] = {}

        def traced(regularise: bool, batch: Mapping[str, tf.Tensor]) -> Callable:
            def replica_step(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
                self.train_step(batch, regularise)
                return self.log.means()

            def step(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
                return strategy.reduce("MEAN", strategy.run(replica_step, (batch,)), axis=None)

            if distributed:
                return tf.function(step, autograph=False)
            # To find the trace of a tf.function costs more than a tenth of a millisecond a step.
            function = tf.function(replica_step, autograph=False).get_concrete_function(batch)
            return strategies.in_order(function) if ordered else function

        def train(iterator: Iterator) -> dict[str, float]:
            regularise = self._steps_made % self.regularise_every == 0
            self._check_step()
            self._newest = batch = next(iterator)
            shapes = () if distributed else tuple(column.shape for column in batch.values())
            kind = regularise, shapes
            if kind not in steps:
                steps[kind] = traced(regularise, batch)
            means = steps[kind](batch)
            self._steps_made += 1
            self._unchecked = self._steps_made, means
            return self._check_step() if self._logs_are_read else {}

        self.train_function = train

    def _check_step(self) -> dict[str, float]:
        """Checks that the logs of the last step are finite, and returns them.

        If no callback reads the logs, this is done when the next step is requested, so that a GPU
        computes while Python continues.
        """
        if self._unchecked is None:
            return {}
        step, means = self._unchecked
        self._unchecked = None
        return self._checked(dict(zip(self.log.names, means.numpy().tolist(), strict=True)), step)

    def _checked(self, logs: dict[str, float], step: int | None = None) -> dict[str, float]:
        bad = [name for name, value in logs.items() if not np.isfinite(value)]
        if not bad:
            return logs
        if self._ends_quietly:  # Keras's TerminateOnNaN looks only at this name
            return logs | {"loss": float("nan")}
        raise Diverged(
            f"training diverged at step {step or self._steps_made}, where {', '.join(bad)} became "
            f"{logs[bad[0]]}: try lower learning rates or a penalty."
        )

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Does nothing: everything is built by now, and Keras's own method fails with several
        workers (keras#20585)."""

    @property
    def metrics(self) -> list:
        return [self.log] if self.built else []

    @property
    def metrics_names(self) -> list[str]:
        return list(self.log.names) if self.built else []
