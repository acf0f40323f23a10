"""One update of one player: its samples, and the discriminator's outputs on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Self, TypeVar, overload

import tensorflow as tf

from ganzoo.core.packing import pack
from ganzoo.foundation.randomness import Noise

Outputs = dict[str, tf.Tensor]
Value = TypeVar("Value")


class once(Generic[Value]):
    """A property that is computed when it is first read, then kept.

    `functools.cached_property` has a lock in Python 3.11 on which replicas deadlock, since they
    wait for each other while TensorFlow traces them.
    """

    def __init__(self, compute: Callable[[Any], Value]):
        self.compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Value: ...

    def __get__(self, instance: Any, owner: type | None = None) -> Self | Value:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        return value


class Shown:
    """Samples that the discriminator was shown, its outputs, and the gradient between them.

    The discriminator runs once, when the outputs are first read. Penalties differentiate these
    outputs, so that dropout, batch statistics and spectral norms are the same in the loss and in
    its penalty.

    Args:
        parts: samples by name, each a tensor [batch, ...] or a nest of tensors. Several parts are
            judged in one joined pass.
        discriminate: samples -> outputs by name, "logits" among them.
    """

    def __init__(self, parts: dict[str, Any], discriminate: Callable[[Any, int], Outputs]):
        self._parts, self._discriminate = parts, discriminate
        self._tape = tf.GradientTape(watch_accessed_variables=False)

    @once
    def outputs(self) -> dict[str, Outputs]:
        """The discriminator's outputs for each part."""
        with self._tape:
            self._tape.watch(tf.nest.flatten(self._parts))
            if len(self._parts) == 1:
                ((name, samples),) = self._parts.items()
                self._joined = self._discriminate(samples, 1)
                return {name: self._joined}
            joined = tf.nest.map_structure(
                lambda *tensors: tf.concat(tensors, axis=0), *self._parts.values()
            )
            self._joined = self._discriminate(joined, len(self._parts))
        split = {key: tf.split(value, len(self._parts)) for key, value in self._joined.items()}
        return {
            name: {key: values[place] for key, values in split.items()}
            for place, name in enumerate(self._parts)
        }

    @once
    def gradients(self) -> dict[str, Any]:
        """∇D for each part: the gradient of the sum of all logits, since D judges each sample
        alone. It has the shape of the samples, and can be differentiated again."""
        self.outputs  # noqa: B018  the pass comes first
        return self._tape.gradient(
            self._joined["logits"], self._parts, unconnected_gradients="zero"
        )


class Update:
    """One update of one player: its samples, and the discriminator's outputs on them.

    Everything is computed when it is first read, and then kept. So a generator's loss that ignores
    the real data never runs the discriminator on them.

    Args:
        gan: the GAN that is being trained.
        data: the rows of this update by the name of their field, in network units.
        noise: the draws of this update.
        training: False when `evaluate` computes the terms.
        regularise: whether penalties and regularisers take part. With `regularise_every=n` they
            do so in each n-th step.
        player: the one that is updated.

    Attributes:
        inputs: name -> tensor, what the generator makes the fakes from.
        generated: name -> tensor, what the generator makes of them.
        real, fake: what the discriminator judges, before augmentation and packing: a tensor
            [batch, ...] or a nest of tensors.
        real_seen, fake_seen: the same after augmentation and packing. There is no other way to
            the discriminator.
        real_outputs, fake_outputs: the discriminator's outputs by name, "logits" among them.
        kept: name -> what the term of a regulariser keeps for its `after`.
    """

    def __init__(
        self,
        gan: Any,
        data: Mapping[str, tf.Tensor],
        noise: Noise,
        *,
        training: bool = True,
        regularise: bool = True,
        player: str = "discriminator",
    ):
        self.gan, self.data, self.noise = gan, data, noise
        self.training, self.regularise, self.player = training, regularise, player
        self.generator_tape = tf.GradientTape(watch_accessed_variables=False)
        self.kept: dict[str, tf.Tensor] = {}

    def with_same_fakes(self, noise: Noise, player: str) -> Update:
        """The update of another player on the same data and the same fakes."""
        other = Update(
            self.gan, self.data, noise,
            training=self.training, regularise=self.regularise, player=player,
        )  # fmt: skip
        other.__dict__ |= {"inputs": self.inputs, "generated": self.generated}
        other.generator_tape = self.generator_tape
        return other

    @property
    def sample(self) -> tf.Tensor:
        """The real samples of a game on one kind of sample, float32 in network units."""
        return self.data[self.gan.output_name]

    @property
    def labels(self) -> tf.Tensor | None:
        """int32 [batch] where the data have labels that are learned, else None; −1 where a label
        is missing."""
        return self.data.get("label")

    @once
    def count(self) -> int | tf.Tensor:
        """How many samples this update is shown."""
        first = next(iter(self.data.values()))
        return tf.shape(first)[0] if first.shape[0] is None else first.shape[0]

    @once
    def inputs(self) -> dict[str, tf.Tensor]:
        return self.gan.draw(self.noise, self.count, self.data)

    @once
    def generated(self) -> dict[str, tf.Tensor]:
        return self.gan.generate(self.inputs, training=self.training)

    @once
    def real(self) -> Any:
        return self.gan.real(self)

    @once
    def fake(self) -> Any:
        return self.gan.fake(self)

    def seen(self, samples: Any) -> Any:
        """Samples as the discriminator sees them: augmented, then packed."""
        return pack(self.gan.augmented(samples, self), self.gan.packing)

    @once
    def real_seen(self) -> Any:
        return self.seen(self.real)

    @once
    def fake_seen(self) -> Any:
        return self.seen(self.fake)

    @once
    def condition(self) -> tf.Tensor | None:
        """What the discriminator sees in addition to the samples, [batch, n], or None. Real and
        fake samples share it."""
        return pack(self.gan.condition(self.inputs), self.gan.packing)

    def discriminate(self, samples: Any, copies: int = 1) -> Outputs:
        """The discriminator's outputs on other samples, in packs; `copies` of a batch share the
        condition of this update."""
        condition = self.condition
        if condition is not None and copies > 1:
            condition = tf.concat([condition] * copies, axis=0)
        return self.gan.discriminate(samples, condition, self.training)

    @once
    def _passes(self) -> dict[str, Shown]:
        if self.player == "discriminator" and self.gan.judges_jointly:
            parts = {"real": self.real_seen, "fake": self.fake_seen}
            return dict.fromkeys(parts, Shown(parts, self.discriminate))
        return {}

    def _shown(self, part: str) -> Shown:
        if part not in self._passes:
            samples = self.real_seen if part == "real" else self.fake_seen
            self._passes[part] = Shown({part: samples}, self.discriminate)
        return self._passes[part]

    @once
    def real_outputs(self) -> Outputs:
        return self._shown("real").outputs["real"]

    @once
    def fake_outputs(self) -> Outputs:
        return self._shown("fake").outputs["fake"]

    def gradient(self, of: str) -> Any:
        """∇D at the "real" or at the "fake" samples that D has judged; in packs, the shape of
        `real_seen` or `fake_seen`."""
        return self._shown(of).gradients[of]

    def gradient_at(self, samples: Any) -> Any:
        """∇D at other samples, by one more pass of D."""
        return Shown({"samples": samples}, self.discriminate).gradients["samples"]
