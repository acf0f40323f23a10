"""`ganzoo evaluate`: what it prints and writes."""

import json
import shlex

import pytest

import ganzoo
from ganzoo import cli
from ganzoo.training import runs


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("evaluated")
    for name, dataset in (("lsgan", "digits"), ("gan", "ring")):
        small = {"hyperparameters": {"width": 8}, "steps": 4, "export": False, "metric": "none"}
        runs.train(name, dataset, out=home / name, **small)
    return home


@pytest.fixture
def ganzoo_in(monkeypatch, capsys, home, judges):
    def run(line):
        monkeypatch.chdir(home)
        monkeypatch.setenv("GANZOO_CACHE", str(judges))
        code = cli.main(shlex.split(line))
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("lsgan", "label_kl"),
        pytest.param("gan", "high_quality", marks=pytest.mark.slow),
    ],
)
def test_evaluate_prints_a_table_and_writes_it(ganzoo_in, home, name, metric):
    code, out, err = ganzoo_in(f"evaluate {name} --samples 600 --seed 3")
    assert (code, err) == (0, "")
    head, *rows, last = out.splitlines()
    assert head.split() == ["metric", "value", "95%", "interval", "real", "ratio", "N", "of"]
    assert last == f"{name}/evaluation.json"
    told = json.loads((home / name / "evaluation.json").read_text())
    config = runs.Run.at(home / name).config
    assert (told["data"], told["seed"], told["step"]) == (config["data"], 3, 4)
    assert [row.split()[0] for row in rows] == list(told["metrics"]) and metric in told["metrics"]
    gan = ganzoo.load(home / name / "model.keras")
    again = gan.evaluate(ganzoo.data.load(config["data"]), samples=600, seed=3)
    assert json.loads(json.dumps(again.to_json())) == {
        key: told[key] for key in ("metrics", "refused")
    }
    assert not [path for path in (home / name).iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_evaluate_a_file_on_other_data(ganzoo_in, home):
    line = "evaluate lsgan/model.keras --data mnist5k --samples 20 --json told.json"
    code, out, err = ganzoo_in(line)
    assert (code, err) == (0, "") and out.splitlines()[-1] == "told.json"
    assert (
        "copies is left out: 20 generated samples are too few: this number needs at least 32."
        in out
    )
    told = json.loads((home / "told.json").read_text())
    assert told["data"] == "mnist5k" and "copies" in told["refused"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("evaluate", "missing argument"),
        ("evaluate nowhere", "doesn't say which data"),
        ("evaluate nowhere --data digits", "nowhere"),
        ("evaluate lsgan/model.keras", "doesn't say which data"),
        ("evaluate lsgan --samples 0", "--samples 0"),
        ("evaluate lsgan --samples few", "--samples"),
        ("evaluate lsgan --data digit", "'digits'"),
        ("evaluate lsgan --data ring", "holds no images"),
        ("evaluate gan --data digits", "model was built for float32"),
        ("evaluate lsgan --json nowhere/x.json", "nowhere/x.json"),
        ("evaluate lsgan --json lsgan", "--json lsgan"),
    ],
)
def test_bad_input_is_one_sentence(ganzoo_in, home, words, sentence):
    code, out, err = ganzoo_in(words)
    assert (code, out) == (2, "") and not (home / "nowhere").exists()
    assert err.startswith("ganzoo: ") and err.count("\n") == 1 and sentence in err.lower()
