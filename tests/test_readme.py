"""The README says what is true: its table is the cards', its code runs."""

import re
from pathlib import Path

import pytest

import ganzoo

README = Path(__file__).parent.parent / "README.md"
TABLE = re.compile(r"(<!-- zoo:[^\n]*-->\n).*?(<!-- end of zoo -->)", re.DOTALL)


def table():
    """The zoo as Markdown, from the cards."""
    rows = ["| name | paper | | labels |", "|---|---|---|---|"]
    for card in map(ganzoo.card, ganzoo.names()):
        paper = f"{card.title} ({card.authors.split(',')[0]} et al. {card.year})"
        link = f"[{card.arxiv}](https://arxiv.org/abs/{card.arxiv})"
        file = ganzoo.get(card.name).__class__.__module__.replace(".", "/") + ".py"
        labels = "yes" if card.conditional else ""
        rows.append(f"| [`{card.name}`]({file}) | {paper} | {link} | {labels} |")
    return "\n".join(rows) + "\n"


def with_table(text):
    return TABLE.sub(lambda match: match[1] + table() + match[2], text)


def test_the_table_is_the_cards():
    text = README.read_text()
    assert with_table(text) == text, "stale: run `python tests/test_readme.py`"


def test_a_stale_table_is_seen():
    stale = README.read_text().replace("`lsgan`", "`lsgon`")
    assert with_table(stale) != stale


def test_links_lead_somewhere():
    for link in re.findall(r"\]\((?!http)([^)]+)\)", README.read_text()):
        assert (README.parent / link).exists(), f"{link} is not there"


def blocks():
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_ten_lines_of_python_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = blocks()[0]
    assert code.count("\n") <= 12
    small = code.replace('"mnist5k"), epochs=20', '"digits"), epochs=1')
    assert small != code
    exec(small, {})
    assert (tmp_path / "serving/lsgan/1/saved_model.pb").is_file()
    assert (tmp_path / "onnx/lsgan/1/model.onnx").is_file()


def test_the_gan_in_one_file_keeps_the_contract(monkeypatch):
    from ganzoo import checks, registry

    monkeypatch.setattr(registry, "_classes", dict(registry._classes))
    names = {}
    exec(blocks()[1], names)
    assert "hinge_gan" in ganzoo.names()
    subject = checks.Subject(names["HingeGAN"])
    for check in (checks.check_record, checks.check_resume, checks.check_onnx):
        checks.run(check, subject)


@pytest.mark.slow
def test_the_gan_in_one_file_keeps_the_whole_contract(monkeypatch):
    from ganzoo import checks, registry

    monkeypatch.setattr(registry, "_classes", dict(registry._classes))
    names = {}
    exec(blocks()[1], names)
    checks.check_gan(names["HingeGAN"])


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
