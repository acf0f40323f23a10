"""The contract, for every registered name."""

import functools

import pytest

import ganzoo
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
SAME_MECHANISM = {  # costly checks of these are slow tests; the other has the same parts
    "acgan": "cgan",
    "dcgan": "lsgan",
    "gan": "lsgan",
    "minimax_gan": "lsgan",
}


def cases():
    for name in NAMES:
        for check in checks.CHECKS:
            slow = [pytest.mark.slow] * (check in COSTLY and name in SAME_MECHANISM)
            yield pytest.param(name, check, marks=slow, id=f"{name}-{check.__name__}")


@functools.cache
def subject_of(name):
    return checks.Subject(registry.find(name))


@pytest.mark.parametrize(("name", "check"), cases())
def test_contract(name, check):
    checks.run(check, subject_of(name))


def test_a_representative_is_checked_in_full():
    assert SAME_MECHANISM.keys() <= set(NAMES)
    assert not SAME_MECHANISM.keys() & set(SAME_MECHANISM.values())


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
