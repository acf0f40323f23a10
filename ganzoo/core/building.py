"""How a GAN makes its networks, its optimizers and its state."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf

from ganzoo import data, networks
from ganzoo.core.conditioning import Conditioning
from ganzoo.core.log import Log
from ganzoo.core.packing import packed_shape
from ganzoo.core.rates import Rates
from ganzoo.devices import precision
from ganzoo.foundation import registry
from ganzoo.foundation.keras_compat import averages, leaves
from ganzoo.foundation.randomness import Noise, seed_layers_from_noise, seeded_initializers
from ganzoo.losses import penalties


class Building(Conditioning):
    """The part of a `GAN` that makes its networks, optimizers and state."""

    # Functions that `Sampling` and `Measuring` trace when they first need them.
    _sampler: Callable[..., tf.Tensor] | None
    _evaluator: Callable[..., dict[str, tf.Tensor]] | None

    # -- networks ------------------------------------------------------------------------------

    @staticmethod
    def _functional(model: keras.Model, shapes: list[tuple[int, ...]], role: str) -> keras.Model:
        """A user's model as a functional one. A subclassed model is called on inputs of these
        shapes, which is how it says what it makes of them."""
        if not getattr(model, "inputs", None):
            inputs = [keras.Input(shape) for shape in shapes]
            inputs = inputs[0] if len(inputs) == 1 else inputs
            try:
                return keras.Model(inputs, model(inputs), name=role)
            except Exception as error:  # whatever the user's call raises
                reason = str(error).strip().split("\n")[0][:200]
                raise ValueError(
                    f"your {role} can't be called on inputs of shape "
                    f"{', '.join(str((None, *shape)) for shape in shapes)} ({reason}): change its "
                    "call, or pass a functional model."
                ) from error
        return model

    @property
    def output_name(self) -> str:
        """The name of the samples that the generator makes: "image", "vector" or "series" in games
        on one sample."""
        return data.main_sample(self.fields)

    @property
    def spec(self) -> data.Field:
        """What was learned of the samples that the generator makes."""
        return self.fields[self.output_name] if self.fields else self.__getattr__("spec")

    def input_width(self, network: str) -> int:
        """Width of the vector of inputs that a network is told."""
        one = {key: x.make(Noise(0), 1, None) for key, x in self.inputs.items()}
        return sum(int(x.shape[-1]) for x in self.encode_inputs(one, network).values())

    def make_generator(self) -> keras.Model:
        """The generator for `self.fields`: [batch, width of all inputs] -> samples. If its batch
        normalisation is told the class, it takes {"latent", "label"}."""
        width = self.input_width("generator")
        if self._own_networks:
            model = self._functional(self._own_networks[0], [(width,)], "generator")
            if model.input_shape[1:] != (width,) or model.output_shape[1:] != self.spec.shape:
                raise ValueError(
                    f"your generator maps {model.input_shape[1:]} to {model.output_shape[1:]}, and "
                    f"{self.registry_name} on this data needs {(width,)} to "
                    f"{self.spec.shape}: change the network, or the width of its inputs with "
                    "latent_dim=…."
                )
            return model
        chosen = networks.choose(self.architecture, self.spec.shape, self.architecture_of_images)
        kind = self._normalization(self.generator_normalization, chosen)
        options = {}
        if kind == "conditional_batch":
            self._check_told(chosen)
            options["condition"] = self.fields["label"].classes
            width -= options["condition"]
        return chosen.generator(
            width, self.spec.shape, width=self.width, normalization=kind, **options
        )

    @property
    def named_architecture(self) -> str:
        """The architecture of the networks that a game adds to the user's own ones."""
        return "auto" if self._own_networks else self.architecture

    @property
    def judged_shape(self) -> tuple[int, ...]:
        """The shape of one input of the discriminator, with all samples of a pack."""
        return packed_shape(self.spec.shape, self.packing)

    def make_features(self, shape: tuple[int, ...], condition: int = 0) -> keras.Model:
        """A discriminator's body: samples of `shape` (and a condition) -> [batch, n]."""
        if self._own_networks:
            inputs = [shape] + [(condition,)] * bool(condition)
            model = self._functional(self._own_networks[1], inputs, "discriminator")
            if [tuple(x.shape[1:]) for x in model.inputs] != inputs:
                raise ValueError(
                    f"your discriminator takes {[tuple(x.shape[1:]) for x in model.inputs]}, and "
                    f"{self.registry_name} on this data needs {inputs}."
                )
            return model
        chosen = networks.choose(self.architecture, shape, self.architecture_of_images)
        kind = self.discriminator_normalization
        kind = "none" if kind == "auto" and self.penalties else kind
        kind = self._normalization(kind, chosen, "discriminator")
        return chosen.features(shape, condition=condition, width=self.width, normalization=kind)

    @staticmethod
    def _normalization(kind: str, architecture: ModuleType, network: str = "generator") -> str:
        """How an architecture normalises activations. `normalized` normalises weights."""
        if kind == "auto":
            of_both = architecture.NORMALIZATION
            own = getattr(architecture, f"{network.upper()}_NORMALIZATION", of_both)
            return str(own)
        return kind.removeprefix("spectral").removeprefix("_") or "none"

    def normalized(self, model: keras.Model, network: str) -> keras.Model:
        """The network with spectral normalisation of its weights, if it is to have that."""
        kind = getattr(self, f"{network}_normalization")
        return networks.spectral(model) if kind.startswith("spectral") else model

    def make_discriminator(self) -> keras.Model:
        """The discriminator for `self.fields`: its features with heads on top."""
        condition = self.input_width("discriminator") * self.packing
        projects = self.conditioning == "projection"
        features = self.make_features(self.judged_shape, 0 if projects else condition)
        heads = dict(self.make_heads())
        for regulariser, _ in self._regularisers:
            heads |= regulariser.heads
        if self._own_networks and features.output_shape[1:] == (1,):
            if len(heads) > 1 or projects:
                raise ValueError(
                    f"{self.registry_name} puts {', '.join(heads)} on top of your "
                    "discriminator: let it end in features [batch, n], not in one logit."
                )
            heads = {"logits": []}
        return networks.with_heads(features, heads, condition if projects else 0)

    @property
    def judges_jointly(self) -> bool:
        """Whether one pass of D judges real and fake samples together: no layer may mix the
        samples of a batch, and no penalty may need the gradient at one half alone."""
        sides = {penalties.get(key) for key in self.penalties} & set(penalties.ONE_SIDED)
        return len(sides) != 1 and not any(map(_mixes_samples, leaves(self.discriminator)))

    # -- optimizers ----------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = None,
        loss: Any = None,
        *,
        generator_optimizer: Any = None,
        discriminator_optimizer: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        **others: Any,
    ) -> None:
        """Sets the optimizer of each player; without one the paper's, by the hyper-parameters.

            gan.compile(discriminator_optimizer=keras.optimizers.Adam(1e-4))

        Args:
            optimizer, loss: refused, because each player has its own.
            generator_optimizer, discriminator_optimizer: Keras optimizers or their names; a game
                with further players takes `PLAYER_optimizer` for each.
            run_eagerly, steps_per_execution, jit_compile: as in keras.Model.compile.

        Raises:
            ValueError: an argument that a GAN doesn't take.
        """
        given = {
            "generator_optimizer": generator_optimizer,
            "discriminator_optimizer": discriminator_optimizer,
        } | others
        keras_only = {"optimizer": optimizer, "loss": loss}
        given |= {key: value for key, value in keras_only.items() if value is not None}
        known = [f"{player}_optimizer" for player in self.players]
        if strange := [key for key in given if key not in known]:
            raise ValueError(
                f"compile({strange[0]}=…) is not an argument of {self.registry_name}: each player "
                f"has an optimizer, {', '.join(f'{key}=' for key in known)}, and the losses are "
                "the game's own (`objective=` of ganzoo.get)."
            )
        super().compile(
            optimizer=None,  # else Keras makes, saves and restores one that nobody uses
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
        )
        self._optimizers_config = {}
        for player in self.players:
            key = f"{player}_optimizer"
            optimizer = keras.optimizers.get(given.get(key)) if given.get(key) else None
            rate = getattr(self, f"{player}_learning_rate", self.generator_learning_rate)
            optimizer = optimizer or self.optimizer_for(rate)
            self._optimizers_config[key] = keras.optimizers.serialize(optimizer)
        if self.ema:
            average = {"use_ema": True, "ema_momentum": self.ema}
            self._optimizers_config["generator_optimizer"]["config"] |= average
        if self.built:
            self._make_optimizers()

    @property
    def optimizer(self) -> Rates | None:
        """All players' learning rates for Keras's callbacks; None before the GAN is built."""
        return Rates(self) if self.built and self.compiled else None

    @optimizer.setter
    def optimizer(self, value: None) -> None:
        """Ignores the None that Keras's compile sets: each player has an optimizer of its own."""

    def _make_optimizers(self) -> None:
        """Makes the optimizers and their slots in the strategy's scope.

        Keras would make them outside of the scope, where steps are counted twice, or later, when
        the slots of a saved GAN are no longer restored.
        """
        with self.distribute_strategy.scope():
            for name, config in self._optimizers_config.items():
                inner = keras.optimizers.deserialize(config)
                setattr(self, name, precision.optimizer(inner, self.precision))
            for player in self.players:
                variables = getattr(self, f"{player}_variables")
                getattr(self, f"{player}_optimizer").build(variables)
            if self.ema:  # Keras starts averages at zero
                weights = self.generator_variables
                kept = averages(precision.inner(self.generator_optimizer), weights)
                for average, weight in zip(kept, weights, strict=True):
                    average.assign(weight)

    # -- all of it -----------------------------------------------------------------------------

    def build_for(self, fields: Mapping[str, data.Field]) -> None:
        """Makes networks, optimizers and state for data with these fields, in the strategy's
        scope.

        Raises:
            ValueError: the networks can't be made for such data.
        """
        check_keras_settings()
        self.fields = dict(fields)
        try:
            self.inputs = self.make_inputs()
            with self.distribute_strategy.scope(), seeded_initializers(self.seed):
                self.log = Log(())  # the step, which schedules read, until the terms are known
                self.make_networks()
                self._check_networks()
                self.make_state()
                for regulariser, _ in self._regularisers:
                    regulariser.build(self)
                self._augmentation.build(self)
        except ValueError:
            self.fields = {}
            raise
        if self._automatic_precision:
            self.precision = precision.choose("auto", self.layers)
        for model in self.layers:
            seed_layers_from_noise(model)
            precision.lower(model, self.precision)
        names = self._log_names()
        for regulariser, _ in self._regularisers:
            if regulariser.name not in names:
                self.fields = {}
                raise ValueError(
                    f"the loss of the {regulariser.player} of {self.registry_name} takes no "
                    f"regularisers: leave {regulariser.name} out."
                )
        with self.distribute_strategy.scope():
            self.log = Log(names)
        self._sampler = self._evaluator = None
        self.built = True
        if self._automatic_precision:
            precision.tell(self.layers)
        if self.compiled:
            self._make_optimizers()

    def build_from(self, x: Any, y: Any = None, **options: Any) -> None:
        """Makes the networks for data as `fit` takes them, without training.

        Raises:
            ValueError: the data can't be trained on, or the GAN was built already.
        """
        if self.built:
            raise ValueError(f"{self.registry_name} was built already: make a new one.")
        self.build_for(self.batches(x, y, **options).fields)

    def _refuse(self, method: Callable, arguments: Mapping[str, Any]) -> None:
        """Raises ValueError for arguments with a value that `method` doesn't have."""
        for name in [name for name, value in arguments.items() if value is not None]:
            known = [
                key
                for key, p in inspect.signature(method).parameters.items()
                if p.kind is not p.VAR_KEYWORD and key not in ("self", "gan")
            ]
            raise ValueError(registry.unknown(f"argument of {method.__name__}", name, known))

    def _check_built(self, verb: str) -> None:
        if not self.built:
            raise ValueError(
                f"{self.registry_name} has not seen data yet and can't {verb}: fit it first, or "
                "call build_from(x) to make its networks without training."
            )

    @property
    def broken_weight(self) -> str | None:
        """The path of the first variable that is NaN or infinite; None if all are finite."""
        for variable in self.weights:
            value = variable.value
            if value.dtype.is_floating and not bool(tf.reduce_all(tf.math.is_finite(value))):
                return str(variable.path)
        return None

    def _log_names(self) -> list[str]:
        """Names of all terms, found by tracing one step that is never run: the log has a mean for
        each before the first step."""
        names: list[str] = []

        @tf.autograph.experimental.do_not_convert
        def play(batch: Mapping[str, tf.Tensor]) -> None:
            names.clear()
            names.extend(self.play(batch, lambda player, u: getattr(self, f"{player}_loss")(u)))

        rows = 2 * self.packing * self.critic_steps
        batch = {name: field.batch_spec(rows) for name, field in self.fields.items()}
        strategy = self.distribute_strategy
        trace = tf.function(lambda b: strategy.run(play, (b,)), autograph=False)
        trace.get_concrete_function(batch)
        return names

    def __getattr__(self, name: str) -> Any:
        made = ("generator", "discriminator", "log", "inputs", "spec")
        if name in made or name.endswith("_optimizer"):
            raise AttributeError(
                f"{self.registry_name} makes its {name} when it first sees data: call fit, or "
                "build_from(x) to make the networks without training."
            )
        return super().__getattribute__(name)


def check_keras_settings() -> None:
    """Raises ValueError for global settings of Keras that the networks can't follow."""
    policy, order = keras.config.dtype_policy().name, keras.config.image_data_format()
    if policy != "float32":
        raise ValueError(
            f"Keras's global dtype policy is {policy!r}: call keras.config.set_dtype_policy("
            "'float32'), and choose half precision with ganzoo.get(…, precision='bfloat16')."
        )
    if order != "channels_last":
        raise ValueError(
            f"Keras's image data format is {order!r}: call "
            "keras.config.set_image_data_format('channels_last')."
        )


def takes_names(model: keras.Model) -> bool:
    """Whether a model is given its inputs in a dict, by name."""
    return not isinstance(model, keras.Sequential) and isinstance(model.input, dict)


def _mixes_samples(layer: keras.layers.Layer) -> bool:
    """Whether a layer's output for one sample depends on the others of its batch. A layer that is
    neither Keras's nor ganzoo's says so by its attribute `mixes_samples`, and is taken to do it
    where it has none."""
    if hasattr(layer, "mixes_samples"):
        return bool(layer.mixes_samples)
    known = type(layer).__module__.startswith(("keras.", "ganzoo."))
    return not known or isinstance(layer, keras.layers.BatchNormalization)
