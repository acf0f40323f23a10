"""The GAN base class: one subclassed keras.Model, and the only `train_step`.

A game overrides ingredients (attributes) and hooks (methods), and never `train_step`. Hooks get the
`Update` that is being made, which has the samples, the outputs of D and the random draws.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from ganzoo.core.adam import Adam
from ganzoo.core.building import takes_names
from ganzoo.core.detecting import Detecting
from ganzoo.core.fitting import Fitting
from ganzoo.core.inputs import Input, Label, Normal
from ganzoo.core.saving import Saving
from ganzoo.core.update import Outputs, Update
from ganzoo.devices import precision
from ganzoo.foundation.keras_compat import averages
from ganzoo.foundation.randomness import Noise
from ganzoo.foundation.schedules import value_at
from ganzoo.losses import objectives, penalties

Terms = dict[str, tf.Tensor]


class GAN(Fitting, Detecting, Saving):
    """A generative adversarial network that builds itself from the data it is first fitted to.

        gan = ganzoo.get("lsgan")
        gan.fit(images, epochs=20)
        samples = gan.sample(16, seed=0)

    To add a GAN, decorate a subclass with `ganzoo.foundation.registry.register`. `Ingredients`
    describes the attributes that it sets.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Lets Keras find a subclass that is not registered under a name when it loads a file."""
        super().__init_subclass__(**kwargs)
        keras.saving.register_keras_serializable("ganzoo", cls.__name__)(cls)

    # -- hooks: what a game overrides ----------------------------------------------------------

    def make_inputs(self) -> dict[str, Input]:
        """What the generator is given, by name; the data's `fields` are known by now."""
        inputs: dict[str, Input] = {"latent": Normal(width=self.latent_dim)}
        if self.label_to:
            inputs["label"] = Label(self.label_to, self.fields["label"].classes)
        return inputs

    def make_heads(self) -> dict[str, list[keras.layers.Layer]]:
        """The layers on top of the discriminator's features, by name of output; new ones at each
        call."""
        return {"logits": [keras.layers.Dense(1, name="logits")]} | self.class_heads()

    def make_networks(self) -> None:
        """Sets `self.generator` and `self.discriminator`, built for `self.fields`."""
        self.generator = self.normalized(self.make_generator(), "generator")
        self.discriminator = self.normalized(self.make_discriminator(), "discriminator")

    def make_state(self) -> None:
        """Makes further state of the game with `add_weight`. It is saved and resumed."""

    def encoded(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Rows of the data in network units, by the name of their field."""
        return {key: self.fields[key].encode(value) for key, value in batch.items()}

    def draw(
        self, noise: Noise, count: int | tf.Tensor, data: Mapping[str, tf.Tensor] | None = None
    ) -> dict[str, tf.Tensor]:
        """The inputs of `count` samples, by name. Inputs that are also fields of the data are taken
        from the rows `data`, if there are any."""
        rows = data or {}
        return {key: x.make(noise, count, rows.get(key)) for key, x in self.inputs.items()}

    def encode_inputs(self, values: Mapping[str, tf.Tensor], network: str) -> dict[str, tf.Tensor]:
        """The inputs that a network is told, by name, as it sees them."""
        told = {key: x for key, x in self.inputs.items() if network in x.to}
        return {key: x.encode(values[key]) for key, x in told.items()}

    def condition(self, values: Mapping[str, tf.Tensor]) -> tf.Tensor | None:
        """The vector [batch, n] that the discriminator sees in addition to the samples; None if it
        sees the samples only."""
        told = list(self.encode_inputs(values, "discriminator").values())
        return tf.concat(told, axis=-1) if told else None

    def generate(
        self, values: Mapping[str, tf.Tensor], training: bool = False
    ) -> dict[str, tf.Tensor]:
        """Samples by name, in network units, [batch, *shape].

        A network with named inputs gets a dict of them, and those that it doesn't name beside its
        latents. Any other network gets one vector of all inputs. With `ema`, the averages of the
        weights are used, except in training.
        """
        inputs: Any = self.encode_inputs(values, "generator")
        if not takes_names(self.generator):
            inputs = tf.concat(list(inputs.values()), axis=-1)
        elif others := [x for key, x in inputs.items() if key not in self.generator.input]:
            inputs = {key: x for key, x in inputs.items() if key in self.generator.input}
            inputs["latent"] = tf.concat([inputs["latent"], *others], axis=-1)
        if training:
            generated = self.generator(inputs, training=True)
        else:
            generated = self.averaged(self.generator, inputs)
        return generated if isinstance(generated, dict) else {self.output_name: generated}

    def averaged(self, model: keras.Model, inputs: Any) -> Any:
        """The output of one of the generator's networks in inference mode, in float32. With `ema`,
        the averages of its weights are used in place of the weights."""
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
        """The real samples for the discriminator, before augmentation and packing."""
        return update.sample

    def fake(self, update: Update) -> Any:
        """The fake samples for the discriminator, before augmentation and packing."""
        return update.generated[self.output_name]

    def augmented(self, samples: Any, update: Update) -> Any:
        """Real or fake samples as the discriminator sees them, in every update of every player. Of
        a nest of tensors, the images are augmented."""
        if self.augment == "none":
            return samples
        if not tf.is_tensor(samples) and not self.spec.is_image:
            raise ValueError(
                f"augment is not defined for {self.registry_name} on {self.spec.kind}, where D "
                "judges a sample together with others: leave it out."
            )

        def one(part: tf.Tensor) -> tf.Tensor:
            is_sample = part.shape.rank == 1 + len(self.spec.shape)
            return self._augmentation(part, update.noise) if is_sample else part

        return tf.nest.map_structure(one, samples)

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
        terms |= self.class_terms("discriminator", update)
        return terms | self._regularisation("discriminator", update)

    def generator_loss(self, update: Update) -> Terms:
        """Named terms; G minimises their sum. Extend with `super().… | {name: term}`."""
        objective = objectives.get(self.objective)
        real = update.real_outputs["logits"] if objective.relativistic else None
        terms = {"generator": objective.generator(real, update.fake_outputs["logits"])}
        terms |= self.class_terms("generator", update)
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
        """The variables that an update of the generator changes."""
        return self.generator.trainable_variables

    @property
    def discriminator_variables(self) -> list:
        """The variables that an update of the discriminator changes."""
        return self.discriminator.trainable_variables

    def optimizer_for(self, learning_rate: Any) -> keras.optimizers.Optimizer:
        """A new optimizer for one player, where `compile` was given none."""
        return Adam(learning_rate, self.beta_1, self.beta_2)

    def after_step(self, update: Update, terms: Terms) -> Terms:
        """Called once after G's update with that update and all terms; moves the game's own state.
        Returns what else is worth logging, by name."""
        return {}

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
        if player == "discriminator":
            terms = terms | self._augmentation.after(update)
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

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """As keras.Model.summary, with all networks.

        Raises:
            ValueError: the networks don't exist yet.
        """
        self._check_built("be summarised")
        super().summary(*args, **kwargs)

    def call(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Samples in network units, [batch, *shape], from the latents [batch, latent_dim] or, where
        the generator is given more, from a dict of its inputs by name."""
        self._check_built("generate")
        return self.generate(self._named_inputs(inputs), training=training)[self.output_name]
