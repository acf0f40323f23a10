"""Plugins come through the entry-point group, and a broken one doesn't take the zoo down."""

import csv
from pathlib import Path

import pytest

import ganzoo
from ganzoo.foundation import claims, registry

PLUGIN = '''
from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register


@register("theirs")
class Theirs(GAN):
    """Their Paper.

    Somebody, Else 2030, arXiv:3001.00001, eq. 1.

        L_D = −E log D(x) − E log(1 − D(G(z)))

    Reported: FID 3
    on their data.

    Deviation: none.
    """
'''


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A distribution with two plugins, of which one doesn't import."""
    (tmp_path / "their_gans.py").write_text(PLUGIN)
    (tmp_path / "broken_gans.py").write_text("import a_package_that_is_not_there")
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[ganzoo.models]\nbroken = broken_gans\ntheirs = their_gans\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    ganzoo.names()
    monkeypatch.setattr(registry, "_classes", dict(registry._classes))
    monkeypatch.setattr(registry, "_loaded", False)


def test_plugins_are_found_and_broken_ones_left_out(installed):
    with pytest.warns(UserWarning, match="'broken'.*a_package_that_is_not_there"):
        names = ganzoo.names()
    assert "theirs" in names and "lsgan" in names
    card = ganzoo.card("theirs")
    assert (card.title, card.authors, card.year) == ("Their Paper", "Somebody, Else", 2030)
    assert card.reported == "FID 3 on their data." and not card.measured
    gan = ganzoo.get("theirs", width=4)
    gan.fit(ganzoo.data.load("digits"), steps_per_epoch=1, verbose=0)
    assert gan.sample(2).shape == (2, 8, 8, 1)


CLAIMS = """claim,seed,measure,value,bar,beside,value_beside
lsgan,7,share,0.5,>= 0.4,share of real,0.75
lsgan,8,share,0.7,>= 0.4,share of real,0.85
lsgan,7,"distance, in nats",2,,,
cgan,7,share,1,> beside,,
"""


def test_a_card_has_what_was_measured_in_the_checkout(tmp_path, monkeypatch, ganzoo_in):
    monkeypatch.setattr(claims, "FILE", tmp_path / "claims.csv")
    assert ganzoo.card("lsgan").measured == ()
    (tmp_path / "claims.csv").write_text(CLAIMS)
    card = ganzoo.card("lsgan")
    assert card.measured == (
        "share: 0.6 (0.5 to 0.7 over 2 seeds; asked: >= 0.4; beside it, share of real: 0.8), by "
        "python benchmarks/claims lsgan",
        "distance, in nats: 2 (2 to 2 over one seed), by python benchmarks/claims lsgan",
    )
    code, out, err = ganzoo_in(tmp_path, "show lsgan")
    assert (code, err) == (0, "")
    for line in (f"reported: {card.reported}", *(f"measured: {x}" for x in card.measured)):
        assert line in str(card).splitlines() and line in out.splitlines()


def test_every_row_of_the_claims_is_on_a_card(monkeypatch):
    # Of the checkout: the package may be installed elsewhere.
    monkeypatch.setattr(claims, "FILE", Path(__file__).parents[1] / "results" / "claims.csv")
    with claims.FILE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in {row["claim"] for row in rows} & {*ganzoo.names()}:
        measures = {row["measure"] for row in rows if row["claim"] == name}
        assert {line.partition(": ")[0] for line in ganzoo.card(name).measured} == measures
