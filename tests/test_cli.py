"""The command line: help, lists, sizes, bad input and errors, and their exit codes."""

import subprocess
import sys

import pytest
from PIL import Image

import ganzoo
from ganzoo import cli, data
from ganzoo.cli import options
from ganzoo.foundation import keywords
from ganzoo.training import runs

COMMANDS = (
    "list", "show", "train", "sample", "evaluate", "diagnose", "augment", "report", "compare",
    "export", "verify", "data",
)  # fmt: skip


# ---- help


@pytest.mark.parametrize("line", ["--version", "--help", *(f"{c} --help" for c in COMMANDS)])
def test_help_needs_no_tensorflow(line):
    code = (
        f"import sys; from ganzoo import cli; code = cli.main({line.split()})\n"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'numpy'} & sys.modules.keys()\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert ganzoo.__version__ in done.stdout or "Usage: ganzoo" in done.stdout


def test_help_says_how_long_training_takes(ganzoo_in, tmp_path):
    _, out, _ = ganzoo_in(tmp_path, "train --help")
    assert f"{runs.STEPS:,}" in out


def test_no_command_shows_help(ganzoo_in, tmp_path):
    code, out, err = ganzoo_in(tmp_path, "")
    assert (code, err) == (0, "") and all(name in out for name in COMMANDS)


# ---- list, show, data


def test_list(ganzoo_in, tmp_path):
    code, out, err = ganzoo_in(tmp_path, "list")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *ganzoo.names()]
    _, out, _ = ganzoo_in(tmp_path, "list *wgan*")
    assert [line.split()[0] for line in out.splitlines()] == ["name", *ganzoo.names("*wgan*")]


@pytest.mark.parametrize("name", ganzoo.names())
def test_show(ganzoo_in, tmp_path, name):
    code, out, err = ganzoo_in(tmp_path, f"show {name}")
    card = ganzoo.card(name)
    assert (code, err) == (0, "")
    assert all(line in out for line in (card.title, card.arxiv, *card.equation.splitlines()))
    assert all(f"\n{key} " in out for key in card.hyperparameters)
    recipe = type(ganzoo.get(name)).recipe
    assert all(f"{key}=" in out for key in recipe)
    assert ("ganzoo train, on images and tables:" in out) == bool(recipe)


def test_data(ganzoo_in, tmp_path):
    code, out, err = ganzoo_in(tmp_path, "data")
    assert (code, err) == (0, "") and all(name in out for name, _ in data.available())
    code, out, err = ganzoo_in(tmp_path, "data digits --size 9x12 --out d.png")
    assert (code, err) == (0, "")
    assert all(word in out for word in ("9×12×1", "uint8", "1,797", "10: 0, 1"))
    with Image.open(tmp_path / "d.png") as picture:
        assert picture.mode == "L"
    assert "\nsamples" in ganzoo_in(tmp_path, "data ring")[1]


@pytest.mark.parametrize(
    ("text", "size"), [("64x48", (64, 48)), ("64,48", (64, 48)), ("64", (64, 64)), (None, None)]
)
def test_sizes(text, size):
    assert options.size(text) == size


@pytest.mark.parametrize("text", ["", "x", "64x", "x64", "64x48x3", "6.4", "64 x 48", "1e3"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="can't be read: write numbers, as in --size 64x48"):
        options.size(text)


@pytest.mark.parametrize(
    ("name", "settings", "values"),
    [
        ("lsgan", ["coding=-1,1,0"], {"coding": (-1, 1, 0)}),
        ("lsgan", ["coding=(0, 1, 1)"], {"coding": (0, 1, 1)}),
        ("lsgan", ["width=None", "generator_learning_rate=3e-4"],
         {"width": None, "generator_learning_rate": 3e-4}),
        ("gan", ["as_published=yes"], {"as_published": True}),
        ("gan", ["as_published=False", "architecture=mlp"],
         {"as_published": False, "architecture": "mlp"}),
        ("r3gan", ["penalties=r1:10,r2:0.5"], {"penalties": {"r1": 10.0, "r2": 0.5}}),
        ("r3gan", ["penalties="], {"penalties": {}}),
    ],
)  # fmt: skip
def test_hyperparameters_are_read_by_kind(name, settings, values):
    read = keywords.read(name, settings)
    assert read == values
    assert [type(v) for v in read.values()] == [type(v) for v in values.values()]
    gan = ganzoo.get(name, **read)
    assert {key: getattr(gan, key) for key in values} == values


BAD_INPUT = [
    ("train", "name a gan to train, such as lsgan, or --resume a run."),
    ("train --resume nowhere", "there is no run at nowhere."),
    ("train lsgan --resume a", "--resume a continues that run with its own settings: leave"),
    ("train --resume a --steps 9", "--resume a continues that run with its own settings: leave"),
    ("trian", "did you mean 'train'"),
    ("train lsgna", "'lsgan'"),
    ("train lsgan widht=8", "'width'"),
    ("train lsgan width=eight", "width='eight' must be an int"),
    ("train lsgan width=0", "at least 1"),
    ("train lsgan width=8 width=9", "given twice"),
    ("train lsgan seed=1 --seed 2", "given twice"),
    ("train lsgan digits", "--data"),
    ("train lsgan coding=0,1,2", "must be"),
    ("train gan as_published=perhaps", "must be"),
    ("train gan penalties=r1", "penalties=r1:10,r2:10"),
    ("train gan penalties=r3:1", "'r3'"),
    ("train lsgan objective=hinge", "has its own objective"),
    ("train lsgan --data digit", "'digits'"),
    ("train lsgan --data folder:nowhere", "nowhere"),
    ("train lsgan --data digits --size 0", "size=(0, 0)"),
    ("train lsgan --data digits --size 8,x", "--size 8,x"),
    ("train lsgan --epochs 1 --steps 1", "both"),
    ("train lsgan --steps 0", "steps=0"),
    ("train lsgan --epochs many", "--epochs"),
    ("train lsgan --data digits --batch-size -3", "batch_size=-3"),
    ("train lsgan --out full", "full is not empty"),
    ("train lsgan --data digits --out full/file", "full/file is a file"),
    ("train lsgan --data digits --out full/file/run", "full/file/run"),
    ("train lsgan --nonsense", "--nonsense"),
    ("show lsgna", "'lsgan'"),
    ("list *zzz*", "*zzz*"),
    ("data digit", "'digits'"),
    ("data --out x.png", "--out"),
    ("sample full", "is no run"),
    ("sample nowhere.keras", "nowhere.keras"),
    ("sample full/file", "no saved gan"),
    ("sample full --out x.jpg", "--out x.jpg must end in .png, .npy or .npz"),
    ("sample full --format png", "--format is for --out - only"),
    ("sample full --out -", "--format png"),
    ("sample full --out - --format jpg", "--out - --format jpg needs a format"),
    ("--show-completion tcsh", "--show-completion"),
    ("export full", "is no run"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD_INPUT, ids=[words for words, _ in BAD_INPUT])
def test_bad_input_is_one_sentence_and_leaves_nothing(ganzoo_in, tmp_path, words, sentence):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    code, out, err = ganzoo_in(tmp_path, words)
    assert (code, out) == (2, "")
    assert err.startswith("ganzoo: ") and err.count("\n") == 1 and "Traceback" not in err
    assert sentence in err.lower()
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "full"]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyError("x"), 1, "KeyError: 'x'. This may be a bug: run again with --debug"),
        (ValueError("from\nthe depths"), 1, "ValueError: from. This may be a bug"),
        (ValueError("must be 1."), 2, "must be 1."),
        (OSError(28, "No space left on device", "runs/x"), 2, "runs/x: No space left on device."),
        (KeyboardInterrupt(), 130, "interrupted."),
    ],
)
def test_every_error_is_one_sentence(ganzoo_in, tmp_path, monkeypatch, error, code, words):
    def fail(name):
        raise error

    monkeypatch.setattr(ganzoo, "card", fail)
    seen, out, err = ganzoo_in(tmp_path, "show lsgan")
    assert (seen, out) == (code, "")
    assert err.startswith(f"ganzoo: {words}") and err.count("\n") == 1


@pytest.mark.parametrize("words", ["--debug show x", "show x --debug"])
def test_debug_shows_the_traceback(ganzoo_in, tmp_path, words):
    code, _, err = ganzoo_in(tmp_path, words)
    assert code == 2 and "Traceback" in err and err.splitlines()[-1].startswith("ganzoo: no GAN")


def test_a_thousand_classes_are_not_all_listed(capsys):
    assert cli.main(["data", "stacked_digits"]) == 0
    assert "1000: 000, 001, 002, …, 999\n" in capsys.readouterr().out
