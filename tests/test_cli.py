"""The command line: what it prints, where, and with which exit code."""

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import ganzoo
from ganzoo import cli, data
from ganzoo.cli import completion, options
from ganzoo.cli import sample as sampling
from ganzoo.core.gan import GAN
from ganzoo.foundation import keywords
from ganzoo.training import runs

COMMANDS = (
    "list", "show", "train", "sample", "evaluate", "augment", "export", "verify", "data",
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder that holds runs of lsgan, cgan, infogan and gan, named after them."""
    home = tmp_path_factory.mktemp("trained")
    for name, dataset in (
        ("lsgan", "digits"),
        ("cgan", "digits"),
        ("infogan", "digits"),
        ("gan", "ring"),
    ):
        small = {"hyperparameters": {"width": 8}, "steps": 4, "export": False}
        runs.train(name, dataset, out=home / name, **small)
    return home


@pytest.fixture
def ganzoo_in(monkeypatch, capsys):
    """Runs a command line in a folder; returns (exit code, standard output, standard error)."""

    def run(folder, line):
        monkeypatch.chdir(folder)
        code = cli.main(shlex.split(line))
        return code, *capsys.readouterr()

    return run


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


# ---- completion


def test_completion_in_bash():
    script = (
        'eval "$(ganzoo --show-completion bash)"; COMP_WORDS=({words}); '
        "COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); _ganzoo_completion ganzoo; "
        'echo "${{COMPREPLY[@]}}"'
    )
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for words, completed in (
        ("ganzoo tr", "train"),
        ("ganzoo train --bat", "--batch-size"),
        ("ganzoo train lsg", "lsgan"),
        ("ganzoo show wgan", "wgan_gp"),
    ):
        done = subprocess.run(
            ["bash", "-c", script.format(words=words)],
            capture_output=True,
            text=True,
            env=os.environ | {"PATH": scripts},
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert completed in done.stdout.split(), words


def test_completion_needs_no_tensorflow():
    code = (
        "import sys; from ganzoo import cli\n"
        "try: cli.main([])\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'numpy'} & sys.modules.keys()\n"
    )
    asked = {
        completion.VARIABLE: "complete_bash",
        "COMP_WORDS": "ganzoo train began",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | asked
    )
    assert (done.stdout, done.stderr) == ("began\n", "")


def test_all_names_are_completed():
    assert completion.gan_names("") == ganzoo.names()


def test_completion_is_installed_where_the_shell_looks(ganzoo_in, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    code, out, _ = ganzoo_in(tmp_path, "--install-completion fish")
    assert code == 0 and "ganzoo.fish" in out
    _, script, _ = ganzoo_in(tmp_path, "--show-completion fish")
    (installed,) = tmp_path.rglob("ganzoo.fish")
    assert installed.read_text().strip() == script.strip() != ""


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


# ---- train


def test_train_as_typed(ganzoo_in, tmp_path):
    words = "train wgan_gp width=8 critic_steps=2 penalties=gradient_penalty:0.5 beta_1=0"
    options = "--data digits --steps 4 --batch-size 16 --seed 7"
    code, out, err = ganzoo_in(tmp_path, f"{words} {options}")
    assert code == 0
    first, second, *_ = err.splitlines()
    assert first == "wgan_gp trains dcgan networks on digits"
    assert second.startswith("epoch 1/1  step 4")
    assert "wgan_gp learned digits with dcgan networks: 4 steps" in out
    for path in (
        "samples.png",
        "losses.png",
        "export/onnx/1/model.onnx",
        "export/tf_saved_model/1",
    ):
        assert f" runs/wgan_gp-digits-001/{path}\n" in out
        assert (tmp_path / "runs/wgan_gp-digits-001" / path).exists()
    config = runs.Run.at("runs/wgan_gp-digits-001").config
    assert config["hyperparameters"].items() >= {
        "width": 8, "critic_steps": 2, "penalties": {"gradient_penalty": 0.5}, "beta_1": 0.0,
        "seed": 7,
    }.items()  # fmt: skip
    assert config["command"] == f"ganzoo {words} {options}" and config["batch_size"] == 16
    suggested = next(line for line in out.splitlines() if line.startswith("  ganzoo sample"))
    assert ganzoo_in(tmp_path, suggested.removeprefix("  ganzoo "))[0] == 0
    assert (tmp_path / "more.png").exists()


def test_other_networks_than_the_papers_are_said(ganzoo_in, tmp_path):
    line = "train dcgan width=8 --data ring --steps 1 --no-export --out r"
    code, out, err = ganzoo_in(tmp_path, line)
    assert code == 0
    assert err.splitlines()[0] == (
        "dcgan trains mlp networks on ring, because the dcgan networks can't make samples of "
        "shape 2"
    )
    assert out.startswith("dcgan learned ring with mlp networks: 1 steps")
    assert runs.Run.at(tmp_path / "r").config["networks"] == "mlp"


def test_quiet_prints_nothing_but_errors(ganzoo_in, tmp_path):
    line = "train gan width=8 precision=auto --data ring --steps 1 --no-export --out r"
    assert ganzoo_in(tmp_path, f"{line} --quiet") == (0, "", "")
    assert ganzoo_in(tmp_path, "--quiet data ring") == (0, "", "")
    code, out, err = ganzoo_in(tmp_path, f"{line} --quiet")
    assert (code, out) == (
        2,
        "",
    ) and err == "ganzoo: r is not empty: name a new folder for the run.\n"


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


# ---- sample, export


@pytest.mark.parametrize(
    ("words", "shape"),
    [
        ("sample lsgan --out s.npy", (64, 8, 8, 1)),
        ("sample lsgan/model.keras -n 5 --out s.npy", (5, 8, 8, 1)),
        ("sample gan -n 3 --out s.npy", (3, 2)),
    ],
)
def test_sample_to_an_array(ganzoo_in, trained, words, shape):
    code, out, err = ganzoo_in(trained, f"{words} --seed 3")
    assert (code, out, err) == (0, "s.npy\n", "")
    name = "gan" if "gan" in words.split() else "lsgan"
    samples = np.load(trained / "s.npy")
    np.testing.assert_array_equal(samples, runs.load(trained / name).sample(shape[0], seed=3))
    assert samples.shape == shape


def test_sample_to_an_archive_has_the_latents(ganzoo_in, trained):
    assert ganzoo_in(trained, "sample cgan -n 5 --labels 3,4 --out s.npz")[0] == 0
    drawn, gan = np.load(trained / "s.npz"), runs.load(trained / "cgan")
    assert drawn["label"].tolist() == [3, 3, 3, 4, 4]
    again = gan.sample(5, latent=drawn["latent"], label=drawn["label"])
    np.testing.assert_array_equal(drawn["image"], again)


def test_sample_sets_inputs_by_name(ganzoo_in, trained):
    line = "sample infogan -n 4 --set category=3,7 --set code=0.5,-1 --out s.npz"
    assert ganzoo_in(trained, line)[0] == 0
    drawn, gan = np.load(trained / "s.npz"), runs.load(trained / "infogan")
    assert drawn["category"].tolist() == [3, 3, 7, 7]
    assert drawn["code"].tolist() == [[0.5, -1.0]] * 4
    again = gan.sample(4, seed=0, category=[3, 3, 7, 7], code=[0.5, -1.0])
    np.testing.assert_array_equal(drawn["image"], again)
    assert (again != gan.sample(4, seed=0)).any()


def test_labels_by_name():
    gan = SimpleNamespace(spec=SimpleNamespace(class_names=["dog", "cat", "7"]))
    assert sampling.class_numbers(gan, "--labels", "cat,dog,2,7") == [1, 0, 2, 2]
    with pytest.raises(ValueError, match=r"--labels cow .* or names out of dog, cat, 7"):
        sampling.class_numbers(gan, "--labels", "cow")


@pytest.mark.parametrize("format", ["npy", "png", "npz"])
@pytest.mark.parametrize("quiet", ["", " --quiet"])
def test_sample_to_standard_output(trained, monkeypatch, capfdbinary, format, quiet):
    monkeypatch.chdir(trained)
    assert cli.main(shlex.split(f"sample lsgan -n 4 --out - --format {format}{quiet}")) == 0
    out, err = capfdbinary.readouterr()
    assert err == b"" and not (trained / "-").exists()
    samples = runs.load(trained / "lsgan").sample(4, seed=0)
    if format == "png":
        assert Image.open(io.BytesIO(out)).width >= 400
    else:
        found = np.load(io.BytesIO(out))
        np.testing.assert_array_equal(found if format == "npy" else found["image"], samples)


@pytest.mark.parametrize("name", ["lsgan", "cgan", "gan"])
def test_sample_to_a_picture(ganzoo_in, trained, name, tmp_path):
    code, out, err = ganzoo_in(tmp_path, f"sample {trained / name}")
    assert (code, out, err) == (0, "samples.png\n", "")
    with Image.open(tmp_path / "samples.png") as picture:
        assert picture.width >= 400


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("sample lsgan --labels 3", "is not told the class"),
        ("sample cgan --labels 3,10", "label 10 is out of range"),
        ("sample cgan --labels 1,b", "--labels 1,b can't be read: write numbers, as in --labels 3"),
        ("sample cgan --labels 1 --set label=2", "--labels and --set label= were both given"),
        ("sample cgan --set label=10", "label 10 is out of range"),
        ("sample infogan --set category", "--set category must be NAME=VALUE"),
        ("sample infogan --set category=", "--set category= can't be read"),
        ("sample infogan --set category=10", "category 10 is out of range"),
        ("sample infogan --set category=1 --set category=2", "given twice"),
        ("sample infogan --set code=0.5", "must be 2 finite numbers, as in --set code=0.5,0.5"),
        ("sample infogan --set code=0,x", "must be 2 finite numbers"),
        ("sample infogan --set code=0,nan", "must be 2 finite numbers"),
        ("sample lsgan --set code=1", "no input of lsgan is called 'code'"),
        ("sample lsgan -n 0", "count=0"),
        ("sample cgan -n -1 --labels 3", "count=-1"),
        ("sample lsgan --out nowhere/s.png", "nowhere/s.png was not written"),
        ("export lsgan --format tflite", "tflite"),
        ("export lsgan --out lsgan/config.json", "config.json is a file"),
    ],
)
def test_bad_questions_to_a_run(ganzoo_in, trained, words, sentence):
    code, out, err = ganzoo_in(trained, words)
    assert (code, out) == (2, "")
    assert err.startswith("ganzoo: ") and err.count("\n") == 1 and sentence in err


def test_export_makes_the_next_version(ganzoo_in, trained):
    for version in (1, 2):
        code, out, _ = ganzoo_in(trained, "export lsgan --format onnx")
        assert code == 0 and out.startswith(f"lsgan/export/onnx/{version}\n")
    assert (trained / "lsgan/export/onnx/2/model.onnx").exists()
    code, out, _ = ganzoo_in(trained, "export gan/model.keras --out served --format onnx")
    assert code == 0 and out.startswith("served/1\n")


@pytest.mark.parametrize(
    ("words", "format", "extra"),
    [
        ("--out g.onnx", "onnx", {}),
        ("--out g", "tf_saved_model", {}),
        ("--out g --format web --runtime ort", "web", {"runtime": Path("ort")}),
    ],
)
def test_export_passes_on_what_was_asked(ganzoo_in, trained, monkeypatch, words, format, extra):
    asked = {}

    def record(self, path, **options):
        asked.update(options, path=path)
        (trained / "file").write_bytes(b"x" * 1234)
        return trained / "file"

    monkeypatch.setattr(GAN, "export", record)
    assert ganzoo_in(trained, f"export lsgan {words}") == (
        0, "file  1.2 kB\ncheck   ganzoo verify file\n", ""
    )  # fmt: skip
    assert asked == {
        "path": Path(words.split()[1]), "format": format, "precision": "float32",
        "least_psnr": 40.0, **extra,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "file", "parity"),
    [
        ("cgan --format onnx", "model.onnx", "differs from Keras by"),
        ("lsgan --format onnx --precision int8 --least-psnr 20", "model.onnx", "dB from Keras (20"),
        ("cgan --format openvino", "model.bin", "differs from Keras by"),
        ("lsgan --format web", "index.html", "differs from Keras by"),
        ("lsgan", "saved_model.pb", "differs from Keras by"),
    ],
)
def test_export_says_what_it_wrote_how_good_and_how_to_serve_it(
    ganzoo_in, trained, tmp_path, line, file, parity
):
    code, out, err = ganzoo_in(trained, f"export {line} --out '{tmp_path}/it $HOME'")
    assert (code, err) == (0, "")
    said = dict(word.strip().split(maxsplit=1) for word in out.splitlines()[1:])
    size = (tmp_path / "it $HOME/1" / file).stat().st_size
    unit = 1e6 if said[file].endswith("MB") else 1e3
    assert float(said[file].split()[0]) * unit == pytest.approx(size, rel=0.05, abs=60)
    assert parity in said["parity"]
    assert said["speed"].endswith("ms for 8 samples") and float(said["speed"].split()[0]) > 0
    assert said["check"].startswith("ganzoo verify ")
    assert ganzoo_in(trained, said["check"].removeprefix("ganzoo "))[0] == 0
    if said["serve"].startswith("python -c"):
        done = subprocess.run(
            said["serve"].replace("python", sys.executable, 1),
            shell=True,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout) == (0, "(1, 8, 8, 1)\n"), done.stderr
    else:
        assert any(str(tmp_path / "it $HOME") in word for word in shlex.split(said["serve"]))


def test_a_precision_that_is_too_far_from_keras_ends_with_1(ganzoo_in, trained, tmp_path):
    line = f"export lsgan --format onnx --precision int8 --least-psnr 190 --out {tmp_path}/it"
    code, out, err = ganzoo_in(trained, line)
    assert (code, out) == (1, "") and "dB from Keras" in err and err.count("\n") == 1
    assert not any(tmp_path.iterdir())


# ---- what goes wrong without being asked for


def test_divergence_is_a_sentence(ganzoo_in, tmp_path):
    words = "train gan width=8 generator_learning_rate=1e38 --data ring --steps 9"
    code, out, err = ganzoo_in(tmp_path, words)
    assert (code, out) == (1, "")
    last = err.splitlines()[-1]
    assert last.startswith("ganzoo: training diverged at step ")
    assert last.endswith("runs/gan-ring-001 keeps what was written up to then.")


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


def test_ctrl_c_in_a_shell(ganzoo_in, tmp_path):
    """In a process of its own, where TensorFlow has not been silenced yet."""
    line = "train lsgan width=8 --data digits --epochs 4000 --out r --no-export"
    process = subprocess.Popen(
        [Path(sys.executable).with_name("ganzoo"), *shlex.split(line)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"},
        # a test run in the background ignores Ctrl-C, and its children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        history = tmp_path / "r" / "history.csv"
        while not history.exists() and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    first, *progress, last = err.splitlines()
    assert first == "lsgan trains dcgan networks on digits"
    assert all(line.startswith("epoch ") for line in progress), err
    assert last.startswith("ganzoo: stopped at step ")
    assert last.endswith(". To continue: ganzoo train --resume r --no-export")
    assert ganzoo_in(tmp_path, "sample r")[0] == 0
    run = runs.Run.at(tmp_path / "r")
    nearly_done = run.config | {"steps": run.load().step + 1}
    (run.path / "config.json").write_text(json.dumps(nearly_done))
    assert ganzoo_in(tmp_path, last.rpartition(" ganzoo ")[2])[0] == 0
    assert run.load().step == nearly_done["steps"]


def test_ctrl_c_after_the_last_step_names_the_export(ganzoo_in, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs.Run, "export", interrupt)
    code, out, err = ganzoo_in(tmp_path, "train gan width=8 --data ring --steps 2 --out r")
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == (
        "ganzoo: stopped at step 2 of 2. All steps were made. To export: ganzoo export r"
    )


def test_a_thousand_classes_are_not_all_listed(capsys):
    assert cli.main(["data", "stacked_digits"]) == 0
    assert "1000: 000, 001, 002, …, 999\n" in capsys.readouterr().out
