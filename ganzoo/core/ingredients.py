"""The ingredients of a GAN: what it asks of the data, who plays, and its hyper-parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
import tensorflow as tf

from ganzoo import augmentation, data, networks
from ganzoo.devices import precision
from ganzoo.foundation.hyperparameters import Hyperparameter, declared
from ganzoo.foundation.randomness import default_seed
from ganzoo.foundation.registry import unknown
from ganzoo.losses import objectives, penalties, regularisers

if TYPE_CHECKING:
    from ganzoo.core.inputs import Input
    from ganzoo.core.log import Log

Rate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule


class Ingredients(keras.Model):
    """The part of a `GAN` that a game changes by setting attributes. Making one checks them.

    Attributes:
        columns: what the game asks of the data, name -> `ganzoo.data.Column`.
        players: in the order of their updates; the discriminator first, the generator last. Each
            has an optimizer, variables and a loss: `generator_optimizer`, `generator_variables`
            and `generator_loss`.
        fields: what was learned of the data, name -> `ganzoo.data.Field`; empty before `fit`.
        inputs: what the generator is given, name -> `ganzoo.core.inputs.Input`.
        generator, discriminator: Keras models; the discriminator gives a dict with "logits".
        generator_optimizer, discriminator_optimizer: Keras optimizers.
        log: the number of steps, and the means of the terms of the losses in this epoch.
    """

    fields: dict[str, data.Field]
    inputs: dict[str, Input]
    generator: keras.Model
    discriminator: keras.Model
    generator_optimizer: keras.optimizers.Optimizer
    discriminator_optimizer: keras.optimizers.Optimizer
    log: Log

    registry_name: str = "gan"
    columns: Mapping[str, data.Column] = {"image": data.Column("sample")}
    players: tuple[str, ...] = ("discriminator", "generator")
    checked_shapes: Mapping[str, tuple[int, ...]] = {
        "odd and rectangular, three channels": (13, 9, 3),
        "smaller than any convolution, one channel": (5, 7, 1),
        "vectors": (3,),
    }
    """Shapes of samples that `ganzoo.checks` trains it on, by a description."""
    label_to: tuple[str, ...] = ()
    """The networks that are told the class."""
    judges_one: str | None = None
    """The reason why packing is not supported; None if it is supported."""
    judges_samples: bool = True
    """Whether the discriminator judges samples, which can then be augmented."""
    anomaly_formula: str = "f_anogan"
    """The score of `anomaly_score`, a name in `ganzoo.evaluation.anomalies.FORMULAS`."""
    architecture_of_images: str = "dcgan"
    """The architecture that "auto" stands for with images of at least 8×8."""
    recipe: dict[str, Any] = {"ema": 0.99, "precision": "auto"}
    """Hyper-parameters with which `ganzoo train` trains it on images, and how many `steps`, where
    the user has not chosen others. Rates of the recipe that are numbers fall to 0 with the last
    step."""
    default_data: str = "mnist5k"
    """The data set that `ganzoo train NAME` trains on by itself."""

    latent_dim: int = Hyperparameter(
        int, 64, "width of the latents z ~ N(0, 1)", at_least=1, at_most=65_536
    )
    architecture: str = Hyperparameter(
        str,
        "auto",
        "networks; auto: the paper's for images from 8×8, else mlp; or your own two Keras models",
        choices=("auto", *sorted(networks.NAMED)),
    )
    width: int | None = Hyperparameter(
        int, None, "channels or units of the networks; None: the architecture's own",
        at_least=1, at_most=16_384, optional=True,
    )  # fmt: skip
    generator_normalization: str = Hyperparameter(
        str,
        "auto",
        "in G, of activations, of weights (spectral) or of both; conditional_batch tells G the "
        "class; auto: as the architecture's paper has it",
        choices=(
            "auto", "batch", "layer", "none", "conditional_batch",
            "spectral", "spectral_batch", "spectral_conditional_batch",
        ),
    )  # fmt: skip
    discriminator_normalization: str = Hyperparameter(
        str,
        "auto",
        "in D, of activations or of weights (spectral); auto: as the architecture's paper has it, "
        "none under a gradient penalty",
        choices=("auto", "batch", "layer", "none", "spectral"),
    )
    conditioning: str = Hyperparameter(
        str,
        "none",
        "how D is told the class, which needs labels: beside the samples, by a projection "
        "(Miyato and Koyama 2018), or by a classifier on top of D (AC-GAN)",
        choices=("none", "concatenation", "projection", "classifier"),
    )
    class_weight: float = Hyperparameter(
        float, 1.0, "weight of the terms of conditioning='classifier'", at_least=0
    )
    objective: str | objectives.Objective = Hyperparameter(
        str,
        "non_saturating",
        "what the players minimise; or your own `ganzoo.objectives.Objective`",
        choices=tuple(objectives.NAMED),
    )
    penalties: Mapping[Any, Any] = Hyperparameter(
        dict, {}, f"weights by name on D's loss, of {', '.join(penalties.NAMED)}"
    )
    regularisers: Mapping[Any, Any] = Hyperparameter(
        dict, {}, f"weights by name of further terms, of {', '.join(regularisers.NAMED)}"
    )
    regularise_every: int = Hyperparameter(
        int, 1, "penalties and regularisers take part in each n-th step, with n times the weight",
        at_least=1, at_most=1000,
    )  # fmt: skip
    augment: str | Callable[..., tf.Tensor] = Hyperparameter(
        str,
        "none",
        "of the images that D sees, real and fake ones alike; or your own function "
        "(samples, noise) -> samples",
        choices=tuple(augmentation.NAMED),
    )
    critic_steps: int = Hyperparameter(
        int, 1, "updates of D, each on a fresh batch, per update of G", at_least=1, at_most=1000
    )
    fakes: str = Hyperparameter(
        str,
        "fresh",
        "shared: G is updated on the fakes that D has just seen, which saves one pass of G in four",
        choices=("fresh", "shared"),
    )
    packing: int = Hyperparameter(
        int, 1, "samples that D judges at once, side by side (PacGAN)", at_least=1, at_most=64
    )
    ema: float = Hyperparameter(
        float,
        0.0,
        "EMA decay of G's weights, which sampling and export use; 0: the weights themselves",
        at_least=0,
        at_most=0.99999,
    )
    generator_learning_rate: Rate = Hyperparameter(
        float, 2e-4, "Adam's rate for G", above=0, scheduled=True
    )
    discriminator_learning_rate: Rate = Hyperparameter(
        float, 2e-4, "Adam's rate for D", above=0, scheduled=True
    )
    beta_1: float = Hyperparameter(float, 0.5, "Adam's first decay", at_least=0, at_most=1)
    beta_2: float = Hyperparameter(float, 0.999, "Adam's second decay", at_least=0, at_most=1)
    precision: str = Hyperparameter(
        str,
        "float32",
        "what the networks compute in while they train; auto: what this machine is fast at",
        choices=precision.NAMES,
    )
    seed: int = Hyperparameter(
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
            elif not (
                (key == "objective" and isinstance(value, objectives.Objective))
                or (key == "augment" and callable(value))
            ):
                value = parameter.validate(key, value)
            setattr(self, key, value)
        self._automatic_precision = self.precision == "auto"
        self.precision = precision.choose(self.precision)
        for penalty in self.penalties:
            penalties.get(penalty)
        self._regularisers = [
            (regularisers.get(key), weight) for key, weight in self.regularisers.items()
        ]
        self._augmentation = augmentation.get(self.augment)
        self._augmentation.check(self)
        if self.augment != "none" and not self.judges_samples:
            raise ValueError(
                f"augment={self.augment!r:.200} is not defined for {self.registry_name}, whose "
                "discriminator judges no samples: leave it out."
            )
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

    @staticmethod
    def _check_own_networks(models: Any) -> tuple[keras.Model, ...]:
        """Two Keras models of the user's; subclassed ones need not be built yet."""
        if not (
            isinstance(models, list | tuple)
            and len(models) >= 2
            and all(isinstance(model, keras.Model) for model in models)
        ):
            raise ValueError(
                f"architecture={models!r:.200} must be a name or a pair of Keras models "
                "(generator: latents -> samples, discriminator: samples -> one logit or features)."
            )
        return tuple(models)

    def _unknown(self, key: str, known: Mapping[str, Any]) -> str:
        """The sentence for a hyper-parameter that this GAN doesn't have."""
        if isinstance(getattr(Ingredients, key, None), Hyperparameter):
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
