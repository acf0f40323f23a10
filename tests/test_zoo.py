"""The contract, for every registered name."""

import functools
import types

import pytest

import ganzoo
from ganzoo.core.gan import GAN
from ganzoo.foundation import registry
from ganzoo.testing import checks

NAMES = ganzoo.names()
REPRESENTATIVES = {
    "began",
    "bigan",
    "cgan",
    "ctgan",
    "gan",
    "pix2pix",
    "r1gan",
    "sgan",
    "srgan",
    "wgan",
}
"""Each has a mechanism that the others lack. The checks of all other names are slow tests."""
MOST_DIFFERENT = {"began", "cgan", "gan", "pix2pix"}
COSTLY = {
    checks.check_shapes: MOST_DIFFERENT,
    checks.check_saved_model: MOST_DIFFERENT,
    checks.check_onnx: MOST_DIFFERENT,
    checks.check_two_replicas_equal_one: MOST_DIFFERENT - {"pix2pix"},
    checks.check_tiny_problem: MOST_DIFFERENT - {"pix2pix"},
}
"""These checks take seconds, so they are quick tests of these names only."""
LARGE = {
    "biggan", "cyclegan", "fastgan", "projection_gan", "reacgan", "sagan", "sngan", "stylegan2",
}  # fmt: skip
"""They have mechanisms that no representative has. Their networks take seconds to trace, so only
slow tests check them; their networks and losses have tests of their own."""


def mechanisms(cls):
    """What a game does otherwise than `GAN`: the kinds of its data, penalties, and hooks."""
    own = {name for part in cls.__mro__[: cls.__mro__.index(GAN)] for name in vars(part)}
    return {
        *(name for name in own if not name.startswith("_") and name in HOOKS),
        *(f"a {'missing ' * column.optional}{column.kind}" for column in cls.columns.values()),
        *(f"a label to the {network}" for network in cls.label_to),
        *["penalties"] * isinstance(cls.penalties, dict),
    }


HOOKS = {
    name
    for cls in map(registry.find, NAMES)
    for part in cls.__mro__[: cls.__mro__.index(GAN)]
    for name, value in vars(part).items()
    if hasattr(GAN, name) and isinstance(value, types.FunctionType | property)
}


def cases():
    for name in NAMES:
        for check in checks.CHECKS:
            quick = name in COSTLY.get(check, REPRESENTATIVES) or check is checks.check_record
            marks = [] if quick else [pytest.mark.slow]
            yield pytest.param(name, check, marks=marks, id=f"{name}-{check.__name__}")


@functools.lru_cache(1)  # all GANs at once would take gigabytes
def subject_of(name):
    return checks.Subject(registry.find(name))


@pytest.mark.parametrize(("name", "check"), cases())
def test_contract(name, check):
    checks.run(check, subject_of(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_trains_with_its_own_networks(name):
    """The contract has small networks and images; some faults of TensorFlow show with others."""
    gan = ganzoo.get(name)
    gan.fit(ganzoo.data.load(gan.default_data), steps_per_epoch=1, verbose=0)
    assert gan.step == 1


def test_every_mechanism_has_a_representative():
    checked = set().union(*(mechanisms(registry.find(name)) for name in REPRESENTATIVES))
    for name in {*NAMES} - LARGE:
        new = mechanisms(registry.find(name)) - checked
        assert not new, f"add {name} to REPRESENTATIVES: no other has {sorted(new)}"


def test_the_ten_games_are_there():
    assert set(NAMES) >= {
        "gan", "minimax_gan", "dcgan", "cgan", "lsgan", "infogan",
        "wgan_gp", "r3gan", "bigan", "began",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_waivers_name_checks_and_reasons(name):
    waivers = getattr(registry.find(name), "waivers", {})
    assert waivers.keys() <= {check.__name__ for check in checks.CHECKS}
    assert all(len(reason) > 10 for reason in waivers.values())
