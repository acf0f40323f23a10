"""The GAN base class: one subclassed keras.Model, and the only `train_step`.

A game is told by overriding ingredients (attributes) and hooks (methods); `train_step` is never
overridden. What a hook may ask about the update in hand is on the `Turn` it is given.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo import data, networks
from ganzoo.core.packing import packed_shape
from ganzoo.core.sampling import Latents, Sampling
from ganzoo.core.saving import Saving
from ganzoo.core.update import Turn
from ganzoo.devices import precision, strategies
from ganzoo.foundation.hyperparameters import Hyperparameter, declared
from ganzoo.foundation.randomness import Noise, seed_layers_from_noise, seeded_initializers
from ganzoo.foundation.registry import unknown
from ganzoo.foundation.schedules import Schedule
from ganzoo.losses import objectives, penalties

if TYPE_CHECKING:
    from ganzoo.evaluation import Evaluation

Terms = dict[str, tf.Tensor]


class GAN(Sampling, Saving, keras.Model):
    """A generative adversarial network that builds itself from the data it is first fitted to.

    Subclasses are registered with `ganzoo.foundation.registry.register` and made with `ganzoo.get`.

    Attributes:
        fields: what was learned of each column of the data, by name (`ganzoo.data.Field`); empty
            before the first `fit`.
        spec: the field of the samples that are generated, None before the first `fit`.
        generator, discriminator: Keras models; the discriminator gives a dict with "logits".
        generator_optimizer, discriminator_optimizer: Keras optimizers.
    """

    columns: Mapping[str, data.Column] = {"image": data.Column("sample")}
    """What the game reads of the data, by name."""
    conditional = False
    registry_name = "gan"
    judges_one: str | None = None
    """Why D can only judge one sample at a time, where it does: packing is refused with it."""
    architecture_of_images = "dcgan"
    """What architecture "auto" is for images from 8×8."""

    latent_dim = Hyperparameter(
        int, 64, "width of the latents z ~ N(0, 1)", at_least=1, at_most=65_536
    )
    architecture = Hyperparameter(
        str,
        "auto",
        "networks; auto: the paper's for images from 8×8, else mlp; or your own two Keras models",
        choices=("auto", *sorted(networks.NAMED)),
    )
    width = Hyperparameter(
        int, None, "channels or units of the networks; None: the architecture's own",
        at_least=1, at_most=16_384, optional=True,
    )  # fmt: skip
    generator_normalization = Hyperparameter(
        str,
        "auto",
        "in G; auto: as the architecture's paper has it",
        choices=("auto", "batch", "layer", "none"),
    )
    discriminator_normalization = Hyperparameter(
        str,
        "auto",
        "in D; auto: as the architecture's paper has it, none under a gradient penalty",
        choices=("auto", "batch", "layer", "none"),
    )
    objective = Hyperparameter(
        str, "non_saturating", "what the players minimise", choices=tuple(objectives.NAMED)
    )
    penalties = Hyperparameter(
        dict, {}, f"weights by name on D's loss, of {', '.join(penalties.NAMED)}"
    )
    critic_steps = Hyperparameter(
        int, 1, "updates of D, each on a fresh batch, per update of G", at_least=1, at_most=1000
    )
    packing = Hyperparameter(
        int, 1, "samples that D judges at once, side by side (PacGAN)", at_least=1, at_most=64
    )
    ema = Hyperparameter(
        float, 0.0, "decay of the average of G's weights that samples and exports are made from; "
        "0: none, the weights as they are", at_least=0, at_most=0.99999,
    )  # fmt: skip
    generator_learning_rate = Hyperparameter(
        float, 2e-4, "Adam's rate for G", above=0, scheduled=True
    )
    discriminator_learning_rate = Hyperparameter(
        float, 2e-4, "Adam's rate for D", above=0, scheduled=True
    )
    beta_1 = Hyperparameter(float, 0.5, "Adam's first decay", at_least=0, at_most=1)
    beta_2 = Hyperparameter(float, 0.999, "Adam's second decay", at_least=0, at_most=1)
    precision = Hyperparameter(
        str,
        "float32",
        "what the networks compute in while they train; auto: what this machine is fast at",
        choices=precision.NAMES,
    )
    seed = Hyperparameter(
        int, 0, "of first weights, batches and every draw", at_least=0, at_most=2**63 - 1
    )

    # -- the user's side -------------------------------------------------------------------

    def __init__(self, *, name: str | None = None, **hyperparameters):
        super().__init__(name=name or self.registry_name)
        self.fields = {}
        self._own_networks = ()
        known = self.hyperparameters()
        for key in hyperparameters:
            if key not in known:
                fixed = isinstance(getattr(GAN, key, None), Hyperparameter)
                raise ValueError(
                    f"{self.registry_name} has its own {key}, which is what makes it "
                    f"{self.registry_name}: choose another GAN, or leave {key} out."
                    if fixed
                    else unknown(f"hyper-parameter of {self.registry_name}", key, known)
                )
        for key, parameter in known.items():
            value = hyperparameters.get(key, parameter.default)
            if key == "architecture" and not isinstance(value, str):
                self._own_networks, value = self._check_own_networks(value), "own"
            else:
                value = parameter.validate(key, value)
            setattr(self, key, value)
        self.precision = precision.choose(self.precision)
        for penalty in self.penalties:
            penalties.get(penalty)
        if self.packing > 1 and self.judges_one:
            raise ValueError(
                f"packing={self.packing} is not defined for {self.registry_name}, where "
                f"{self.judges_one}: leave it out."
            )
        if self.penalties and self.discriminator_normalization == "batch":
            raise ValueError(
                f"penalties={dict(self.penalties)} need a critic that judges each sample alone, "
                "and batch normalisation mixes them: use discriminator_normalization='layer' or "
                "'none'."
            )

    @property
    def spec(self) -> data.Field | None:
        """The field of the samples that are generated."""
        return self.fields[data.main_sample(self.fields)] if self.fields else None

    @property
    def step(self) -> int:
        """How many generator updates were made."""
        return int(self.iterations.numpy()) if self.built else 0

    @classmethod
    def hyperparameters(cls) -> dict[str, Hyperparameter]:
        """Name -> declaration of all hyper-parameters of this GAN, with its own defaults."""
        return declared(cls)

    @staticmethod
    def _check_own_networks(models: Any) -> tuple[keras.Model, ...]:
        if not (
            isinstance(models, list | tuple)
            and len(models) >= 2
            and all(isinstance(model, keras.Model) and model.built for model in models)
        ):
            raise ValueError(
                f"architecture={models!r} won't do: it takes a name or a pair of built Keras "
                "models (generator: latents -> samples, discriminator: samples -> one logit or "
                "features)."
            )
        return tuple(models)

    def fit(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose="auto",
        callbacks=None,
        *,
        value_range: tuple[float, float] | None = None,
        shuffle: bool = True,
        steps_per_epoch: int | None = None,
        initial_epoch: int = 0,
        checkpoint: str | os.PathLike | keras.callbacks.Callback | None = None,
    ) -> keras.callbacks.History:
        """Plays the game on data, Algorithm 1 of Goodfellow et al. 2014: per step `critic_steps`
        updates of D, each on a fresh batch, then one of G.

        Args:
            x: array, `(x, y)`, or tf.data.Dataset (batched or not) of `x`, `(x, y)` or
                `{"image": …, "label": …}`. Images are NHWC of any size, uint8 or floats in
                [0, 1] or [-1, 1]; vectors are (N, features).
            y: integer labels; needed by conditional GANs, ignored by others.
            batch_size: rows of each update over all replicas; 64, or a batched dataset's own.
            value_range: (low, high) of other numbers, mapped to [-1, 1].
            checkpoint: a folder. What was saved there by a training that died is taken up first,
                so that the same line run again goes on, up to `epochs` in all; then each epoch is
                saved there, the last three are kept (`ganzoo.checkpoints.Checkpoints` to choose).
                The same batches follow as without the break: arrays and folders of
                `ganzoo.data.load` are read from any step, another dataset is replayed up to
                there, and must give the same elements each time.
            The rest is as in keras.Model.fit.

        Returns:
            Keras's History; its entries are the named terms of the losses.

        Raises:
            ValueError: the data can't be trained on; one sentence says why and what would mend it.
            strategies.WorkerLost: of several workers one is gone.
        """
        from ganzoo.training import checkpoints

        for name, value in (("epochs", epochs), ("initial_epoch", initial_epoch)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
                raise ValueError(f"{name}={value!r} won't do: it takes an int of at least 0.")
        for callback in keras.tree.flatten(callbacks or []):
            if not isinstance(callback, keras.callbacks.Callback):
                raise ValueError(
                    f"callbacks hold {callback!r:.80}: they take keras.callbacks.Callback objects."
                )
        strategy = self.distribute_strategy
        strategies.check(strategy)
        if strategy.num_replicas_in_sync > 1 and (self.steps_per_execution > 1 or self.jit_compile):
            raise ValueError(
                "steps_per_execution > 1 and jit_compile=True don't work under a strategy of "
                f"{strategy.num_replicas_in_sync} replicas: compile without them."
            )
        if checkpoint is not None:
            checkpoint = checkpoints.at(checkpoint)
            checkpoint.restore(self)
        stream = self.batches(
            x,
            y,
            batch_size=batch_size,
            value_range=value_range,
            shuffle=shuffle,
            first_step=self.step,
            steps_per_epoch=steps_per_epoch,
            part=strategies.part(strategy),
        )
        rows = stream.dataset.element_spec[stream.sample_name].shape[0] // self.critic_steps
        rows *= strategies.workers(strategy)
        if rows // strategy.num_replicas_in_sync % self.packing:
            raise ValueError(
                f"a batch of {rows} can't be packed by {self.packing} on "
                f"{strategy.num_replicas_in_sync} replicas: pass a batch_size that divides."
            )
        if checkpoint is not None:
            if stream.steps_per_epoch is None:
                raise ValueError(
                    "checkpoint= was given with a dataset of unknown length, whose position can't "
                    "be found again: pass steps_per_epoch=… too."
                )
            initial_epoch = max(initial_epoch, self.step // stream.steps_per_epoch)
            end = checkpoints.StopAtStep(epochs * stream.steps_per_epoch)
            callbacks = [*keras.tree.flatten(callbacks or []), end, checkpoint]
        if not self.built:
            self.build_for(stream.fields)
        dataset = stream.dataset
        strategies.check_together(strategy, self.step)
        if strategies.workers(strategy) > 1:
            dataset = strategies.own_rows(strategy, dataset)
        with data.clear_errors(), strategies.lost_workers(strategy):
            return super().fit(
                dataset,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                steps_per_epoch=stream.steps_per_epoch,
                initial_epoch=initial_epoch,
                shuffle=False,  # the stream is shuffled already
            )

    def batches(self, x, y=None, **options) -> data.Batches:
        """Data as this GAN reads them: `ganzoo.data.batches`, with what the GAN knows filled in.
        It raises what `fit` would."""
        known = {
            "steps": self.critic_steps,
            "columns": self.columns,
            "num_classes": getattr(self, "num_classes", None),
            "fields": self.fields,
            "replicas": self.distribute_strategy.num_replicas_in_sync,
            "seed": self.seed,
        }
        return data.batches(x, y, **known | options)

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        *,
        value_range: tuple[float, float] | None = None,
        samples: int = 2500,
        extractor=None,
        seed: int = 0,
    ) -> Evaluation:
        """How good the samples are, measured against data: name -> `ganzoo.evaluation.Measured`, a
        float that carries its interval, N, extractor and what real samples score at the same N.

        First the terms of both losses on all of the data, networks in inference mode: they tell
        whether the critic tells these from what it was trained on. Then, as the data has it:

        - features: `frechet` (its ratio is that of Fréchet distances over random splits against a
          fixed, disjoint half), `kid`, `precision`, `recall`, `density`, `coverage`;
          `nearer_than_real` and `copies` tell of memorisation if this is the training data.
        - labelled images: `label_kl`, `confidence` and the Inception-style `score` by a judge, a
          small classifier trained on the data and cached; `agreement` with the class asked for
          where the GAN is conditional, the `matching` of its category to labels where it has one.
        - images: `parzen`, in nats on pixels in [0, 1], with `parzen_centroids` beside it.
        - the distributions of `ganzoo.data.load`: `modes`, `modes_lenient`, `high_quality`,
          `mode_kl`, `mode_std`; one feature: `wasserstein_1`, `histogram_jsd`; a category that the
          critic reads back: `category_bound` on its information, in nats.

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
        if isinstance(samples, bool) or not isinstance(samples, int | np.integer) or samples < 0:
            raise ValueError(f"samples={samples!r} won't do: it takes an int of at least 0.")
        if (
            isinstance(seed, bool)
            or not isinstance(seed, int | np.integer)
            or not 0 <= seed < 2**63
        ):
            raise ValueError(f"seed={seed!r} won't do: it takes an int from 0 to 2**63 - 1.")
        stream = self.batches(
            x,
            y,
            batch_size=batch_size,
            value_range=value_range,
            shuffle=False,
            steps=1,
            replicas=1,
        )
        if self._evaluator is None:
            self._evaluator = tf.function(self._evaluate_terms, autograph=False)
        terms: dict[str, list[float]] = {}
        rows = 0
        with data.clear_errors():
            for step, batch in enumerate(stream.dataset.take(stream.steps_per_epoch or -1)):
                rows += len(batch[stream.sample_name])
                for key, value in self._evaluator(batch, tf.constant(step, tf.int64)).items():
                    terms.setdefault(key, []).append(float(value))
        critic = {
            "extractor": f"critic of {self.registry_name}",
            "hash": evaluation.KerasFeatures(self.discriminator).hash,
            "split": f"all {rows} rows",
        }
        losses = {
            key: evaluation.mean_of_batches(values, rows).beside(**critic)
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

    def _check_built(self, verb: str) -> None:
        if not self.built:
            raise ValueError(
                f"{self.registry_name} has not seen data yet and can't {verb}: fit it first."
            )

    # -- ingredients and hooks: what a game overrides ----------------------------------------

    def make_heads(self) -> dict[str, list[keras.layers.Layer]]:
        """The layers on top of the critic's features, by name of output; new ones at each call."""
        return {"logits": [keras.layers.Dense(1, name="logits")]}

    @property
    def condition_width(self) -> int:
        """Width of the vector that the critic sees beside the samples; 0 where there is none."""
        return 0

    def make_networks(self) -> None:
        """Sets `self.generator` and `self.discriminator`, built for `self.spec`."""
        self.generator = self.make_generator()
        self.discriminator = self.make_discriminator()

    def make_generator(self) -> keras.Model:
        """The generator for `self.spec`: [batch, width of `generator_input`] -> samples."""
        width = int(self.generator_input(self.latents(Noise(0), 1)).shape[-1])
        if self._own_networks:
            model = self._own_networks[0]
            if model.input_shape[1:] != (width,) or model.output_shape[1:] != self.spec.shape:
                raise ValueError(
                    f"your generator maps {model.input_shape[1:]} to {model.output_shape[1:]}, and "
                    f"{self.registry_name} on this data needs {(width,)} to {self.spec.shape}."
                )
            return model
        chosen = networks.choose(self.architecture, self.spec.shape, self.architecture_of_images)
        kind = self._normalization(self.generator_normalization, chosen)
        return chosen.generator(width, self.spec.shape, width=self.width, normalization=kind)

    @property
    def judged_shape(self) -> tuple[int, ...]:
        """The shape of what the critic judges at once."""
        return packed_shape(self.spec.shape, self.packing)

    def make_features(self, shape: tuple[int, ...], condition: int = 0) -> keras.Model:
        """A critic's body: samples of `shape` (and a condition) -> [batch, n]."""
        if self._own_networks:
            model = self._own_networks[1]
            inputs = [shape] + [(condition,)] * bool(condition)
            if [tuple(x.shape[1:]) for x in model.inputs] != inputs:
                raise ValueError(
                    f"your discriminator takes {[tuple(x.shape[1:]) for x in model.inputs]}, and "
                    f"{self.registry_name} on this data needs {inputs}."
                )
            return model
        chosen = networks.choose(self.architecture, shape, self.architecture_of_images)
        kind = self.discriminator_normalization
        kind = "none" if kind == "auto" and self.penalties else self._normalization(kind, chosen)
        return chosen.features(shape, condition=condition, width=self.width, normalization=kind)

    @staticmethod
    def _normalization(kind: str, architecture) -> str:
        return architecture.NORMALIZATION if kind == "auto" else kind

    def make_discriminator(self) -> keras.Model:
        """The critic for `self.spec`: its features with heads on top."""
        features = self.make_features(self.judged_shape, self.condition_width)
        heads = self.make_heads()
        if self._own_networks and features.output_shape[1:] == (1,):
            if len(heads) > 1:
                raise ValueError(
                    f"{self.registry_name} puts {', '.join(heads)} on top of your "
                    "discriminator: let it end in features [batch, n], not in one logit."
                )
            heads = {"logits": []}
        return networks.with_heads(features, heads)

    def latents(self, noise: Noise, count, labels=None) -> Latents:
        """Draws what the generator makes `count` samples from, by name."""
        return {"latent": noise.normal([count, self.latent_dim])}

    def generator_input(self, latents: Latents) -> tf.Tensor:
        """The latents as the one vector that the generator takes, [batch, n]."""
        return latents["latent"]

    def generate(self, latents: Latents, training: bool = False) -> tf.Tensor:
        """Samples in network units, [batch, *shape]; of the averaged weights where there are any,
        but while training."""
        inputs = self.generator_input(latents)
        if training:
            return self.generator(inputs, training=True)
        return self.averaged(self.generator, inputs)

    def averaged(self, model: keras.Model, inputs: Any) -> tf.Tensor:
        """What one of the generator's networks gives in inference mode, in float32: with the
        averages of its weights where `ema` keeps them, with its weights as they are otherwise."""
        with precision.in_float32(model):
            if not self.ema:
                return model(inputs, training=False)
            optimizer = precision.inner(self.generator_optimizer)
            averages = [
                optimizer._model_variables_moving_average[optimizer._get_variable_index(v)]
                for v in model.trainable_variables
            ]
            return model.stateless_call(
                averages, model.non_trainable_variables, inputs, training=False
            )[0]

    def real(self, turn: Turn) -> Any:
        """What the critic is shown of the data."""
        return turn.image

    def fake(self, turn: Turn) -> Any:
        """What the critic is shown of the generator."""
        return self.generate(turn.latents, training=turn.training)

    def judge(self, samples: Any, turn: Turn) -> dict[str, tf.Tensor]:
        """The critic's outputs on real or fake samples, "logits" among them."""
        return self.discriminator(samples, training=turn.training)

    def discriminator_loss(self, turn: Turn) -> Terms:
        """Named terms; D minimises their sum. Extend with `super().… | {name: term}`."""
        objective = objectives.get(self.objective)
        real, fake = turn.real_verdict["logits"], turn.fake_verdict["logits"]
        terms = {"discriminator": objective.discriminator(real, fake)}
        for name, weight in self.penalties.items():
            penalty = penalties.get(name)
            if isinstance(weight, Schedule):
                weight = weight(tf.convert_to_tensor(self.iterations))
            terms[name] = weight * penalty(turn.critic, turn.real, turn.fake, turn.noise)
        return terms

    def generator_loss(self, turn: Turn) -> Terms:
        """Named terms; G minimises their sum. Extend with `super().… | {name: term}`."""
        objective = objectives.get(self.objective)
        real = turn.real_verdict["logits"] if objective.relativistic else None
        return {"generator": objective.generator(real, turn.fake_verdict["logits"])}

    @property
    def generator_variables(self) -> list:
        """What the generator's loss moves."""
        return self.generator.trainable_variables

    @property
    def discriminator_variables(self) -> list:
        """What the discriminator's loss moves."""
        return self.discriminator.trainable_variables

    def optimizer_for(self, learning_rate: float) -> keras.optimizers.Optimizer:
        """A new optimizer for one player, where `compile` was given none."""
        return keras.optimizers.Adam(learning_rate, self.beta_1, self.beta_2)

    def after_step(self, turn: Turn, terms: Terms) -> Terms:
        """Called once after G's update with its turn and all terms; moves the game's own state.
        Returns what else is worth logging, by name."""
        return {}

    @staticmethod
    def mean_over_replicas(value: tf.Tensor) -> tf.Tensor:
        """The mean of a replica's scalar over all replicas, for state that they share."""
        replica = tf.distribute.get_replica_context()
        return replica.all_reduce(tf.distribute.ReduceOp.MEAN, value)

    # -- the machine ---------------------------------------------------------------------------

    def compile(
        self,
        generator_optimizer=None,
        discriminator_optimizer=None,
        *,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile="auto",
    ) -> None:
        """Sets both optimizers; without them the paper's, by the hyper-parameters."""
        super().compile(
            optimizer=None,  # or Keras makes, saves and restores an optimizer nobody uses
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
        )
        self._optimizers_config = {
            "generator_optimizer": keras.optimizers.serialize(
                keras.optimizers.get(generator_optimizer)
                or self.optimizer_for(self.generator_learning_rate)
            ),
            "discriminator_optimizer": keras.optimizers.serialize(
                keras.optimizers.get(discriminator_optimizer)
                or self.optimizer_for(self.discriminator_learning_rate)
            ),
        }
        if self.ema:
            average = {"use_ema": True, "ema_momentum": self.ema}
            self._optimizers_config["generator_optimizer"]["config"] |= average
        if self.built:
            self._make_optimizers()

    def _make_optimizers(self) -> None:
        """In the strategy's scope and with slots: Keras would make them outside of it, or late,
        and then either counts steps twice or restores nothing."""
        with self.distribute_strategy.scope():
            for name, config in self._optimizers_config.items():
                inner = keras.optimizers.deserialize(config)
                setattr(self, name, precision.optimizer(inner, self.precision))
            self.generator_optimizer.build(self.generator_variables)
            self.discriminator_optimizer.build(self.discriminator_variables)
            if self.ema:  # Keras starts averages at zero
                averages = precision.inner(self.generator_optimizer)._model_variables_moving_average
                for average, weight in zip(averages, self.generator_variables, strict=True):
                    average.assign(weight)

    def build_for(self, fields: Mapping[str, data.Field]) -> None:
        """Makes networks, optimizers and state for data of `fields`, in the strategy's scope."""
        self.fields = dict(fields)
        try:
            with self.distribute_strategy.scope(), seeded_initializers(self.seed):
                self.iterations = self.add_weight(
                    shape=(), dtype="int64", initializer="zeros", trainable=False,
                    name="iterations",
                    aggregation="only_first_replica",
                )  # fmt: skip
                self.make_networks()
                self.make_state()
        except ValueError:
            self.fields = {}
            raise
        for model in self.layers:
            seed_layers_from_noise(model)
            precision.lower(model, self.precision)
        with self.distribute_strategy.scope():
            self._trackers = {name: keras.metrics.Mean(name) for name in self._log_names()}
        self._sampler = self._evaluator = None
        self.built = True
        if self.compiled:
            self._make_optimizers()

    def make_state(self) -> None:
        """Makes what else the game remembers from step to step, with `add_weight`."""

    def _log_names(self) -> list[str]:
        """Names of all terms, found by tracing one step that is never run: Keras averages over
        an epoch only what has a metric of its name before the first step."""
        names: list[str] = []

        @tf.autograph.experimental.do_not_convert
        def play(batch):
            names.clear()
            names.extend(self._play(batch, lambda player, turn, loss: loss(turn)))

        rows = 2 * self.packing * self.critic_steps
        batch = {name: field.batch_spec(rows) for name, field in self.fields.items()}
        strategy = self.distribute_strategy
        trace = tf.function(lambda b: strategy.run(play, (b,)), autograph=False)
        trace.get_concrete_function(batch)
        return names

    def _play(self, data, update) -> Terms:
        """One step of Algorithm 1; `update(player, turn, loss)` moves a player, returns terms."""
        replica = tf.distribute.get_replica_context()
        first = tf.convert_to_tensor(self.iterations) * (self.critic_steps + 1)
        terms: Terms = {}

        def turn(number):
            # every critic_steps-th row: the same rows on any number of replicas
            rows = {k: v[number % self.critic_steps :: self.critic_steps] for k, v in data.items()}
            noise = Noise(
                self.seed,
                first + number,
                replica.replica_id_in_sync_group,
                replica.num_replicas_in_sync,
            )
            return Turn(self, rows, noise)

        for number in range(self.critic_steps):
            terms = update("discriminator", turn(number), self.discriminator_loss)
        last = turn(self.critic_steps)
        generator_terms = update("generator", last, self.generator_loss)
        with last.noise:
            further = self.after_step(last, terms | generator_terms)
        logs: Terms = {}
        for group in (terms, generator_terms, further):
            if twice := logs.keys() & group.keys():
                raise ValueError(f"{self.registry_name} logs {sorted(twice)} twice: rename one.")
            logs |= group
        return logs

    def train_step(self, data) -> Terms:
        logs = self._play(data, self._update)
        for name, value in logs.items():
            self._trackers[name].update_state(value)
        self.iterations.assign_add(1)
        return {name: tracker.result() for name, tracker in self._trackers.items()}

    def make_train_function(self, force: bool = False) -> None:
        """Keras's own fails where there are several workers, whose logs it takes for vectors
        (keras#20585), and on one CPU does not always sum in the same order."""
        strategy = self.distribute_strategy
        plain = not (self.run_eagerly or self.jit_compile or self.steps_per_execution > 1)
        ordered = plain and strategies.on_one_cpu(strategy, self.variables)
        if strategies.workers(strategy) == 1 and not ordered:
            super().make_train_function(force)
        elif self.train_function is None or force:

            def step(batch):
                logs = strategy.run(self.train_step, (batch,))
                return {k: strategy.reduce("MEAN", v, axis=None) for k, v in logs.items()}

            step = step if self.run_eagerly else tf.function(step, autograph=False)
            step = strategies.in_order(step) if ordered else step
            self.train_function = lambda iterator: step(next(iterator))

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Nothing: all is built by now, and Keras's fails with several workers (keras#20585)."""

    def _update(self, player: str, turn: Turn, loss) -> Terms:
        variables = getattr(self, f"{player}_variables")
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        with tf.GradientTape(watch_accessed_variables=False) as tape, turn.noise:
            tape.watch([v.value for v in variables])
            terms = loss(turn)
            total = tf.add_n(list(terms.values())) / replicas  # Keras sums over replicas
        optimizer = getattr(self, f"{player}_optimizer")
        sources = [v.value for v in variables]
        optimizer.apply(precision.scaled_gradients(tape, total, sources, optimizer), variables)
        return terms

    def _evaluate_terms(self, batch, number) -> Terms:
        # negative steps are draws that no training step makes
        with Noise(self.seed, -1 - number) as noise:
            turn = Turn(self, batch, noise, training=False)
            return self.discriminator_loss(turn) | self.generator_loss(turn)

    def call(self, latents: Latents, training: bool = False) -> tf.Tensor:
        return self.generate(latents, training=training)

    @property
    def metrics(self) -> list:
        return list(self._trackers.values()) if self.built else []
