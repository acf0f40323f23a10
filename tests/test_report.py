"""`ganzoo report` and `ganzoo compare`: one file each, that any reader and any browser can read."""

import html.parser
import itertools
import json
import re
import shutil

import numpy as np
import pytest

import ganzoo
from ganzoo.diagnosis import Diagnosis, Finding
from ganzoo.reporting import advice, comparison, facts, markup, plots, report
from ganzoo.training import runs
from ganzoo.training.folder import Run

WORDS_FOR_NUMBERS = '{"metrics": {"kid": {"value": "1", "low": 0, "high": 2, "n": 9}}}'
SMALL = {"hyperparameters": {"width": 8, "architecture": "mlp"}, "steps": 3, "export": False}


FOUND = Finding("mode_collapse", 2, {"diversity": 0.123456, "duplicates": 0.5}, "packing=2")
DIAGNOSED = Diagnosis("mode_collapse", (FOUND,), 3, ("A note.",))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The runs of a GAN on labelled images, on points, and on pairs."""
    home = tmp_path_factory.mktemp("reported")
    for folder, name, dataset in (("images", "cgan", "digits"), ("points", "gan", "ring")):
        runs.train(name, dataset, out=home / folder, command=f"ganzoo train {name} <&>", **SMALL)
    run = Run.at(home / "points")
    run.export(run.load(), "onnx")
    mapping = ganzoo.get("pix2pix", width=8)  # not trained, which would take seconds
    field = ganzoo.data.Field.learn((16, 16, 1), "uint8", 0, 255)
    mapping.build_for({"source": field, "target": field})
    run = Run.new(home / "pairs", {"gan": "pix2pix", "data": "digit_pairs", "replicas": 1})
    mapping.save(run.path / "model.keras")
    rows = dict.fromkeys(("source", "target"), np.zeros((2, 16, 16, 1), "uint8"))
    plots.save_picture(mapping, run.path / "samples.png", real=rows)
    return home


@pytest.fixture
def run(home, tmp_path):
    """A copy of the run on points, which a test may damage."""
    shutil.copytree(home / "points", tmp_path / "run")
    return Run.at(tmp_path / "run")


class Page(html.parser.HTMLParser):
    """What a page consists of."""

    VOID = ("meta", "link", "img", "br", "wbr")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text, self.problems, self.headings = [], [], "", [], []
        self.feed(text)
        self.close()
        self.problems += [f"<{tag}> is not closed" for tag in self.open]

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append([int(tag[1]), ""])

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")

    def handle_data(self, text):
        if "style" not in self.open:
            self.text += text
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            self.headings[-1][1] += text

    def having(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


def checked(text):
    """The page, after everything was checked that holds for all pages."""
    page = Page(text)
    assert page.problems == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        for key in ("href", "src"):
            if key in attributes:
                assert re.match(r"data:|#", attributes[key]), (tag, attributes[key][:80])
        assert not {key for key in attributes if key.startswith("on")}
        named = attributes.get("aria-labelledby")
        assert named is None or named in ids
    assert not page.having("script", "iframe", "object")
    assert not re.search(r"url\(|@import", text)
    links = [attributes["href"][1:] for attributes in page.having("a")]
    assert links and set(links) <= set(ids)
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(title.strip() for _, title in page.headings)
    for attributes in page.having("img"):
        assert len(attributes["alt"]) > 3 and int(attributes["width"]) > 0
    alts = [attributes["alt"] for attributes in page.having("img")]
    assert len(alts) == len(set(alts))  # each says what is special about its picture
    for attributes in page.having("th"):
        assert attributes["scope"] in ("row", "col")
    assert page.tags[0] == ("html", {"lang": "en"})
    assert "prefers-color-scheme: dark" in text
    return page


def sections(page):
    return [title for level, title in page.headings if level == 2]


# ---- the report


def test_the_report_of_images(home):
    page = checked(report.build(Run.at(home / "images"), diagnosis=DIAGNOSED))
    assert page.headings[0][1] == "cgan on digits"
    assert sections(page) == [
        "What to do next", "Diagnosis", "Samples", "Losses and signals", "Latents",
        "Nearest training samples", "Configuration",
    ]  # fmt: skip
    alts = " / ".join(attributes["alt"] for attributes in page.having("img"))
    for words in ("Samples of the trained GAN", "Curves of discriminator, generator in 1 epoch",
                  "Rows of samples whose latents lead", "A row of samples for each class",
                  "Samples beside their nearest training samples"):  # fmt: skip
        assert words in alts
    assert "Each row shows one class" in page.text
    assert "Mode collapse at step 3: the generator's samples are too much alike, or" in page.text
    assert "1. Mode collapse since step 2 (diversity 0.123, duplicates 0.5)" in page.text
    assert "Mend: packing=2, or packing=2 on the command line" in page.text
    assert "A note." in page.text
    assert "ganzoo train cgan <&>" in page.text  # escaped, or it would not be text
    assert "width8None" in page.text.replace("\n", "")  # differs from its default


def test_the_report_of_points(home):
    page = checked(report.build(Run.at(home / "points")))
    assert "Diagnosis" not in sections(page) and "Model and data" in sections(page)
    assert "Exports" in sections(page) and "every file has its certified hash" in page.text
    alts = " / ".join(attributes["alt"] for attributes in page.having("img"))
    assert "Samples over the density of the data" in alts
    assert "The discriminator’s logits around the data" in alts


def test_the_report_of_pairs(home):
    page = checked(report.build(Run.at(home / "pairs")))
    assert sections(page) == [
        "What to do next", "Samples", "Losses and signals", "Configuration",
    ]  # fmt: skip
    assert "What is given, what the generator makes of it" in page.text


def test_all_that_a_run_may_have(run):
    (run.path / "signals.csv").write_text("step,logits_real,never\n1,0.5,\n2,0.75,nan\n")
    metrics = {
        "frechet": {"value": 2.5, "low": 2, "high": 3, "n": 600, "ratio": 5.1, "reference": 0.5,
                    "extractor": "judge", "hash": "abc", "split": "a half", "note": "one split"},
        "copies": {"value": 0.2, "low": 0.15, "high": 0.25, "n": 600, "reference": 0.01},
        "kid": {"value": None, "low": None, "high": None, "n": 600},
        "discriminator": {"value": 1, "low": 1, "high": 1, "n": 9, "extractor": "critic of gan"},
    }  # fmt: skip
    told = {"metrics": metrics, "refused": {"parzen": "too few <samples>."}, "step": 3}
    (run.path / "evaluation.json").write_text(json.dumps(told))
    shutil.copy(run.path / "samples/epoch_0001.png", run.path / "samples/epoch_0002.png")
    text = report.build(run, diagnosis=DIAGNOSED)
    page = checked(text)
    assert "image/webp" in text and "Show as an animation" in page.text
    alts = [attributes["alt"] for attributes in page.having("img")]
    assert "Curve of logits real: 0.5 at first and 0.75 at last, between 0.5 and 0.75" in alts
    assert "never, which was never a finite number" in alts
    assert "parzen was not measured: too few <samples>." in page.text
    assert "is 5.1 times that of real samples" in page.text
    assert "20.0% of the samples almost equal a training sample" in page.text
    assert page.text.index("term of a loss") > page.text.index("not finite")


def test_the_report_of_a_training_that_just_began(run):
    for name in (
        "model.keras", "best.keras", "best.csv", "history.csv", "signals.csv", "samples.png",
    ):  # fmt: skip
        (run.path / name).unlink(missing_ok=True)
    for name in ("samples", "checkpoints", "export"):
        shutil.rmtree(run.path / name)
    page = checked(report.build(run))
    assert "no epoch was trained." in page.text
    assert "Training stopped before its first epoch. Continue it with ganzoo train" in page.text
    assert "holds no saved GAN" in page.text
    assert "No samples were drawn yet." in page.text and "No epoch was finished yet." in page.text


def test_data_that_were_moved_away(run):
    config = json.loads((run.path / "config.json").read_text())
    (run.path / "config.json").write_text(json.dumps(config | {"data": "folder:gone"}))
    page = checked(report.build(run))
    assert "The data can’t be read, so they are not shown:" in page.text


def test_an_export_that_was_altered(run):
    with (run.path / "export/onnx/1/model.onnx").open("ab") as file:
        file.write(b"x")
    page = checked(report.build(run))
    assert "was altered" in page.text and "every file has its certified hash" not in page.text
    assert "Don’t deploy the export onnx/1" in page.text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("signals.csv", "step,a\n1,x\n", "signals.csv can't be read"),
        ("signals.csv", "a\n1\n", "signals.csv can't be read"),
        ("signals.csv", "step,a\n1,2,3\n", "signals.csv can't be read"),
        ("samples.png", "x", "samples.png can't be read: it is no picture"),
        ("samples/epoch_0002.png", "", "epoch_0002.png can't be read: it is no picture"),
        ("evaluation.json", WORDS_FOR_NUMBERS, "evaluation.json can't be read"),
        ("evaluation.json", "{", "evaluation.json can't be read"),
        ("evaluation.json", '{"metrics": {"kid": 1}}', "evaluation.json can't be read"),
        ("history.csv", "epoch\nx\n", "history.csv can't be read"),
        ("config.json", "[]", "config.json can't be read"),
    ],
)
def test_damaged_files_are_named(run, name, content, words):
    (run.path / name).write_text(content)
    with pytest.raises(ValueError, match=words) as error:
        report.build(run)
    assert "\n" not in str(error.value)


def test_next_steps_quote_the_folder(run, tmp_path):
    run.path.rename(tmp_path / "a b")
    steps = advice.next_steps(Run.at(tmp_path / "a b"), None, {}, {})
    assert any("ganzoo evaluate '" in step and "/a b'" in step for step in steps)
    (end,) = [step for step in steps if "ganzoo export" in step]
    assert end.endswith("--format onnx`.")
    diagnosed = Diagnosis("too_early")
    steps = advice.next_steps(Run.at(tmp_path / "a b"), diagnosed, {}, {"onnx/1": {}})
    assert any("Train longer" in step for step in steps)
    assert any("ganzoo verify" in step for step in steps)


def test_a_failed_training_is_not_to_be_deployed(run):
    found = Finding("mode_collapse", 25, {"diversity": 0.1}, "critic_steps=2")
    for exports in ({}, {"onnx/1": {}}):
        steps = advice.next_steps(run, Diagnosis("mode_collapse", (found,)), {}, exports)
        assert "critic_steps=2" in steps[0]
        assert not [step for step in steps for word in ("deploy", "evaluate") if word in step]


# ---- markup


@pytest.mark.parametrize(
    "part",
    [
        '<img src="picture.png" alt="a picture" width="1" height="1">',
        '<img src="data:," alt="" width="1" height="1">',
        '<a href="https://example.org">x</a>',
        '<a href="#nowhere">x</a>',
        "<p id='content'>x</p>",
        "<h4>x</h4>",
        "<h1>x</h1>",
        "<p>",
        "<script></script>",
    ],
)
def test_what_a_page_must_not_have_is_seen(part):
    sound = [markup.Section("Title", [markup.paragraph("x")])]
    checked(markup.page("A page", [], sound))
    with pytest.raises(AssertionError):
        checked(markup.page("A page", [], [markup.Section("Title", [markup.Markup(part)])]))


def test_text_is_escaped_and_code_is_set_as_code():
    said = markup.words('<b> & "x" `a < b` c')
    assert said == "&lt;b&gt; &amp; &quot;x&quot; <code>a &lt; b</code> c"
    assert markup.words(said) == said


def test_hyperparameters_that_differ_come_first():
    config = {
        "gan": "lsgan",
        "hyperparameters": {"latent_dim": 64, "coding": [0, 1, 1], "width": 8},
    }
    found = facts.hyperparameters(config)
    assert list(found) == ["width", "latent_dim", "coding"]
    assert found["width"] == ("8", "None") and found["coding"] == ("0, 1, 1", None)
    assert facts.hyperparameters({"gan": "of a plugin", "hyperparameters": {"x": 1}}) == {
        "x": ("1", None)
    }


# ---- the comparison


def test_differences_of_configuration_come_first(home):
    three = [Run.at(home / name) for name in ("images", "points", "pairs")]
    page = checked(comparison.build(three, diagnoses=[DIAGNOSED, None, None]))
    assert sections(page) == [
        "Differences of configuration", "Diagnosis", "Samples", "Losses", "Metrics",
    ]  # fmt: skip
    text = page.text.replace("\n", "")
    assert "gancgangan" in text and "datadigitsringdigit_pairs" in text
    assert text.index("datadigits") < text.index("What is equal") < text.index("replicas")
    assert "mode collapse since step 2 (diversity 0.123, duplicates 0.5)" in page.text
    assert "not diagnosed" in page.text and "No run was measured" in page.text
    assert "Curves of generator by epoch of images, points" in [
        attributes["alt"] for attributes in page.having("img")
    ]


def test_numbers_that_cannot_be_compared_are_marked(home, tmp_path):
    two = []
    for number, name in enumerate(("a", "b")):
        shutil.copytree(home / "points", tmp_path / name)
        one = {"value": 1.0 + number, "low": 0, "high": 3, "n": 9, "extractor": "e", "hash": "h"}
        critic = one | {"extractor": "critic of gan"}
        metrics = {"kid": one, "frechet": one | {"n": 9 + number}, "discriminator": critic}
        (tmp_path / name / "evaluation.json").write_text(json.dumps({"metrics": metrics}))
        two.append(Run.at(tmp_path / name))
    page = checked(comparison.build(two))
    assert "The configurations are equal" in page.text
    assert "frechet †" in page.text and "kid †" not in page.text
    assert "discriminator" not in page.text.partition("Values, with their 95%")[2]
    (tmp_path / "b" / "evaluation.json").unlink()
    assert "Not measured: b." in checked(comparison.build(two)).text


# ---- the command line


def test_report_on_the_command_line(ganzoo_in, run):
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    code, out, err = ganzoo_in(run.path.parent, "report run")
    assert (code, out, err) == (0, "run/report.html\n", "")
    checked((run.path / "report.html").read_text())
    code, out, _ = ganzoo_in(run.path.parent, "report run --out page.html")
    assert (code, out) == (0, "page.html\n") and (run.path.parent / "page.html").exists()
    assert {path: path.read_bytes() for path in before} == before
    assert not [path for path in run.path.iterdir() if path.name.startswith(".")]


def test_compare_on_the_command_line(ganzoo_in, home):
    code, out, err = ganzoo_in(home, "compare images points")
    assert (code, out, err) == (0, "comparison.html\n", "")
    checked((home / "comparison.html").read_text())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("report", "Missing argument 'RUN'"),
        ("report nowhere", "there is no run at nowhere."),
        ("report .", ". is no run of ganzoo: it has no config.json."),
        ("report images/model.keras", "is no run of ganzoo"),
        ("report images --out gone/page.html", "--out gone/page.html must name a file in a"),
        ("compare images", "name at least two runs to compare."),
        ("compare images images/../images", "was named twice: name each run once."),
        ("compare images nowhere", "there is no run at nowhere."),
        ("compare images points --out .", "--out . must name a file"),
    ],
)
def test_what_is_refused(ganzoo_in, home, line, words):
    before = sorted(home.iterdir())
    code, out, err = ganzoo_in(home, line)
    assert (code, out) == (2, "") and words in err and len(err.splitlines()) == 1
    assert sorted(home.iterdir()) == before
