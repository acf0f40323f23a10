"""The GAN base class: one subclassed keras.Model, and the only `train_step`.

A game is told by overriding ingredients (attributes) and hooks (methods); `train_step` is never
overridden. What a hook may ask about the update in hand is on the `Turn` it is given.
"""

from __future__ import annotations

import os
import pathlib
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo import data, exporters, networks, objectives, penalties
from ganzoo.hyperparameters import Hyperparameter, declared
from ganzoo.randomness import Noise, seed_layers_from_noise, seeded_initializers
from ganzoo.registry import unknown

Terms = dict[str, tf.Tensor]
Latents = dict[str, tf.Tensor]


class once:
    """A property computed when first asked for, then kept. `functools.cached_property` has a lock
    in Python 3.11 that replicas, which wait for each other while tracing, deadlock on."""

    def __init__(self, compute: Callable[[Any], Any]):
        self.compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        return value


class Turn:
    """One update of one player: what it is shown, and what the critic says of it.

    Everything is computed when first asked for and then kept, so a game pays for what it reads:
    a generator's loss that ignores the real data never runs the critic on them.

    Attributes:
        image: the real samples, float32 in network units.
        labels: int32 [batch] where the game is conditional, else None.
        noise: the draws of this update.
        training: False when `evaluate` plays it.
        latents: name -> tensor; what G makes the fakes from.
        real, fake: what the critic judges: a tensor, or a nest of them.
        real_verdict, fake_verdict: the critic's outputs by name, "logits" among them.
    """

    def __init__(self, gan: GAN, batch: Mapping[str, tf.Tensor], noise: Noise, training=True):
        self._gan, self.noise, self.training = gan, noise, training
        self.image = gan.spec.encode(batch["image"])
        self.labels = batch.get("label")

    @once
    def latents(self) -> Latents:
        return self._gan.latents(self.noise, tf.shape(self.image)[0], self.labels)

    @once
    def real(self) -> Any:
        return self._gan.real(self)

    @once
    def fake(self) -> Any:
        return self._gan.fake(self)

    @once
    def real_verdict(self) -> dict[str, tf.Tensor]:
        return self._gan.judge(self.real, self)

    @once
    def fake_verdict(self) -> dict[str, tf.Tensor]:
        return self._gan.judge(self.fake, self)

    def critic(self, samples: Any) -> tf.Tensor:
        """Logits of `samples`, with labels and all else held as in this turn."""
        return self._gan.judge(samples, self)["logits"]


class GAN(keras.Model):
    """A generative adversarial network that builds itself from the data it is first fitted to.

    Subclasses are registered with `ganzoo.registry.register` and made with `ganzoo.get`.

    Attributes:
        spec: what was learned of the data (`ganzoo.data.Spec`), None before the first `fit`.
        step: int64 variable, how many generator updates were made.
        generator, discriminator: Keras models; the discriminator gives a dict with "logits".
        generator_optimizer, discriminator_optimizer: Keras optimizers.
    """

    conditional = False
    registry_name = "gan"

    latent_dim = Hyperparameter(int, 64, "width of the latents z ~ N(0, 1)", at_least=1)
    architecture = Hyperparameter(
        str,
        "auto",
        "networks; auto: dcgan for images from 8×8, else mlp; or your own pair of Keras models",
        choices=("auto", *sorted(networks.NAMED)),
    )
    width = Hyperparameter(
        int, None, "channels or units of the networks; None: the architecture's own",
        at_least=1, optional=True,
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
        int, 1, "updates of D, each on a fresh batch, per update of G", at_least=1
    )
    generator_learning_rate = Hyperparameter(float, 2e-4, "Adam's rate for G", above=0)
    discriminator_learning_rate = Hyperparameter(float, 2e-4, "Adam's rate for D", above=0)
    beta_1 = Hyperparameter(float, 0.5, "Adam's first decay", at_least=0, at_most=1)
    beta_2 = Hyperparameter(float, 0.999, "Adam's second decay", at_least=0, at_most=1)
    seed = Hyperparameter(int, 0, "of first weights, batches and every draw", at_least=0)

    # -- the user's side -------------------------------------------------------------------

    def __init__(self, *, name: str | None = None, **hyperparameters):
        super().__init__(name=name or self.registry_name)
        self.spec = None
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
        for penalty in self.penalties:
            penalties.get(penalty)
        if self.penalties and self.discriminator_normalization == "batch":
            raise ValueError(
                f"penalties={dict(self.penalties)} need a critic that judges each sample alone, "
                "and batch normalisation mixes them: use discriminator_normalization='layer' or "
                "'none'."
            )

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
            The rest is as in keras.Model.fit.

        Returns:
            Keras's History; its entries are the named terms of the losses.

        Raises:
            ValueError: the data can't be trained on; one sentence says why and what would mend it.
        """
        strategy = self.distribute_strategy
        if strategy.num_replicas_in_sync > 1 and (self.steps_per_execution > 1 or self.jit_compile):
            raise ValueError(
                "steps_per_execution > 1 and jit_compile=True don't work under a strategy of "
                f"{strategy.num_replicas_in_sync} replicas: compile without them."
            )
        stream = data.batches(
            x,
            y,
            batch_size=batch_size,
            steps=self.critic_steps,
            labels=self.conditional,
            num_classes=getattr(self, "num_classes", None),
            value_range=value_range,
            spec=self.spec,
            replicas=strategy.num_replicas_in_sync,
            shuffle=shuffle,
            seed=self.seed,
            first_step=int(self.step) if self.built else 0,
            steps_per_epoch=steps_per_epoch,
        )
        if not self.built:
            self.build_for(stream.spec)
        with data.clear_errors():
            return super().fit(
                stream.dataset,
                epochs=epochs,
                verbose=verbose,
                callbacks=callbacks,
                steps_per_epoch=stream.steps_per_epoch,
                initial_epoch=initial_epoch,
                shuffle=False,  # the stream is shuffled already
            )

    def sample(
        self, count: int, seed: int = 0, labels=None, *, batch_size: int = 256, **latents
    ) -> np.ndarray:
        """`count` samples in the units and dtype of the training data, [count, *shape].

        The same seed gives the same samples. The generator runs as it is deployed, with moving
        batch statistics: early in training samples can look worse than the training batches did.

        Args:
            labels: one class or `count` of them, where the GAN is conditional; else drawn.
            latents: any of `latent_spec` by name, to set it instead of drawing it: one row for
                all samples or a row each.

        Raises:
            ValueError: not built yet, labels out of range, or latents that this GAN doesn't have.
        """
        self._check_built("sample")
        if not isinstance(count, int | np.integer) or count < 1:
            raise ValueError(f"count={count!r} won't do: it takes an int of at least 1.")
        drawn = {k: v.numpy() for k, v in self.draw_latents(int(count), seed).items()}
        if labels is not None:
            latents["label"] = labels
        for key, value in latents.items():
            if key not in drawn:
                if key == "label":
                    raise ValueError(
                        f"{self.registry_name} was trained without labels: leave labels= out, or "
                        "train a conditional GAN such as cgan."
                    )
                raise ValueError(unknown(f"latent of {self.registry_name}", key, drawn))
            drawn[key] = self._fixed_latent(key, value, drawn[key])
        if self._sampler is None:
            sampler = tf.function(lambda latents: self.generate(latents))
            self._sampler = sampler.get_concrete_function(self.latent_spec)
        chunks = [
            self._sampler({k: v[i : i + batch_size] for k, v in drawn.items()}).numpy()
            for i in range(0, count, batch_size)
        ]
        return self.spec.decode(np.concatenate(chunks))

    def _fixed_latent(self, key: str, value: Any, drawn: np.ndarray) -> np.ndarray:
        value = np.asarray(value)
        if np.issubdtype(drawn.dtype, np.integer):
            classes = self.latent_classes(key)
            if not np.issubdtype(value.dtype, np.integer):
                raise ValueError(f"{key}s are integers from 0 to {classes - 1}, not {value.dtype}.")
            if value.size and (value.min() < 0 or value.max() >= classes):
                seen = value.max() if value.max() >= classes else value.min()
                raise ValueError(f"{key} {seen} is out of range: there are 0 to {classes - 1}.")
        try:
            return np.broadcast_to(value.astype(drawn.dtype), drawn.shape)
        except ValueError:
            raise ValueError(
                f"{key} has shape {value.shape}: it takes one row for all samples or "
                f"{drawn.shape}, a row each."
            ) from None

    def encode(self, x, *, batch_size: int = 256) -> np.ndarray:
        """Infers the latents of samples in the units of the training data, [N, latent_dim].

        Raises:
            ValueError: this GAN infers no latents, or the samples don't fit it.
        """
        if self.encode_images is None:
            raise ValueError(
                f"{self.registry_name} doesn't infer latents: train one that does, such as bigan."
            )
        self._check_built("encode")
        x = np.asarray(x)
        if x.shape[1:] != self.spec.shape or str(x.dtype) != self.spec.dtype:
            raise ValueError(
                f"samples are {x.dtype} {x.shape}, and {self.registry_name} learned "
                f"{self.spec.dtype} of shape (N, {', '.join(map(str, self.spec.shape))})."
            )
        chunks = [
            self.encode_images(self.spec.encode(x[i : i + batch_size])).numpy()
            for i in range(0, len(x), batch_size)
        ]
        return np.concatenate(chunks)

    def evaluate(self, x=None, y=None, batch_size: int | None = None, *, value_range=None) -> dict:
        """The terms of both losses on data, networks in inference mode: name -> float.

        They tell whether the critic tells held-out data from training data; they don't tell how
        good the samples are.
        """
        self._check_built("evaluate")
        stream = data.batches(
            x,
            y,
            batch_size=batch_size,
            labels=self.conditional,
            num_classes=getattr(self, "num_classes", None),
            value_range=value_range,
            spec=self.spec,
            shuffle=False,
        )
        if self._evaluator is None:
            self._evaluator = tf.function(self._evaluate_terms)
        sums: dict[str, float] = {}
        steps = 0
        with data.clear_errors():
            for batch in stream.dataset.take(stream.steps_per_epoch or -1):
                terms = self._evaluator(batch, tf.constant(steps, tf.int64))
                for key, value in terms.items():
                    sums[key] = sums.get(key, 0.0) + float(value)
                steps += 1
        return {key: value / steps for key, value in sums.items()}

    def save(self, filepath, overwrite: bool = True, **kwargs) -> None:
        """Writes a `.keras` file with networks, both optimizers, step and seed; whole or not at
        all, so that a full disk or an interruption leaves the file that was there.

        Raises:
            ValueError: nothing was built yet, or the name doesn't end in `.keras`.
            FileExistsError: the file exists and `overwrite` is False.
            OSError: it can't be written.
        """
        self._check_built("save")
        path = pathlib.Path(filepath)
        if path.suffix != ".keras":
            raise ValueError(f"{str(filepath)!r} is no name for a saved model: end it in .keras.")
        if path.exists() and not overwrite:
            raise FileExistsError(f"{path} exists: pass overwrite=True or another name.")
        draft = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}.keras")
        try:
            super().save(draft, **kwargs)
            os.replace(draft, path)
        except OSError as error:
            raise OSError(f"{path} was not written: {error.strerror or error}.") from error
        finally:
            draft.unlink(missing_ok=True)

    def export(self, filepath, format: str = "tf_saved_model", **options) -> pathlib.Path:
        """Ships the generator: `filepath/VERSION/` in `format`, certified against this model.

        See `ganzoo.exporters.export` for layout, names, options and errors.
        """
        self._check_built("export")
        return exporters.export(self, filepath, format=format, **options)

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
        chosen = networks.choose(self.architecture, self.spec.shape)
        kind = self._normalization(self.generator_normalization, chosen)
        return chosen.generator(width, self.spec.shape, width=self.width, normalization=kind)

    def make_features(self, condition: int = 0) -> keras.Model:
        """The critic's body for `self.spec`: samples (and a condition) -> [batch, n]."""
        if self._own_networks:
            model = self._own_networks[1]
            inputs = [self.spec.shape] + [(condition,)] * bool(condition)
            if [tuple(x.shape[1:]) for x in model.inputs] != inputs:
                raise ValueError(
                    f"your discriminator takes {[tuple(x.shape[1:]) for x in model.inputs]}, and "
                    f"{self.registry_name} on this data needs {inputs}."
                )
            return model
        chosen = networks.choose(self.architecture, self.spec.shape)
        kind = self.discriminator_normalization
        kind = "none" if kind == "auto" and self.penalties else self._normalization(kind, chosen)
        return chosen.features(
            self.spec.shape, condition=condition, width=self.width, normalization=kind
        )

    @staticmethod
    def _normalization(kind: str, architecture) -> str:
        return architecture.NORMALIZATION if kind == "auto" else kind

    def make_discriminator(self) -> keras.Model:
        """The critic for `self.spec`: its features with heads on top."""
        features, heads = self.make_features(self.condition_width), self.make_heads()
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

    def latent_classes(self, name: str) -> int:
        """How many values the integer latent `name` takes."""
        raise KeyError(name)

    @property
    def latent_ranges(self) -> dict[str, str]:
        """How each latent is distributed, in words, for whoever is handed an export."""
        return {"latent": "standard normal"}

    def generator_input(self, latents: Latents) -> tf.Tensor:
        """The latents as the one vector that the generator takes, [batch, n]."""
        return latents["latent"]

    def generate(self, latents: Latents, training: bool = False) -> tf.Tensor:
        """Samples in network units, [batch, *shape]."""
        return self.generator(self.generator_input(latents), training=training)

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

    encode_images: Callable[[tf.Tensor], tf.Tensor] | None = None
    """Samples in network units -> latents [batch, latent_dim], where the game infers them."""

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
        if self.built:
            self._make_optimizers()

    def _make_optimizers(self) -> None:
        """In the strategy's scope and with slots: Keras would make them outside of it, or late,
        and then either counts steps twice or restores nothing."""
        with self.distribute_strategy.scope():
            for name, config in self._optimizers_config.items():
                setattr(self, name, keras.optimizers.deserialize(config))
            self.generator_optimizer.build(self.generator_variables)
            self.discriminator_optimizer.build(self.discriminator_variables)

    def build_for(self, spec: data.Spec) -> None:
        """Makes networks, optimizers and state for data of `spec`, in the strategy's scope."""
        self.spec = spec
        try:
            with self.distribute_strategy.scope(), seeded_initializers(self.seed):
                self.step = self.add_weight(
                    shape=(), dtype="int64", initializer="zeros", trainable=False, name="step",
                    aggregation="only_first_replica",
                )  # fmt: skip
                self.make_networks()
                self.make_state()
        except ValueError:
            self.spec = None
            raise
        for model in self.layers:
            seed_layers_from_noise(model)
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

        batch = {"image": tf.TensorSpec([2, *self.spec.shape], self.spec.dtype)}
        if self.conditional:
            batch["label"] = tf.TensorSpec([2], tf.int32)
        strategy = self.distribute_strategy
        trace = tf.function(lambda b: strategy.run(play, (b,)), autograph=False)
        trace.get_concrete_function(batch)
        return names

    def _play(self, data, update) -> Terms:
        """One step of Algorithm 1; `update(player, turn, loss)` moves a player, returns terms."""
        replica = tf.distribute.get_replica_context()
        first = tf.convert_to_tensor(self.step) * (self.critic_steps + 1)
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
        self.step.assign_add(1)
        return {name: tracker.result() for name, tracker in self._trackers.items()}

    def _update(self, player: str, turn: Turn, loss) -> Terms:
        variables = getattr(self, f"{player}_variables")
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        with tf.GradientTape(watch_accessed_variables=False) as tape, turn.noise:
            tape.watch([v.value for v in variables])
            terms = loss(turn)
            total = tf.add_n(list(terms.values())) / replicas  # Keras sums over replicas
        gradients = tape.gradient(total, [v.value for v in variables])
        getattr(self, f"{player}_optimizer").apply(gradients, variables)
        return terms

    def _evaluate_terms(self, batch, number) -> Terms:
        # negative steps are draws that no training step makes
        with Noise(self.seed, -1 - number) as noise:
            turn = Turn(self, batch, noise, training=False)
            return self.discriminator_loss(turn) | self.generator_loss(turn)

    def call(self, latents: Latents, training: bool = False) -> tf.Tensor:
        return self.generate(latents, training=training)

    def serve(self, latents: Latents) -> tf.Tensor:
        """What is deployed: images in [-1, 1] as the network gives them, vectors in the data's
        units; float32 [batch, *shape]."""
        samples = self.generate(latents)
        return samples if self.spec.is_image else self.spec.decode_tensor(samples)

    def draw_latents(self, count, seed) -> Latents:
        """The latents of `sample(count, seed)`, in graph or out of it."""
        return self.latents(Noise(seed), count)

    @property
    def latent_spec(self) -> dict[str, tf.TensorSpec]:
        """Name -> TensorSpec of what the generator samples from, batch None."""
        one = self.latents(Noise(0), 1)
        return {k: tf.TensorSpec([None, *v.shape[1:]], v.dtype, name=k) for k, v in one.items()}

    @property
    def output_name(self) -> str:
        return "image" if self.spec.is_image else "vector"

    @property
    def metrics(self) -> list:
        return list(self._trackers.values()) if self.built else []

    # -- saving ----------------------------------------------------------------------------------

    def get_config(self) -> dict:
        config = {"name": self.name}
        config |= {key: getattr(self, key) for key in self.hyperparameters()}
        config["penalties"] = dict(self.penalties)
        if self._own_networks:
            config["architecture"] = [
                keras.saving.serialize_keras_object(model) for model in self._own_networks
            ]
        return config | {"spec": self.spec and self.spec.to_config()}

    @classmethod
    def from_config(cls, config: dict) -> GAN:
        config = dict(config)
        spec = config.pop("spec", None)
        if isinstance(config.get("architecture"), list | tuple):
            config["architecture"] = [
                keras.saving.deserialize_keras_object(model) for model in config["architecture"]
            ]
        gan = cls(**config)
        if spec is not None:
            gan.build_for(data.Spec.from_config(spec))
        return gan

    def get_compile_config(self) -> dict:
        return self._optimizers_config | {
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": self.steps_per_execution,
        }

    def compile_from_config(self, config: dict) -> None:
        optimizers = {
            key: keras.optimizers.deserialize(config.pop(key))
            for key in ("generator_optimizer", "discriminator_optimizer")
        }
        self.compile(**optimizers, **config)


def load(filepath: str | os.PathLike) -> GAN:
    """See `ganzoo.load`."""
    path = pathlib.Path(filepath)
    if not path.is_file():
        raise FileNotFoundError(f"there is no saved GAN at {path}.")
    try:
        model = keras.saving.load_model(path)
    except Exception as error:  # zipfile, json, h5py and Keras each have errors of their own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{path} is no saved GAN, or is damaged: {reason[:200]}") from error
    if not isinstance(model, GAN):
        raise ValueError(f"{path} holds a {type(model).__name__}, not a GAN of the zoo.")
    return model
