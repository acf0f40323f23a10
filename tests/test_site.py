"""The documentation site is built without a warning, and needs no network."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import ganzoo

pytestmark = pytest.mark.slow  # .ci/run has it too
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site."""
    folder = tmp_path_factory.mktemp("site")
    options = ["-q", "-W", "--keep-going", "-c", "docs", "-d", folder / "cache"]
    command = [sys.executable, "-m", "sphinx", *options, ".", folder / "html"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_every_page_and_notebook_is_there(site):
    sources = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("colab/*.ipynb")]
    for source in sources:
        assert (site / source.relative_to(ROOT).with_suffix(".html")).is_file(), source


def test_nothing_is_fetched_from_the_network(site):
    for page in site.rglob("*.html"):
        for tag in re.findall(r"<(?:script|link|img|iframe)[^>]+>", page.read_text()):
            assert not re.search(r'(?:src|href)="(?:https?:)?//', tag), (page, tag)


def test_formulas_need_no_script(site):
    assert "<math" in (site / "colab" / "the_game.html").read_text()


def test_the_reference_has_what_is_public(site):
    text = (site / "docs" / "reference.html").read_text()
    names = ["ganzoo.get", "ganzoo.load", "ganzoo.core.gan.GAN.sample", *ganzoo._PUBLIC.values()]
    for name in names:
        assert f'id="{name}' in text or f'id="module-{name}' in text, name


def test_every_game_is_described(site):
    text = (site / "docs" / "games.html").read_text()
    assert [name for name in ganzoo.names() if f'id="ganzoo.zoo.{name}.' not in text] == []
