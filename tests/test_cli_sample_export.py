"""`ganzoo sample` and `ganzoo export`: what they print and write."""

import io
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from ganzoo import cli
from ganzoo.cli import sample as sampling
from ganzoo.core.gan import GAN
from ganzoo.training import runs


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
        own = {"width": 8, "architecture": "mlp"}
        small = {"hyperparameters": own, "steps": 4, "export": False, "metric": "none"}
        runs.train(name, dataset, out=home / name, **small)
    return home


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


@pytest.mark.parametrize(
    ("words", "shape", "columns", "varied"),
    [
        ("lsgan -n 20 --interpolate", (24, 8, 8, 1), 8, ["latent"]),
        ("lsgan -n 20 --traverse directions:1 --truncation 0.5", (24, 8, 8, 1), 8, ["latent"]),
        ("cgan -n 16 --interpolate --labels 3,4", (16, 8, 8, 1), 8, ["latent"]),
        ("cgan -n 16 --traverse label", (20, 8, 8, 1), 10, ["label"]),
        ("infogan --traverse code --set category=3", (16, 8, 8, 1), 8, ["code"]),
        ("gan -n 16 --interpolate", (16, 2), 8, ["latent"]),
    ],
)
def test_sample_a_grid_of_latents(ganzoo_in, trained, words, shape, columns, varied):
    assert ganzoo_in(trained, f"sample {words} --seed 2 --out s.npz") == (0, "s.npz\n", "")
    drawn, gan = dict(np.load(trained / "s.npz")), runs.load(trained / words.split()[0])
    samples = drawn.pop(gan.output_name)
    assert samples.shape == shape
    np.testing.assert_array_equal(samples, gan.sample(len(samples), **drawn))
    for name, value in drawn.items():
        rows = value.reshape(-1, columns, *value.shape[1:])
        assert (rows != rows[:, :1]).any() == (name in varied), name
    if "--labels" in words:
        assert drawn["label"].tolist() == [3] * 8 + [4] * 8
    if "category=3" in words:
        assert (drawn["category"] == 3).all()


def test_truncated_samples(ganzoo_in, trained):
    line = "sample lsgan -n 5 --truncation 0.5 --out s.npz"
    assert ganzoo_in(trained, line)[0] == 0
    drawn = np.load(trained / "s.npz")
    assert np.abs(drawn["latent"]).max() <= 0.5
    again = runs.load(trained / "lsgan").sample(5, truncation=0.5)
    np.testing.assert_array_equal(drawn["image"], again)


def test_labels_by_name():
    label = SimpleNamespace(class_names=("dog", "cat", "7"))
    gan = SimpleNamespace(fields={"label": label})
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
        ("sample lsgan -n 0 --interpolate", "rows=0"),
        ("sample lsgan --interpolate --traverse latent", "were both given"),
        ("sample lsgan --traverse code", "no input of lsgan to vary is called 'code'"),
        ("sample lsgan --traverse latent:99", "the places of latent are 0 to "),
        ("sample lsgan --truncation 0", "truncation=0.0 must be a number above 0"),
        ("sample infogan --traverse code --set code=1,1", "--traverse code varies the code that"),
        ("sample lsgan --interpolate --labels 3", "is not told the class"),
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
        ("--out g --format web --webgpu", "web", {"webgpu": True}),
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
        "least_psnr": 40.0, **{"runtime": None, "webgpu": False} | extra,
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
