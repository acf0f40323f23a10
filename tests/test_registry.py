"""Plugins come through the entry-point group, and a broken one doesn't take the zoo down."""

import pytest

import ganzoo
from ganzoo.foundation import registry

PLUGIN = '''
from ganzoo.core.gan import GAN
from ganzoo.foundation.registry import register


@register("theirs")
class Theirs(GAN):
    """Their Paper.

    Somebody, Else 2030, arXiv:3001.00001, eq. 1.

        L_D = −E log D(x) − E log(1 − D(G(z)))
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
    gan = ganzoo.get("theirs", width=4)
    gan.fit(ganzoo.data.load("digits"), steps_per_epoch=1, verbose=0)
    assert gan.sample(2).shape == (2, 8, 8, 1)
