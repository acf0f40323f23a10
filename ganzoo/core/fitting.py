"""How a GAN is trained on data: `fit` and `train_on_batch`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from ganzoo import data
from ganzoo.core.stepping import Diverged, Stepping
from ganzoo.data.checks import check_int
from ganzoo.devices import strategies


class Fitting(Stepping):
    """The part of a `GAN` that trains it on data."""

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        *,
        value_range: tuple[float, float] | None = None,
        shuffle: bool = True,
        steps_per_epoch: int | None = None,
        initial_epoch: int = 0,
        validation_data: Any = None,
        validation_split: float = 0.0,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
        checkpoint: str | os.PathLike | keras.callbacks.Callback | None = None,
        **unsupported: Any,
    ) -> keras.callbacks.History:
        """Trains on data with Algorithm 1 of Goodfellow et al. 2014. Each step makes `critic_steps`
        updates of D, each on a fresh batch, and then one update of each other player.

            gan.fit(images, epochs=20)
            gan.fit(images, labels, batch_size=128, epochs=20, checkpoint="checkpoints")

        Args:
            x: array, `(x, y)`, `{"image": …, "label": …}` or pandas DataFrame; or a tf.data.Dataset
                (batched or not), keras.utils.PyDataset, torch DataLoader or generator of these.
                Images are NHWC of any size, uint8 or floats in [0, 1] or [-1, 1]; vectors are
                (N, features), series (N, time, features). See `ganzoo.data.batches`.
            y: labels; needed by GANs on labelled data, ignored by others.
            batch_size: rows of each update over all replicas. By default that of a batched dataset,
                up to 500 for a table, and 64 for other data.
            value_range: (low, high) of other numbers, mapped to [-1, 1].
            validation_data: held-out data, in the form of `x` or `(x, y)`. The logs of each
                `validation_freq`-th epoch have the terms of the losses on them, with `val_` before
                their names.
            validation_split: the share of an array's rows, from its end, that is held out instead.
            validation_batch_size: the `batch_size` for held-out data.
            checkpoint: a folder, or an address such as `s3://bucket/faces`. Training continues from
                the newest checkpoint in it, so that the same line can be run again after a crash
                and ends after `epochs` in all. Each epoch is saved there, and the last three are
                kept; pass a `ganzoo.checkpoints.Checkpoints` to choose others. The batches are the
                same as without the break. Arrays and the folders of `ganzoo.data.load` are read
                from any step. Another dataset is read again from its beginning, and must give the
                same elements each time.
            The rest is as in keras.Model.fit.

        Returns:
            Keras's History; its entries are the named terms of the losses.

        Raises:
            ValueError: the data can't be trained on; one sentence says why and what would mend it.
            ganzoo.callbacks.Diverged: a term or a weight became NaN or infinite; it names the step.
                With keras.callbacks.TerminateOnNaN, training ends without an error instead.
            ganzoo.strategies.WorkerLost: of several workers one is gone.
            OSError: a checkpoint can't be written.
        """
        _refuse(unsupported)
        check_int("epochs", epochs, 0)
        check_int("initial_epoch", initial_epoch, 0)
        check_int("validation_freq", validation_freq, 1)
        callbacks = _flat(callbacks)
        strategy = self.distribute_strategy
        strategies.check(strategy)
        self._check_compiled(strategy)
        if validation_split:
            if validation_data is not None:
                raise ValueError("validation_data and validation_split were both given: pass one.")
            x, validation_data = data.split(x, y, fraction=validation_split)
            y = None
        if checkpoint is not None:
            from ganzoo.training import checkpoints

            checkpoint = checkpoints.at(checkpoint)
            checkpoint.restore(self)

        def stream() -> data.Batches:
            return self.batches(
                x,
                y,
                batch_size=batch_size,
                value_range=value_range,
                shuffle=shuffle,
                first_step=self.step,
                steps_per_epoch=steps_per_epoch,
                part=strategies.part(strategy),
            )

        found = stream()
        self._check_packs(found, strategy)
        if not self.built:
            self.build_for(found.fields)
        if self._restored_by(callbacks):
            found = stream()
        validate = None
        if validation_data is not None:
            held_out = validation_data if isinstance(validation_data, tuple) else (validation_data,)
            validate = functools.partial(
                self._terms_held_out,
                *held_out[:2],
                batch_size=validation_batch_size or batch_size,
                value_range=value_range,
            )
            validate()  # Data that can't be used are refused now, not after an epoch.
        if checkpoint is not None:
            if found.steps_per_epoch is None:
                raise ValueError(
                    "checkpoint= was given with a dataset of unknown length, whose position can't "
                    "be found again: pass steps_per_epoch=… too."
                )
            initial_epoch = max(initial_epoch, self.step // found.steps_per_epoch)
            end = checkpoints.StopAtStep(epochs * found.steps_per_epoch)
            callbacks = [*callbacks, end, checkpoint]
        strategies.check_together(strategy, self.step)
        self._newest = None
        watching = [callback for callback in callbacks if hasattr(callback, "watch")]
        for callback in watching:
            callback.watch(
                functools.partial(self._rows_seen, found, isinstance(x, Iterator)),
                None
                if validation_data is None
                else functools.partial(self._rows_held_out, *held_out[:2], value_range=value_range),
            )
        dataset = found.dataset
        if strategies.workers(strategy) > 1:
            endless = found.steps_per_epoch is not None and not isinstance(x, Iterator)
            dataset = strategies.own_rows(strategy, dataset, endless)
        self._begin(callbacks, shown=verbose not in (0, 2))
        try:
            with data.clear_errors(), strategies.lost_workers(strategy):
                return super().fit(
                    dataset,
                    epochs=epochs,
                    verbose=verbose,
                    callbacks=[_EpochLogs(validate, validation_freq), *callbacks],
                    steps_per_epoch=found.steps_per_epoch,
                    initial_epoch=initial_epoch,
                    shuffle=False,  # the stream is shuffled already
                )
        except Diverged as error:
            for callback in watching:
                callback.diverged()
            if checkpoint is None:
                raise
            last = checkpoint.newest
            kept = f"The last good checkpoint is {last}." if last else "There is no checkpoint yet."
            raise Diverged(f"{error} {kept}") from None

    def _rows_seen(self, found: data.Batches, once: bool) -> Mapping[str, tf.Tensor] | None:
        """Rows of the training data, those of the first replica; None if they can't be had without
        taking them from the training."""
        if self._newest is not None:
            local = self.distribute_strategy.experimental_local_results
            return {name: local(rows)[0] for name, rows in self._newest.items()}
        return None if once else next(iter(found.dataset))

    def batches(self, x: Any, y: Any = None, **options: Any) -> data.Batches:
        """Data as this GAN reads them: `ganzoo.data.batches`, with what the GAN knows filled in.
        It raises what `fit` would."""
        known = {
            "columns": self.columns,
            "fields": self.fields or None,
            "steps": self.critic_steps,
            "num_classes": getattr(self, "num_classes", None),
            "replicas": self.distribute_strategy.num_replicas_in_sync,
            "seed": self.seed,
        }
        return data.batches(x, y, **known | options)

    def _check_compiled(self, strategy: tf.distribute.Strategy) -> None:
        several = strategy.num_replicas_in_sync > 1
        if several and (self.steps_per_execution > 1 or self.jit_compile):
            raise ValueError(
                "steps_per_execution > 1 and jit_compile=True don't work under a strategy of "
                f"{strategy.num_replicas_in_sync} replicas: compile without them."
            )
        if self.steps_per_execution > 1 and self.regularise_every > 1:
            raise ValueError(
                f"steps_per_execution={self.steps_per_execution} can't be combined with "
                f"regularise_every={self.regularise_every}: compile without it."
            )

    def _check_packs(self, found: data.Batches, strategy: tf.distribute.Strategy) -> None:
        rows = found.dataset.element_spec[found.sample_name].shape[0] // self.critic_steps
        rows *= strategies.workers(strategy)
        if rows // strategy.num_replicas_in_sync % self.packing:
            raise ValueError(
                f"a batch of {rows} can't be packed by {self.packing} on "
                f"{strategy.num_replicas_in_sync} replicas: pass a batch_size that divides."
            )

    def _restored_by(self, callbacks: list) -> bool:
        """Lets keras.callbacks.BackupAndRestore restore before the data are read, so that they are
        read from the restored step on. Returns whether it did."""
        before = self.step
        for callback in callbacks:
            if isinstance(callback, keras.callbacks.BackupAndRestore):
                callback.set_model(self)
                callback.on_train_begin()
        return self.step != before

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        *,
        value_range: tuple[float, float] | None = None,
        return_dict: bool = False,
        **unsupported: Any,
    ) -> dict[str, float] | list[float]:
        """One step on the rows of `x` (and `y`), which are split among the critic's updates.

        Returns:
            The terms of the losses in the order of `log.names`, or by name with `return_dict`.

        Raises:
            ValueError, Diverged: as in `fit`.
        """
        _refuse(unsupported)
        rows = len(next(iter(x.values())) if isinstance(x, Mapping) else x)
        found = self.batches(
            x, y, batch_size=max(1, rows // self.critic_steps), value_range=value_range,
            shuffle=False,
        )  # fmt: skip
        self._check_packs(found, self.distribute_strategy)
        if not self.built:
            self.build_for(found.fields)
        self.make_train_function()
        self.reset_metrics()
        self._begin([], shown=True)
        batches = self.distribute_strategy.experimental_distribute_dataset(found.dataset.take(1))
        logs = self.train_function(iter(batches))
        return logs if return_dict else list(logs.values())


class _EpochLogs(keras.callbacks.Callback):
    """Fills in an epoch's logs, for all callbacks after it: the means of the terms, and the terms
    on held-out data in each `every`-th epoch."""

    reads_logs = False

    def __init__(self, validate: Callable[[], dict[str, float]] | None, every: int):
        super().__init__()
        self.validate, self.every = validate, every

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        gan = self.model
        checked = gan._check_step()
        if not gan._ends_quietly and (broken := gan.broken_weight):
            raise Diverged(
                f"training diverged by step {gan.step}, where the weight {broken} is not finite "
                "though all terms are: try lower learning rates or a penalty."
            )
        logs.update({key: float(value) for key, value in gan.log.result().items()})
        logs.update({key: value for key, value in checked.items() if key == "loss"})
        if self.validate is not None and (epoch + 1) % self.every == 0:
            logs.update(self.validate())


def _flat(callbacks: Any) -> list[keras.callbacks.Callback]:
    """The callbacks of a list, however nested, or of a keras.callbacks.CallbackList."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    found = keras.tree.flatten(callbacks or [])
    for callback in found:
        if not isinstance(callback, keras.callbacks.Callback):
            raise ValueError(
                f"callbacks hold {callback!r:.80}: they take keras.callbacks.Callback objects."
            )
    return found


_NOT_SUPPORTED = {
    "sample_weight": "a GAN learns the distribution of the rows: repeat or drop rows instead",
    "class_weight": "a GAN learns the distribution of the rows: repeat or drop rows instead",
    "validation_steps": "all held-out data are used: pass fewer rows in validation_data",
}


def _refuse(arguments: Mapping[str, Any]) -> None:
    """Raises ValueError for arguments of Keras's that mean nothing to a GAN, and for others."""
    for name, value in arguments.items():
        if name not in _NOT_SUPPORTED:
            raise ValueError(f"{name}={value!r:.80} is no argument of a GAN's training.")
        if value is not None:
            raise ValueError(f"{name} is not supported, since {_NOT_SUPPORTED[name]}.")
