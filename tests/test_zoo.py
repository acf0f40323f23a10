"""The contract, for every registered name."""

import pytest

import ganzoo
from ganzoo.foundation import registry
from ganzoo.testing import checks

NAMES = ganzoo.names()


@pytest.fixture(scope="module", params=NAMES)
def subject(request):
    return checks.Subject(registry.find(request.param))


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
def test_contract(subject, check):
    checks.run(check, subject)


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
