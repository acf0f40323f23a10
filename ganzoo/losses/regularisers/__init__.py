"""Regularisers: terms of a player's loss that may have a state.

    ganzoo.get("dcgan", regularisers={"lecam": 0.3, "orthogonal": 1e-4})
    ganzoo.get("dcgan", regularisers={ganzoo.regularisers.Consistency(flip=False): 10.0})

To write your own, subclass `Regulariser`. Register it with Keras, so that a GAN with it can be
saved:

    @keras.saving.register_keras_serializable()
    class SmallLogits(ganzoo.regularisers.Regulariser):
        name = "small_logits"

        def term(self, update):
            return tf.reduce_mean(tf.square(update.real_outputs["logits"]))

    ganzoo.get("dcgan", regularisers={SmallLogits(): 1e-3})

A penalty without a state is simpler to write as a function, see `ganzoo.penalties`.
"""

from __future__ import annotations

import copy

from ganzoo.foundation.registry import unknown
from ganzoo.losses.regularisers.consistency import BalancedConsistency, Consistency
from ganzoo.losses.regularisers.feature_matching import FeatureMatching
from ganzoo.losses.regularisers.lecam import LeCam
from ganzoo.losses.regularisers.orthogonal import Orthogonal
from ganzoo.losses.regularisers.path_length import PathLength
from ganzoo.losses.regularisers.regulariser import Regulariser, Update

__all__ = [
    "NAMED",
    "BalancedConsistency",
    "Consistency",
    "FeatureMatching",
    "LeCam",
    "Orthogonal",
    "PathLength",
    "Regulariser",
    "Update",
    "get",
]

NAMED: dict[str, type[Regulariser]] = {
    "balanced_consistency": BalancedConsistency,
    "consistency": Consistency,
    "feature_matching": FeatureMatching,
    "lecam": LeCam,
    "orthogonal": Orthogonal,
    "path_length": PathLength,
}


def get(name: str | Regulariser) -> Regulariser:
    """Returns a new regulariser of that name, or a copy of `name` if it is a regulariser.

    Raises:
        ValueError: no regulariser has that name.
    """
    if isinstance(name, Regulariser):
        return copy.copy(name)  # the state belongs to one GAN
    if not isinstance(name, str) or name not in NAMED:
        raise ValueError(unknown("regulariser", name, NAMED))
    return NAMED[name]()
