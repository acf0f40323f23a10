"""The GAN base class: one subclassed keras.Model, and the only `train_step`.

A game is told by overriding ingredients (attributes) and hooks (methods); `train_step` is never
overridden. What a hook may ask about the update in hand is on the `Update` it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from ganzoo import data, networks
from ganzoo.core.building import Building, takes_names
from ganzoo.core.fitting import Fitting
from ganzoo.core.inputs import Input, Normal
from ganzoo.core.sampling import Sampling
from ganzoo.core.saving import Saving
from ganzoo.core.update import Outputs, Update
from ganzoo.devices import precision
from ganzoo.foundation.hyperparameters import Hyperparameter, declared
from ganzoo.foundation.keras_compat import averages
from ganzoo.foundation.randomness import Noise, default_seed
from ganzoo.foundation.registry import unknown
from ganzoo.foundation.schedules import value_at
from ganzoo.losses import objectives, penalties, regularisers

Terms = dict[str, tf.Tensor]


class GAN(Building, Fitting, Sampling, Saving, keras.Model):
    """A generative adversarial network that builds itself from the data it is first fitted to.

    Subclasses are registered with `ganzoo.registry.register` and made with `ganzoo.get`.

    Attributes:
        columns: what the game asks of the data, name -> `ganzoo.data.Column`.
        players: in the order of their updates; the discriminator first, the generator last. Each
            has an optimizer, variables and a loss: `generator_optimizer`, `generator_variables`
            and `generator_loss`.
        fields: what was learned of the data, name -> `ganzoo.data.Field`; empty before `fit`.
        inputs: what the generator is given, name -> `ganzoo.core.inputs.Input`.
        generator, discriminator: Keras models; the discriminator gives a dict with "logits".
        generator_optimizer, discriminator_optimizer: Keras optimizers.
    """

    registry_name = "gan"
    columns: Mapping[str, data.Column] = {"image": data.Column("sample")}
    players: tuple[str, ...] = ("discriminator", "generator")
    checked_shapes: Mapping[str, tuple[int, ...]] = {
        "odd and rectangular, three channels": (13, 9, 3),
        "smaller than any convolution, one channel": (5, 7, 1),
        "vectors": (3,),
    }
    """Shapes of samples that it must train on, by a description, for `ganzoo.checks`."""
    label_to: tuple[str, ...] = ()
    """The networks that are told the class."""
    judges_one: str | None = None
    """Why packing is not possible, where D must judge one sample at a time; else None."""
    architecture_of_images = "dcgan"
    """What architecture "auto" is for images from 8×8."""
    default_data = "mnist5k"
    """The data set that `ganzoo train NAME` trains on by itself."""

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
        str,
        "non_saturating",
        "what the players minimise; or your own `ganzoo.objectives.Objective`",
        choices=tuple(objectives.NAMED),
    )
    penalties = Hyperparameter(
        dict, {}, f"weights by name on D's loss, of {', '.join(penalties.NAMED)}"
    )
    regularisers = Hyperparameter(
        dict, {}, f"weights by name of terms with a state, of {', '.join(regularisers.NAMED)}"
    )
    regularise_every = Hyperparameter(
        int, 1, "penalties and regularisers take part in each n-th step, with n times the weight",
        at_least=1, at_most=1000,
    )  # fmt: skip
    critic_steps = Hyperparameter(
        int, 1, "updates of D, each on a fresh batch, per update of G", at_least=1, at_most=1000
    )
    fakes = Hyperparameter(
        str,
        "fresh",
        "shared: G is updated on the fakes that D has just seen, which saves one pass of G in four",
        choices=("fresh", "shared"),
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
        int,
        0,
        "of first weights, batches and every draw; by default that of keras.utils.set_random_seed",
        at_least=0,
        at_most=2**63 - 1,
    )

    def __init__(self, *, name: str | None = None, **hyperparameters: Any):
        super().__init__(name=name or self.registry_name)
        self.fields: dict[str, data.Field] = {}
        self._own_networks: tuple[keras.Model, ...] = ()
        known = self.hyperparameters()
        hyperparameters = {"seed": default_seed() or known["seed"].default} | hyperparameters
        for key in hyperparameters:
            if key not in known:
                raise ValueError(self._unknown(key, known))
        for key, parameter in known.items():
            value = hyperparameters.get(key, parameter.default)
            if key == "architecture" and not isinstance(value, str):
                self._own_networks, value = self._check_own_networks(value), "own"
            elif not (key == "objective" and isinstance(value, objectives.Objective)):
                value = parameter.validate(key, value)
            setattr(self, key, value)
        self.precision = precision.choose(self.precision)
        for penalty in self.penalties:
            penalties.get(penalty)
        self._regularisers = [
            (regularisers.get(key), weight) for key, weight in self.regularisers.items()
        ]
        if self.packing > 1 and self.judges_one:
            raise ValueError(
                f"packing={self.packing} is not defined for {self.registry_name}, where "
                f"{self.judges_one}: leave it out."
            )
        if self.penalties and self.discriminator_normalization == "batch":
            raise ValueError(
                f"penalties={dict(self.penalties)} need a discriminator that judges each sample "
                "alone, and batch normalisation mixes them: use "
                "discriminator_normalization='layer' or 'none'."
            )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Lets Keras find a subclass that is not registered under a name when it loads a file."""
        super().__init_subclass__(**kwargs)
        keras.saving.register_keras_serializable("ganzoo", cls.__name__)(cls)

    def _unknown(self, key: str, known: Mapping[str, Any]) -> str:
        """The sentence for a hyper-parameter that this GAN doesn't have."""
        if isinstance(getattr(GAN, key, None), Hyperparameter):
            return (
                f"{self.registry_name} has its own {key}, which is what makes it "
                f"{self.registry_name}: choose another GAN, or leave {key} out."
            )
        return unknown(f"hyper-parameter of {self.registry_name}", key, known)

    @property
    def step(self) -> int:
        """How many generator updates were made."""
        return int(self.log.iterations.numpy()) if self.built else 0

    @classmethod
    def hyperparameters(cls) -> dict[str, Hyperparameter]:
        """Name -> declaration of all hyper-parameters of this GAN, with its own defaults."""
        return declared(cls)

    # -- hooks: what a game overrides ----------------------------------------------------------

    def make_inputs(self) -> dict[str, Input]:
        """What the generator is given, by name; the data's `fields` are known by now."""
        return {"latent": Normal(width=self.latent_dim)}

    def make_heads(self) -> dict[str, list[keras.layers.Layer]]:
        """The layers on top of the discriminator's features, by name of output; new ones at each
        call."""
        return {"logits": [keras.layers.Dense(1, name="logits")]}

    def make_networks(self) -> None:
        """Sets `self.generator` and `self.discriminator`, built for `self.fields`."""
        self.generator = self.make_generator()
        self.discriminator = self.make_discriminator()

    def make_state(self) -> None:
        """Makes what else the game remembers from step to step, with `add_weight`."""

    def encoded(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Rows of the data in network units, by the name of their field."""
        return {key: self.fields[key].encode(value) for key, value in batch.items()}

    def draw(
        self, noise: Noise, count: int | tf.Tensor, data: Mapping[str, tf.Tensor] | None = None
    ) -> dict[str, tf.Tensor]:
        """The inputs of `count` samples by name; those of a real batch where there are any."""
        rows = data or {}
        return {key: x.make(noise, count, rows.get(key)) for key, x in self.inputs.items()}

    def encode_inputs(self, values: Mapping[str, tf.Tensor], network: str) -> dict[str, tf.Tensor]:
        """The inputs that a network is told, by name, as it sees them."""
        told = {key: x for key, x in self.inputs.items() if network in x.to}
        return {key: x.encode(values[key]) for key, x in told.items()}

    def condition(self, values: Mapping[str, tf.Tensor]) -> tf.Tensor | None:
        """The one vector [batch, n] that the discriminator sees beside the samples; None where it
        is told nothing."""
        told = list(self.encode_inputs(values, "discriminator").values())
        return tf.concat(told, axis=-1) if told else None

    def generate(
        self, values: Mapping[str, tf.Tensor], training: bool = False
    ) -> dict[str, tf.Tensor]:
        """Samples by name, in network units, [batch, *shape].

        A network with named inputs is given each by its name, any other one all of them as one
        vector. Where there are averaged weights, they are used unless `training`.
        """
        inputs = self.encode_inputs(values, "generator")
        if not takes_names(self.generator):
            inputs = tf.concat(list(inputs.values()), axis=-1)
        if training:
            generated = self.generator(inputs, training=True)
        else:
            generated = self.averaged(self.generator, inputs)
        return generated if isinstance(generated, dict) else {self.output_name: generated}

    def averaged(self, model: keras.Model, inputs: Any) -> Any:
        """What one of the generator's networks gives in inference mode, in float32: with the
        averages of its weights where `ema` keeps them, with its weights as they are otherwise."""
        with precision.in_float32(model):
            if not self.ema:
                return model(inputs, training=False)
            optimizer = precision.inner(self.generator_optimizer)
            return model.stateless_call(
                averages(optimizer, model.trainable_variables),
                model.non_trainable_variables,
                inputs,
                training=False,
            )[0]

    def real(self, update: Update) -> Any:
        """What the discriminator is shown of the data."""
        return update.sample

    def fake(self, update: Update) -> Any:
        """What the discriminator is shown of the generator."""
        return update.generated[self.output_name]

    def augment(self, samples: Any, update: Update) -> Any:
        """Real or fake samples as the discriminator sees them, in every update of every player."""
        return samples

    def discriminate(self, samples: Any, condition: tf.Tensor | None, training: bool) -> Outputs:
        """The discriminator's outputs on real or fake samples, "logits" among them."""
        inputs = samples if condition is None else [samples, condition]
        return self.discriminator(inputs, training=training)

    def discriminator_loss(self, update: Update) -> Terms:
        """Named terms; D minimises their sum. Extend with `super().… | {name: term}`."""
        objective = objectives.get(self.objective)
        real, fake = update.real_outputs["logits"], update.fake_outputs["logits"]
        terms = {"discriminator": objective.discriminator(real, fake)}
        if update.regularise:
            for key, weight in self.penalties.items():
                name = key if isinstance(key, str) else key.__name__
                terms[name] = self._weight(weight) * penalties.get(key)(update)
        return terms | self._regularisation("discriminator", update)

    def generator_loss(self, update: Update) -> Terms:
        """Named terms; G minimises their sum. Extend with `super().… | {name: term}`."""
        objective = objectives.get(self.objective)
        real = update.real_outputs["logits"] if objective.relativistic else None
        terms = {"generator": objective.generator(real, update.fake_outputs["logits"])}
        return terms | self._regularisation("generator", update)

    def _regularisation(self, player: str, update: Update) -> Terms:
        return {
            regulariser.name: self._weight(weight) * regulariser.term(update)
            for regulariser, weight in self._regularisers
            if regulariser.player == player and update.regularise
        }

    def _weight(self, weight: Any) -> Any:
        return self.regularise_every * value_at(weight, self.log.iterations)

    @property
    def generator_variables(self) -> list:
        """What the generator's loss moves."""
        return self.generator.trainable_variables

    @property
    def discriminator_variables(self) -> list:
        """What the discriminator's loss moves."""
        return self.discriminator.trainable_variables

    def optimizer_for(self, learning_rate: Any) -> keras.optimizers.Optimizer:
        """A new optimizer for one player, where `compile` was given none."""
        return keras.optimizers.Adam(learning_rate, self.beta_1, self.beta_2)

    def after_step(self, update: Update, terms: Terms) -> Terms:
        """Called once after G's update with that update and all terms; moves the game's own state.
        Returns what else is worth logging, by name."""
        return {}

    @staticmethod
    def mean_over_replicas(value: tf.Tensor) -> tf.Tensor:
        """The mean of a replica's tensor over all replicas, which can be differentiated."""
        replica = tf.distribute.get_replica_context()
        return replica.all_reduce(tf.distribute.ReduceOp.MEAN, value)

    # -- one step ------------------------------------------------------------------------------

    def play(
        self,
        batch: Mapping[str, tf.Tensor],
        move: Callable[[str, Update], Terms],
        regularise: bool = True,
    ) -> Terms:
        """One step of Algorithm 1 of Goodfellow et al. 2014: `critic_steps` updates of D, then one
        of each other player.

        Args:
            batch: rows in the data's units, by the name of their field.
            move: moves a player by an update and returns its terms; `self.update` while training.
            regularise: whether penalties and regularisers take part.
        """
        replica = tf.distribute.get_replica_context()
        updates = self.critic_steps + len(self.players) - 1
        first = tf.convert_to_tensor(self.log.iterations) * updates
        rows = self.encoded(batch)

        def noise(number: int) -> Noise:
            replicas = replica.num_replicas_in_sync
            return Noise(self.seed, first + number, replica.replica_id_in_sync_group, replicas)

        def update(number: int, player: str) -> Update:
            # Every critic_steps-th row: the same rows on any number of replicas.
            chosen = {
                k: v[number % self.critic_steps :: self.critic_steps] for k, v in rows.items()
            }
            chosen = rows if self.critic_steps == 1 else chosen
            return Update(self, chosen, noise(number), regularise=regularise, player=player)

        logs: list[Terms] = []
        for number in range(self.critic_steps):
            last = update(number, "discriminator")
            if self.fakes == "shared" and number == self.critic_steps - 1:
                self.record(last)
            terms = self._moved("discriminator", last, move)
        logs.append(terms)
        for number, player in enumerate(self.players[1:], self.critic_steps):
            if self.fakes == "shared":
                last = last.with_same_fakes(noise(number), player)
            else:
                last = update(number, player)
            logs.append(self._moved(player, last, move))
        with last.noise:
            merged = {key: value for terms in logs for key, value in terms.items()}
            logs.append(self.after_step(last, merged))
        return self._all_of(logs)

    def _moved(self, player: str, update: Update, move: Callable[[str, Update], Terms]) -> Terms:
        terms = move(player, update)
        for regulariser, _ in self._regularisers:
            if regulariser.player == player:
                regulariser.after(update)
        return terms

    def _all_of(self, groups: list[Terms]) -> Terms:
        logs: Terms = {}
        for group in groups:
            if twice := logs.keys() & group.keys():
                raise ValueError(f"{self.registry_name} logs {sorted(twice)} twice: rename one.")
            logs |= group
        return logs

    def record(self, update: Update) -> None:
        """Makes the fakes of an update under a tape on G's weights, so that a later update of G
        can differentiate them."""
        with update.generator_tape as tape, update.noise:
            tape.watch([v.value for v in self.generator_variables])
            update.generated  # noqa: B018  they are kept

    def update(self, player: str, update: Update) -> Terms:
        """Moves one player by the gradient of its loss, and returns the loss's named terms."""
        variables = getattr(self, f"{player}_variables")
        sources = [v.value for v in variables]
        tape = (
            update.generator_tape
            if player == "generator"
            else tf.GradientTape(watch_accessed_variables=False)
        )
        with tape, update.noise:
            tape.watch(sources)
            terms = getattr(self, f"{player}_loss")(update)
        optimizer = getattr(self, f"{player}_optimizer")
        optimizer.apply(precision.gradients(tape, terms, sources, optimizer), variables)
        return terms

    def train_step(self, data: Mapping[str, tf.Tensor], regularise: bool = True) -> Terms:
        self.log.update_state(self.play(data, self.update, regularise))
        return self.log.result()

    def call(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Samples in network units, [batch, *shape], from the latents [batch, latent_dim] or, where
        the generator is given more, from a dict of its inputs by name."""
        return self.generate(self._named_inputs(inputs), training=training)[self.output_name]
