"""One update of one player, and what it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from ganzoo.core.packing import pack
from ganzoo.foundation.randomness import Noise


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
        real, fake: what the critic judges: a tensor, or a nest of them, in packs of `packing`.
        real_verdict, fake_verdict: the critic's outputs by name, "logits" among them.
    """

    def __init__(self, gan, batch: Mapping[str, tf.Tensor], noise: Noise, training=True):
        self._gan, self.noise, self.training = gan, noise, training
        self.image = gan.spec.encode(batch[gan.output_name])
        self.labels = batch.get("label")

    @once
    def latents(self) -> dict[str, tf.Tensor]:
        return self._gan.latents(self.noise, tf.shape(self.image)[0], self.labels)

    @once
    def real(self) -> Any:
        return pack(self._gan.real(self), self._gan.packing)

    @once
    def fake(self) -> Any:
        return pack(self._gan.fake(self), self._gan.packing)

    @once
    def real_verdict(self) -> dict[str, tf.Tensor]:
        return self._gan.judge(self.real, self)

    @once
    def fake_verdict(self) -> dict[str, tf.Tensor]:
        return self._gan.judge(self.fake, self)

    def critic(self, samples: Any) -> tf.Tensor:
        """Logits of `samples`, with labels and all else held as in this turn."""
        return self._gan.judge(samples, self)["logits"]
