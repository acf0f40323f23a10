"""f-GAN's keyword: each divergence is the objective of that name."""

import numpy as np
import pytest

import ganzoo
from ganzoo.losses import objectives

DIVERGENCES = (
    "kl", "reverse_kl", "pearson", "squared_hellinger", "jensen_shannon", "total_variation",
)  # fmt: skip


@pytest.mark.parametrize(
    "divergence",
    [pytest.param(x, marks=[] if x == "kl" else pytest.mark.slow) for x in DIVERGENCES],
)
def test_each_divergence_is_its_objective_and_trains(divergence, tmp_path):
    gan = ganzoo.get("fgan", divergence=divergence, width=4)
    assert gan.objective is objectives.NAMED[divergence]
    gan.fit(np.eye(4, dtype="float32"), batch_size=2, steps_per_epoch=2, verbose=0)
    gan.save(tmp_path / "gan.keras")
    assert ganzoo.load(tmp_path / "gan.keras").objective is objectives.NAMED[divergence]


def test_other_divergences_are_refused():
    with pytest.raises(ValueError, match="divergence='hinge' must be one of 'kl'"):
        ganzoo.get("fgan", divergence="hinge")
