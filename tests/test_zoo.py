"""The contract, for every registered name."""

import functools
import types

import pytest

import ganzoo
from ganzoo.core.gan import GAN
from ganzoo.foundation import registry
from ganzoo.testing import checks

NAMES = ganzoo.names()
COSTLY = {
    checks.check_two_replicas_equal_one,
    checks.check_resume,
    checks.check_seed,
    checks.check_saved_model,
    checks.check_onnx,
    checks.check_neither_loss_moves_the_other_player,
    checks.check_shapes,
    checks.check_tiny_problem,
}
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
"""Each has a mechanism that the others lack. Costly checks of all other names are slow tests."""
SPREAD = {
    checks.check_two_replicas_equal_one,
    checks.check_shapes,
    checks.check_saved_model,
    checks.check_onnx,
    checks.check_tiny_problem,
}
"""These are quick tests of the four names that differ most in what they check."""
MOST_DIFFERENT = {"began", "cgan", "gan", "pix2pix"}
LARGE = {
    "biggan", "cyclegan", "fastgan", "projection_gan", "reacgan", "sagan", "sngan", "stylegan2",
}  # fmt: skip
"""All checks of these are slow tests, for their networks take seconds to trace. Their networks and
losses have tests of their own."""


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


PLAIN = {name for name in NAMES if not HOOKS & mechanisms(registry.find(name))} - REPRESENTATIVES
"""These are `GAN` with an objective, penalties or networks of their own, which have other tests."""


def cases():
    for name in NAMES:
        for check in checks.CHECKS:
            quick = MOST_DIFFERENT if check in SPREAD else REPRESENTATIVES
            slow = name in LARGE or (check in COSTLY and name not in quick)
            slow |= name in PLAIN and check is not checks.check_record
            marks = [pytest.mark.slow] * slow
            yield pytest.param(name, check, marks=marks, id=f"{name}-{check.__name__}")


@functools.cache
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
