"""How a GAN is trained and measured on data: `fit` and what else of Keras's Model stands for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo import data
from ganzoo.core.update import Update
from ganzoo.devices import strategies
from ganzoo.foundation.keras_compat import is_default
from ganzoo.foundation.randomness import Noise

if TYPE_CHECKING:
    from ganzoo.evaluation import Evaluation


class Diverged(RuntimeError):
    """A term of a loss is no longer finite, so that training is stopped."""


class Fitting:
    """The part of a `GAN` that trains it and measures it on data."""

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
        """Plays the game on data, Algorithm 1 of Goodfellow et al. 2014: per step `critic_steps`
        updates of D, each on a fresh batch, then one of G.

        Args:
            x: array, `(x, y)`, or tf.data.Dataset (batched or not) of `x`, `(x, y)` or
                `{"image": …, "label": …}`. Images are NHWC of any size, uint8 or floats in
                [0, 1] or [-1, 1]; vectors are (N, features). See `ganzoo.data.batches`.
            y: labels; needed by GANs on labelled data, ignored by others.
            batch_size: rows of each update over all replicas; 64, or a batched dataset's own.
            value_range: (low, high) of other numbers, mapped to [-1, 1].
            validation_data: held-out data as `x`, or `(x, y)`; the terms of the losses on them are
                in the logs of each `validation_freq`-th epoch, with `val_` before their names.
            validation_split: the share of the last rows of an array that is held out instead.
            validation_batch_size: as `batch_size`, for these.
            checkpoint: a folder. Training first goes on from the newest checkpoint in it, so that
                the same line, run again after a crash, goes on up to `epochs` in all. Each epoch
                is then saved there, and the last three are kept
                (`ganzoo.checkpoints.Checkpoints` to choose). The same batches follow as without
                the break: arrays and folders of `ganzoo.data.load` are read from any step,
                another dataset is replayed up to there and must give the same elements each time.
            The rest is as in keras.Model.fit.

        Returns:
            Keras's History; its entries are the named terms of the losses.

        Raises:
            ValueError: the data can't be trained on; one sentence says why and what would mend it.
            Diverged: a term became NaN or infinite; it names the step and the term. With
                keras.callbacks.TerminateOnNaN, training ends without an error instead.
            strategies.WorkerLost: of several workers one is gone.
        """
        _refuse(unsupported)
        for name, value, least in (
            ("epochs", epochs, 0),
            ("initial_epoch", initial_epoch, 0),
            ("validation_freq", validation_freq, 1),
        ):
            _check_int(name, value, least)
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
            options = {"batch_size": validation_batch_size or batch_size}
            options["value_range"] = value_range

            def validate() -> dict[str, float]:
                found = self._terms_on(*held_out[:2], **options)[0]
                return {f"val_{key}": float(np.mean(values)) for key, values in found.items()}

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
        dataset = found.dataset
        if strategies.workers(strategy) > 1:
            dataset = strategies.own_rows(strategy, dataset)
        self._begin(callbacks, shown=verbose not in (0, 2))
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

    # -- the steps -----------------------------------------------------------------------------

    def _begin(self, callbacks: list, shown: bool = False) -> None:
        """Prepares what the train function keeps between steps."""
        read = (c for c in callbacks if getattr(c, "reads_logs", True))
        self._logs_are_read = shown or any(
            not (is_default(c.on_train_batch_end) and is_default(c.on_batch_end)) for c in read
        )
        kinds = keras.callbacks.TerminateOnNaN
        self._ends_quietly = any(isinstance(callback, kinds) for callback in callbacks)
        self._steps_made, self._unchecked = self.step, None

    def make_train_function(self, force: bool = False) -> None:
        """Keras's own takes the logs of several workers for vectors (keras#20585), and fetches all
        logs after each step."""
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
        steps: dict[bool, Callable] = {}

        def traced(regularise: bool) -> Callable:
            def replica_step(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
                self.train_step(batch, regularise)
                return self.log.means()

            def step(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
                return strategy.reduce("MEAN", strategy.run(replica_step, (batch,)), axis=None)

            if not strategies.is_distributed(strategy):
                step = replica_step
            function = tf.function(step, autograph=False)
            return strategies.in_order(function) if ordered else function

        def train(iterator: Iterator) -> dict[str, float]:
            regularise = self._steps_made % self.regularise_every == 0
            if regularise not in steps:
                steps[regularise] = traced(regularise)
            self._check_step()
            means = steps[regularise](next(iterator))
            self._steps_made += 1
            self._unchecked = self._steps_made, means
            return self._check_step() if self._logs_are_read else {}

        self.train_function = train

    def _check_step(self) -> dict[str, float]:
        """The logs of the last step, after a look whether all are finite.

        Without a reader of the logs this is done when the next step is asked for: a GPU then
        computes while Python goes on.
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
        if self._ends_quietly:  # by Keras's TerminateOnNaN, which looks at this name alone
            return logs | {"loss": float("nan")}
        raise Diverged(
            f"training diverged at step {step or self._steps_made}, where {', '.join(bad)} became "
            f"{logs[bad[0]]}: try lower learning rates or a penalty."
        )

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Nothing: all is built by now, and Keras's fails with several workers (keras#20585)."""

    @property
    def metrics(self) -> list:
        return [self.log] if self.built else []

    @property
    def metrics_names(self) -> list[str]:
        return list(self.log.names) if self.built else []

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

    # -- measuring -----------------------------------------------------------------------------

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        *,
        value_range: tuple[float, float] | None = None,
        samples: int = 2500,
        extractor: Any = None,
        seed: int = 0,
    ) -> Evaluation:
        """How good the samples are, measured against data: name -> `ganzoo.evaluation.Measured`, a
        float that carries its interval, N, extractor and what real samples score at the same N.

        First the terms of both losses on all of the data, networks in inference mode: they tell
        whether D tells these data from what it was trained on. Then, as the data has it:

        - features: `frechet` (its ratio is that of Fréchet distances over random splits against a
          fixed, disjoint half), `kid`, `precision`, `recall`, `density`, `coverage`;
          `nearer_than_real` and `copies` tell of memorisation if this is the training data.
        - labelled images: `label_kl`, `confidence` and the Inception-style `score` by a judge, a
          small classifier trained on the data and cached; `agreement` with the class asked for
          where the GAN is told it, the `matching` of its category to labels where it has one.
        - images: `parzen`, in nats on pixels in [0, 1], with `parzen_centroids` beside it.
        - where the generator maps given samples (pix2pix), the samples are drawn with those of the
          data. They should be near to the targets, so that the numbers that tell of copies, and
          Parzen windows, make no sense and are left out. Paired images: `psnr` (dB) and `ssim`
          against the targets, `psnr_of_source` and `ssim_of_source` of the source itself.
        - the distributions of `ganzoo.data.load`: `modes`, `modes_lenient`, `high_quality`,
          `mode_kl`, `mode_std`; one feature: `wasserstein_1`, `histogram_jsd`; a category that D
          reads back: `category_bound` on its information, in nats.

        What can't be told from so few samples is left out; `.refused` says why.

        Args:
            x, y, batch_size, value_range: as in `fit`; the batches are the losses'.
            samples: how many to draw; half of the data's rows if these are fewer, so that real
                samples can be measured at the same N. 0 for the losses alone.
            extractor: of the features: "inception", a Keras model of samples in the data's
                units, or an object with `name`, `hash` and `features(x)`. By default the judge
                for labelled images, else (64 principal components of) the numbers themselves.
            seed: of the samples and the splits.

        Raises:
            ValueError: not built yet, or the data or the extractor don't fit.
        """
        from ganzoo import evaluation

        self._check_built("evaluate")
        _check_int("samples", samples, 0)
        _check_int("seed", seed, 0, 2**63 - 1)
        terms, rows = self._terms_on(x, y, batch_size=batch_size, value_range=value_range)
        critic = {
            "extractor": f"critic of {self.registry_name}",
            "hash": evaluation.KerasFeatures(self.discriminator).hash,
            "split": f"all {rows} rows",
        }
        losses = {
            key: evaluation.mean_of_batches(values, rows).with_reference(**critic)
            for key, values in terms.items()
        }
        if not samples:
            return evaluation.Evaluation(losses)
        found = evaluation.evaluate(
            self,
            x,
            y,
            value_range=value_range,
            samples=int(samples),
            extractor=extractor,
            seed=seed,
        )
        return evaluation.Evaluation(losses | found, found.refused)

    def _terms_on(self, x: Any, y: Any = None, **options: Any) -> tuple[dict[str, list], int]:
        """The terms of all losses on each batch of data, networks in inference mode; and how many
        rows they were."""
        stream = self.batches(x, y, shuffle=False, steps=1, replicas=1, **options)
        if self._evaluator is None:
            self._evaluator = tf.function(self._evaluate_terms, autograph=False)
        terms: dict[str, list[float]] = {}
        rows = 0
        with data.clear_errors():
            for step, batch in enumerate(stream.dataset.take(stream.steps_per_epoch or -1)):
                rows += len(batch[stream.sample_name])
                for key, value in self._evaluator(batch, tf.constant(step, tf.int64)).items():
                    terms.setdefault(key, []).append(float(value))
        return terms, rows

    def _evaluate_terms(
        self, batch: Mapping[str, tf.Tensor], number: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        # Negative steps are draws that no training step makes.
        with Noise(self.seed, -1 - number) as noise:
            update = Update(self, self.encoded(batch), noise, training=False)
            return self._all_of([getattr(self, f"{p}_loss")(update) for p in self.players])


class _EpochLogs(keras.callbacks.Callback):
    """Fills in an epoch's logs, for all callbacks after it: the means of the terms, and the terms
    on held-out data in each `every`-th epoch."""

    reads_logs = False

    def __init__(self, validate: Callable[[], dict[str, float]] | None, every: int):
        super().__init__()
        self.validate, self.every = validate, every

    def on_epoch_end(self, epoch, logs=None):
        gan = self.model
        checked = gan._check_step()
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


def _check_int(name: str, value: Any, least: int, most: int | None = None) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        bound = f"from {least} to {most}" if most is not None else f"of at least {least}"
        raise ValueError(f"{name}={value!r} must be an int {bound}.")


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
