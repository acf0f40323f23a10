"""The README says what is true: its tables are the cards' and the results', its code runs."""

import csv
import re
from pathlib import Path

import pytest

import ganzoo

README = Path(__file__).parent.parent / "README.md"
INFERENCE = README.parent / "results" / "inference.csv"
SHOWN = (
    "keras predict",
    "tf.function",
    "onnxruntime plain tf2onnx",
    "onnxruntime ganzoo float32",
    "onnxruntime ganzoo int8",
    "openvino f32",
    "openvino rewritten bf16",
    "pytorch f32",
    "pytorch bf16",
)


def inference():
    """The speeds on 28×28 as Markdown, from the results."""
    with open(INFERENCE, newline="") as file:
        rows = {(r["net"], r["runtime"], r["batch"]): r for r in csv.DictReader(file)}
    head = ("runtime", "1 sample", "64 samples", "times the plain export", "largest difference")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for runtime in SHOWN:
        one, many = (rows["28x28x1", runtime, batch] for batch in ("1", "64"))
        decibels = f" ({float(one['psnr']):.0f} dB)" if float(one["psnr"]) < 100 else ""
        lines.append(
            f"| {runtime} | {one['milliseconds']} | {many['milliseconds']} | "
            f"{one['ratio']}, {many['ratio']} | {one['difference']}{decibels} |"
        )
    return "\n".join(lines) + "\n"


def modes():
    """The medians over seeds with the common recipe as Markdown, from the results."""
    with open(INFERENCE.with_name("modes.csv"), newline="") as file:
        rows = [r for r in csv.DictReader(file) if (r["seed"], r["recipe"]) == ("median", "common")]
    head = ("data", "name", "modes", "of high quality", "KL to uniform", "mode std ÷ true std")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in sorted(rows, key=lambda r: (r["data"], -float(r["modes"]), float(r["mode_kl"]))):
        numbers = [f"{float(row[key]):.3f}" for key in ("high_quality", "mode_kl", "mode_std")]
        counted = f"{float(row['modes']):g} of {row['of']}"
        name = f"{row['name']}, {row['set']}" if row["set"] else row["name"]
        lines.append(f"| {' | '.join([row['data'], name, counted, *numbers])} |")
    return "\n".join(lines) + "\n"


def augmentation():
    """What samples and classical moves add to a classifier's accuracy, from the results."""
    with open(INFERENCE.with_name("augmentation.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    head = ("images per class", "accuracy", *(arm.replace("real", "", 1) for arm in arms[1:]))
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for count in dict.fromkeys(row["per_class"] for row in rows):
        real, *more = (
            {k: 100 * float(r[k] or 0) for k in ("accuracy", "difference", "difference_high")}
            for r in rows
            if r["per_class"] == count
        )
        cells = [count, f"{real['accuracy']:.1f}%"]
        for arm in more:
            spread = arm["difference_high"] - arm["difference"]
            cells.append(f"{arm['difference']:+.1f} ± {spread:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def zoo():
    """The zoo as Markdown, from the cards."""
    pictures = {path.stem for path in (INFERENCE.parent / "zoo").glob("*.png")}
    head = [*[""] * bool(pictures), "name", "paper", "", "trained on"]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for card in map(ganzoo.card, ganzoo.names()):
        paper = f"{card.title} ({card.authors.split(',')[0]} et al. {card.year})"
        link = f"[{card.arxiv}](https://arxiv.org/abs/{card.arxiv})"
        file = ganzoo.get(card.name).__class__.__module__.replace(".", "/") + ".py"
        cells = [f"[`{card.name}`]({file})", paper, link, ", ".join(card.data)]
        if pictures:
            shown = f'<img src="results/zoo/{card.name}.png" width="200">'
            cells.insert(0, shown if card.name in pictures else "")
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def with_tables(text):
    for table in (zoo, inference, modes, augmentation):
        name = table.__name__
        marks = re.compile(rf"(<!-- {name}:[^\n]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        text, found = marks.subn(lambda match, table=table: match[1] + table() + match[2], text)
        assert found == 1
    return text


def test_the_tables_are_the_cards_and_the_results():
    text = README.read_text()
    assert with_tables(text) == text, "stale: run `python tests/test_readme.py`"


@pytest.mark.parametrize(
    ("word", "other"), [("`lsgan`", "`lsgon`"), ("| tf.function | ", "| tf | ")]
)
def test_a_stale_table_is_seen(word, other):
    stale = README.read_text().replace(word, other)
    assert with_tables(stale) != stale


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
    assert (tmp_path / "lsgan.onnx").is_file()


def test_the_gan_in_one_file_keeps_the_contract(monkeypatch):
    from ganzoo.foundation import registry
    from ganzoo.testing import checks

    monkeypatch.setattr(registry, "_classes", dict(registry._classes))
    names = {}
    exec(blocks()[1], names)
    assert "hinge_gan" in ganzoo.names()
    subject = checks.Subject(names["HingeGAN"])
    for check in (checks.check_record, checks.check_resume, checks.check_onnx):
        checks.run(check, subject)


@pytest.mark.slow
def test_the_gan_in_one_file_keeps_the_whole_contract(monkeypatch):
    from ganzoo.foundation import registry
    from ganzoo.testing import checks

    monkeypatch.setattr(registry, "_classes", dict(registry._classes))
    names = {}
    exec(blocks()[1], names)
    checks.check_gan(names["HingeGAN"])


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
