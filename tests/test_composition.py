"""Each hyper-parameter of composition with each GAN: one axis at a time, then random pairs.

Networks are built, and a step is traced. What stands in `REFUSED` must be refused by that sentence
before any time is spent, what a GAN declares otherwise by another, and everything else must work.
"""

import functools
import itertools
import random

import numpy as np
import pytest

import ganzoo
from ganzoo.foundation import registry
from ganzoo.losses import penalties, regularisers
from ganzoo.testing import checks

AXES = {
    "hinge": {"objective": "hinge"},
    "wasserstein": {"objective": "wasserstein"},
    **{name: {"penalties": {name: 0.1}} for name in penalties.NAMED},
    **{name: {"regularisers": {name: 0.1}} for name in regularisers.NAMED},
    "concatenation": {"conditioning": "concatenation"},
    "projection": {"conditioning": "projection"},
    "classifier": {"conditioning": "classifier"},
    "conditional_batch": {"generator_normalization": "conditional_batch"},
    "spectral": {"discriminator_normalization": "spectral"},
    "diffaugment": {"augment": "diffaugment"},
    "ada": {"augment": "ada"},
    "ema": {"ema": 0.9},
    "packing": {"packing": 2},
    "shared": {"fakes": "shared"},
    "critic_steps": {"critic_steps": 2},
    "rates": {"generator_learning_rate": 1e-3, "discriminator_learning_rate": 3e-3},
}
MAPPING = {"cyclegan", "pix2pix", "srgan"}
SERIES = {"rcgan", "wavegan"}
OWN_OUTPUTS = {"aae", "began", "bigan", "ebgan", "fastgan"}
CLASSES_OF_D = {"acgan", "biggan", "projection_gan", "reacgan", "sagan"}
TOLD = [
    (MAPPING, "whose generator maps samples to samples"),
    (OWN_OUTPUTS, "whose discriminator has outputs of its own kind"),
    ({"sgan"}, "whose labels may be missing"),
    ({"ctgan"}, "whose conditions are the categories of the table"),
]
PACKS = [({"pacgan"}, "packing=2 is not defined with conditioning=")]
REFUSED = {
    "consistency": [
        ({"aae"}, "that of aae judges no images"),
        (SERIES, "moves images, and the data are series"),
        ({"ctgan"}, "moves images, and the data are rows of a table"),
    ],
    "balanced_consistency": [
        ({"aae"}, "that of aae judges no images"),
        (SERIES, "moves images, and the data are series"),
        ({"ctgan"}, "moves images, and the data are rows of a table"),
    ],
    "feature_matching": [
        (OWN_OUTPUTS | {"cyclegan", "pix2pix"}, "reads the features below the logits")
    ],
    "path_length": [(MAPPING, "maps samples to samples")],
    "concatenation": TOLD,
    "projection": TOLD + PACKS,
    "classifier": TOLD + PACKS,
    "conditional_batch": [
        *[(names, reason) for names, reason in TOLD if names is not OWN_OUTPUTS],
        ({"fastgan"}, "has no batch normalisation"),
    ],
    "diffaugment": [
        ({"aae"}, "whose discriminator judges no samples"),
        (SERIES, "changes images, but the data are series"),
        ({"ctgan"}, "changes images, but the data are rows of a table"),
    ],
    "ada": [
        ({"aae"}, "whose discriminator judges no samples"),
        (
            {"began", "ctgan", "ebgan", "r3gan", "ragan", "rsgan", "wavegan", "wgan", "wgan_gp"},
            "gives the sign no meaning",
        ),
        ({"rcgan"}, "changes images, but the data are series"),
    ],
    "packing": [
        (CLASSES_OF_D, "packing=2 is not defined with conditioning="),
        (OWN_OUTPUTS - {"bigan"} | MAPPING | {"infogan", "sgan"}, "packing=2 is not defined for"),
    ],
}
PAIRS = {
    frozenset({"packing", "projection"}): "packing=2 is not defined with",
    frozenset({"packing", "classifier"}): "packing=2 is not defined with",
    frozenset({"ada", "wasserstein"}): "gives the sign no meaning",
}


def reason(name, axes):
    """Words of the sentence that refuses these axes together; None if they work."""
    known = registry.find(name).hyperparameters()
    for key, value in itertools.chain(*(AXES[axis].items() for axis in axes)):
        if key not in known:
            return f"{name} has its own {key}"
        if known[key].choices and value not in known[key].choices:
            return f"{key}={value!r} must be one of"
    for axis in axes:
        for names, words in REFUSED.get(axis, []):
            if name in names:
                return words
    return PAIRS.get(frozenset(axes))


@functools.cache
def subject_of(name):
    """The GAN with the smallest networks that it has."""
    cls = registry.find(name)
    known = cls.hyperparameters()
    networks = known["architecture"].choices or () if "architecture" in known else ()
    return checks.Subject(cls, **{"architecture": "mlp"} if "mlp" in networks else {})


def composed(name, *axes):
    """The GAN built with these axes."""
    chosen = {}
    for key, value in itertools.chain(*(AXES[axis].items() for axis in axes)):
        chosen[key] = chosen.get(key, {}) | value if isinstance(value, dict) else value
    subject = subject_of(name)
    gan = subject.make(**chosen)
    rows = subject.rows(subject.images[:40], np.arange(40) % 3)
    if subject.is_table:
        rows = subject.digits
    gan.build_from(*(rows if isinstance(rows, tuple) else (rows,)), batch_size=4)
    return gan


def check(name, *axes):
    if words := reason(name, axes):
        with pytest.raises(ValueError, match=words):
            composed(name, *axes)
        return
    gan = composed(name, *axes)
    for axis in axes:
        for key, value in AXES[axis].items():
            assert getattr(gan, key) == value or value.items() <= getattr(gan, key).items()
            if key in ("penalties", "regularisers"):
                assert {*value} <= {*gan.log.names}, f"{axis} is no term of a loss"
        if key == "conditioning" or axis == "conditional_batch":
            assert "label" in gan.inputs


@pytest.mark.slow
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("name", ganzoo.names())
def test_one_axis(name, axis):
    check(name, axis)


def pairs(count, seed):
    """Random names, each with two axes that don't set the same hyper-parameter twice."""
    draw = random.Random(seed)
    while count:
        name, *axes = draw.choice(ganzoo.names()), *draw.sample(sorted(AXES), 2)
        one, other = (AXES[axis] for axis in axes)
        if all(isinstance(one[key], dict) for key in one.keys() & other.keys()):
            count -= 1
            yield pytest.param(name, axes, id=f"{name}-{'-'.join(axes)}")


@pytest.mark.parametrize(("name", "axes"), pairs(16, seed=0))
def test_random_pairs(name, axes):
    check(name, *axes)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "axes"), pairs(200, seed=1))
def test_many_random_pairs(name, axes):
    check(name, *axes)


def test_all_kinds_of_axes_train_at_once():
    """All kinds of axes at once, with a step of training."""
    gan = ganzoo.get(
        "lsgan", architecture="resnet", penalties={"r1": 1.0}, conditioning="projection",
        augment="diffaugment", ema=0.999, width=4, latent_dim=4,
    )  # fmt: skip
    x = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), "uint8")
    history = gan.fit(x, np.arange(32) % 3, batch_size=16, steps_per_epoch=1, verbose=0).history
    assert np.isfinite(history["discriminator"][0]) and "r1" in history
