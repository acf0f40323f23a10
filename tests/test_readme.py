"""The README and the documentation say what is true: tables, links and code."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))  # its files import one another, as a script's do
try:
    import pages
finally:
    sys.path.remove(str(ROOT / "benchmarks"))

README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
MARKDOWN = [README, *DOCS, *ROOT.glob("*/README.md"), *ROOT.glob("*/*/README.md"),
            ROOT / "CONTRIBUTING.md"]  # fmt: skip


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_tables_are_the_cards_and_the_results(page):
    text = page.read_text()
    assert "<!-- end of " in text
    assert pages.with_tables(text) == text, "stale: run `python benchmarks/pages.py`"


def test_a_stale_table_is_seen():
    text = (ROOT / "results" / "README.md").read_text()
    assert text.count("| tf.function | ") == 1
    stale = text.replace("| tf.function | ", "| tf | ")
    assert pages.with_tables(stale) == text


def anchors(page):
    """The names of a page's headings in links, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = page.read_text()
    links = re.findall(r"\]\((?!http)([^)]+)\)", text)
    links += re.findall(r'(?:href|src)="(?!http)([^"]+)"', text)
    for link in links:
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{link} is not there"
        assert not anchor or anchor in anchors(target), f"{link} has no such heading"


def test_the_version_is_the_same_everywhere():
    import ganzoo

    assert f"\nversion: {ganzoo.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {ganzoo.__version__} " in (ROOT / "CHANGELOG.md").read_text()


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_readme_is_short():
    assert len(README.read_text().split()) <= 900


def test_ten_lines_of_python_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, composed = blocks(README)
    assert code.count("\n") <= 12
    small = code.replace('"mnist5k"), epochs=20', '"digits"), epochs=1')
    assert small != code
    exec(small + composed, {})
    assert (tmp_path / "serving/lsgan/1/saved_model.pb").is_file()
    assert (tmp_path / "lsgan.onnx").is_file()


@pytest.mark.parametrize(
    "page",
    [page for page in DOCS if blocks(page) and page.stem != "adding_a_gan"],
    ids=lambda page: page.stem,
)
def test_the_code_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks(page):
        exec(block, names)


@pytest.fixture
def hinge_gan(monkeypatch):
    """The class of the page that tells how to add a GAN."""
    from ganzoo.foundation import registry

    monkeypatch.setattr(registry, "_classes", dict(registry._classes))
    names = {}
    exec(blocks(ROOT / "docs" / "adding_a_gan.md")[0], names)
    return names["HingeGAN"]


def test_the_gan_in_one_file_keeps_the_contract(hinge_gan):
    import ganzoo
    from ganzoo.testing import checks

    assert "hinge_gan" in ganzoo.names()
    subject = checks.Subject(hinge_gan)
    for check in (checks.check_record, checks.check_resume, checks.check_onnx):
        checks.run(check, subject)


@pytest.mark.slow
def test_the_gan_in_one_file_keeps_the_whole_contract(hinge_gan):
    exec(blocks(ROOT / "docs" / "adding_a_gan.md")[1], {"HingeGAN": hinge_gan})
