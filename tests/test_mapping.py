"""Games that map given samples: pictures while training, sampling, evaluating, validating."""

import json
import shlex

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import ganzoo
from ganzoo import cli, data, evaluation
from ganzoo.reporting import mapped, plots
from ganzoo.training import callbacks, prepared, runs

SMALL = {"hyperparameters": {"width": 4}, "steps": 2, "batch_size": 16, "export": False}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("mapped")
    runs.train("pix2pix", out=home / "run", **SMALL)
    runs.train("gan", "ring", out=home / "points", metric="none", **SMALL)
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 256, (20, 30, 3), dtype="uint8")
        (home / "colour").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(home / f"colour/{i}.png")
    return home


@pytest.fixture(scope="module")
def gan(home):
    return ganzoo.load(home / "run/model.keras")


@pytest.fixture(scope="module")
def rows():
    batch = next(iter(data.load("digit_pairs").batch(120)))
    return {name: x.numpy() for name, x in batch.items()}


@pytest.fixture
def ganzoo_in(monkeypatch, capsys, home):
    def run(line):
        monkeypatch.chdir(home)
        code = cli.main(shlex.split(line))
        return code, *capsys.readouterr()

    return run


# ---- training


def test_a_run_has_its_own_data_and_shows_held_out_rows(home, gan, rows):
    run = runs.Run.at(home / "run")
    assert (run.config["data"], run.config["networks"]) == ("digit_pairs", "unet")
    held_out = {name: x[: prepared.HELD_OUT] for name, x in rows.items()}
    mapped.save_mapped(gan, home / "again.png", held_out)
    picture = np.asarray(Image.open(home / "run/samples.png"))
    np.testing.assert_array_equal(picture, np.asarray(Image.open(home / "again.png")))
    assert len(list((home / "run/samples").iterdir())) == 1

    trained_on = data.held_out(data.load("digit_pairs"), prepared.HELD_OUT)[0]
    seen = {bytes(row["source"].numpy()) for row in trained_on}
    assert not seen & {bytes(x) for x in held_out["source"]}


def test_the_picture_shows_source_output_target(gan, rows, tmp_path):
    given = {name: x[:2] for name, x in rows.items()}
    plots.save_picture(gan, tmp_path / "x.png", real=given)
    sheet = np.asarray(Image.open(tmp_path / "x.png"))
    made = gan.sample(source=given["source"])
    expected = np.stack([given["source"], made, given["target"]], axis=1).reshape(6, 16, 16, 1)
    np.testing.assert_array_equal(sheet, plots.contact_sheet(expected, 3)[..., 0])
    plots.save_picture(gan, tmp_path / "y.png", real={"source": given["source"]}, count=1)
    two = np.stack([given["source"][0], made[0]])
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "y.png")), plots.contact_sheet(two, 2)[..., 0]
    )


def test_columns_of_other_sizes_and_colours_stand_side_by_side(tmp_path):
    small = np.array([[[[10], [20]]]], "uint8").reshape(1, 1, 2, 1)
    large = np.zeros([1, 2, 4, 3])
    mapped.save_side_by_side([(small, None), (large, (-1, 1))], tmp_path / "x.png")
    sheet = np.asarray(Image.open(tmp_path / "x.png"))
    factor = (sheet.shape[1] - plots.GAP) // 8
    assert (sheet[: 2 * factor, : 2 * factor] == 10).all()
    assert (sheet[: 2 * factor, 2 * factor : 4 * factor] == 20).all()
    assert (sheet[:, -4 * factor :] == 128).all()


def test_pictures_without_a_source_are_refused_before_training(rows, tmp_path):
    small = {name: x[:8] for name, x in rows.items()}
    gan = ganzoo.get("pix2pix", width=4)
    with pytest.raises(ValueError, match="pix2pix maps samples to samples, and its picture needs"):
        gan.fit(small, batch_size=4, verbose=0, callbacks=[callbacks.SamplePictures(tmp_path)])
    assert gan.step == 0
    watching = callbacks.SamplePictures(tmp_path / "s", real=small)
    gan.fit(small, batch_size=4, steps_per_epoch=1, verbose=0, callbacks=[watching])
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["epoch_0001.png"]


def test_resume_goes_on_with_the_same_rows(gan, tmp_path):
    part = runs.train("pix2pix", out=tmp_path / "part", **SMALL | {"steps": 1})
    config = json.loads((part.path / "config.json").read_text())
    (part.path / "config.json").write_text(json.dumps(config | {"steps": 2}))
    resumed = runs.resume(part.path, export=False)
    last = ganzoo.load(resumed.path / "model.keras")
    for one, other in zip(gan.get_weights(), last.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_data_are_refused_in_one_sentence(ganzoo_in):
    for line, words in (
        ("train pix2pix --data digits", "it lacks 'source' and 'target'"),
        ("train pix2pix --data unpaired_digits", "it lacks 'source' and 'target'"),
        ("train gan --data digit_pairs", "it needs 'image' (or 'vector')"),
        ("train gan --data unpaired_digits", "it needs 'image' (or 'vector')"),
    ):
        code, out, err = ganzoo_in(f"{line} --steps 1 --out new")
        assert code == 2 and out == "" and words in err and err.count("\n") == 1


def test_every_game_can_be_trained_on_its_default_data():
    loaded = {}
    for name in ganzoo.names():
        gan = ganzoo.get(name)
        if gan.default_data not in loaded:
            loaded[gan.default_data] = data.load(gan.default_data)
        gan.batches(loaded[gan.default_data])
    assert {"mnist5k", "digit_pairs"} <= set(loaded)


# ---- sampling


def test_sample_maps_what_it_is_given(ganzoo_in, home, gan, rows):
    code, out, err = ganzoo_in("sample run --data digit_pairs -n 5 --out x.npz")
    assert (code, out, err) == (0, "x.npz\n", "")
    with np.load(home / "x.npz") as archive:
        np.testing.assert_array_equal(archive["source"], rows["source"][:5])
        np.testing.assert_array_equal(archive["target"], gan.sample(source=rows["source"][:5]))
    for source, count in (("colour", 3), ("colour/1.png", 1)):
        assert ganzoo_in(f"sample run --source {source} --out y.npy")[0] == 0
        given = data.pictures_for(gan.fields["source"], home / source)
        assert given.shape == (count, 16, 16, 1)
        np.testing.assert_array_equal(np.load(home / "y.npy"), gan.sample(source=given))
    assert ganzoo_in("sample run --source colour --fit squash --out y.png")[0] == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run", "pix2pix maps samples to samples: name what it maps, as in --source picture.png"),
        ("run --source nowhere.png", "nowhere.png doesn't exist"),
        ("run --source run", "run holds pictures of its own and sub-folders"),
        ("run --source run/config.json", "config.json can't be read as a picture"),
        ("run --source colour --data digit_pairs", "--source and --data were both given"),
        ("run --data digit_pairs --set source=3", "--set source= can't set samples"),
        ("run --data ring", "holds no images"),
        ("run --data digit_pairs --count 0", "--count 0 must be at least 1"),
        ("points --source colour", "maps no samples to others: leave --source out"),
        ("points --data ring", "maps no samples to others: leave --data out"),
    ],
)
def test_sample_refuses(ganzoo_in, line, words):
    code, out, err = ganzoo_in(f"sample {line} --out z.png")
    assert code == 2 and out == "" and words in err and err.count("\n") == 1


# ---- data


def test_data_describes_both(ganzoo_in, home):
    code, out, err = ganzoo_in("data digit_pairs --out pairs.png")
    assert (code, err) == (0, "") and "1,797 pairs" in out and "16×16×1" in out
    sheet = np.asarray(Image.open(home / "pairs.png"))
    assert sheet.shape[1] > sheet.shape[0] / 2
    code, out, err = ganzoo_in("data unpaired_digits --out sets.png")
    assert (code, err) == (0, "") and "899 and 898" in out
    listed = ganzoo_in("data")[1]
    for name in ("digit_pairs", "unpaired_digits", "idx:PATH", "pairs:PATH", "unpaired:PATH"):
        assert name in listed


# ---- evaluating


def test_psnr():
    truth = np.zeros([3, 4, 4, 1], "uint8")
    for value_range in ((0, 255), (-1.0, 1.0)):
        wide = value_range[1] - value_range[0]
        found = evaluation.psnr(truth + 0.1 * wide, truth, value_range)
        assert found == pytest.approx(20) and found.n == 3
        assert found.low == pytest.approx(20) and found.high == pytest.approx(20)
    assert evaluation.psnr(truth, truth, (0, 255)) == np.inf
    apart = truth.astype(float)
    apart[0] += 30
    found = evaluation.psnr(apart, truth, (0, 255))
    assert found == pytest.approx(10 * np.log10(255**2 / 300)) and found.low < found < found.high
    assert evaluation.psnr(apart[:1], truth[:1], (0, 255)).interval == "none"
    with pytest.raises(ValueError, match=r"\(3, 4, 4, 1\) can't be compared with \(2, 4, 4, 1\)"):
        evaluation.psnr(truth, truth[:2], (0, 255))


def test_ssim_is_wangs():
    x, y = np.random.default_rng(0).uniform(-1, 1, (2, 3, 16, 14, 2))
    # eq. 13 with SciPy's Gaussian of 11×11, where the window lies inside of the picture
    blur = lambda a: ndimage.gaussian_filter(a, (0, 1.5, 1.5, 0), radius=(0, 5, 5, 0))  # noqa: E731
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    a, b = x + 1, y + 1
    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
    expected = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    expected = expected[:, 5:-5, 5:-5].mean((1, 2, 3))
    found = evaluation.ssim(x, y, (-1, 1))
    assert found == pytest.approx(expected.mean(), abs=1e-5) and found.n == 3 and not found.note
    assert evaluation.ssim(x, x, (-1, 1)) == pytest.approx(1)
    assert evaluation.ssim(x[:, :8], x[:, :8], (-1, 1)).note == "window of 8×8"


def test_evaluate_draws_with_the_sources_of_the_rows(gan, rows, monkeypatch):
    # A generator that is its target's map: what is compared must belong together.
    truth = {bytes(s): t for s, t in zip(rows["source"], rows["target"], strict=True)}
    asked = []

    def sample(count, seed=0, *, source):
        asked.append(source)
        return np.array([truth[bytes(x)] for x in source])

    monkeypatch.setattr(gan, "sample", sample)
    found = gan.evaluate(rows, samples=50)
    assert found["psnr"] == np.inf and found["ssim"] == pytest.approx(1)
    assert found["psnr_of_source"] < 10 and found["ssim_of_source"] < 0.5
    assert (found["psnr"].n, len(asked[0])) == (50, 50)
    assert {"discriminator", "generator", "reconstruction", "kid", "precision"} <= set(found)
    assert not {"copies", "nearer_than_real", "parzen", "label_kl"} & {*found, *found.refused}
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.slow
def test_sources_of_another_range_or_shape(rows, monkeypatch):
    gan = ganzoo.get("pix2pix", width=4)
    light = rows["source"] / np.float32(255)
    gan.build_from({"source": light, "target": rows["target"]}, batch_size=8)
    same = {"source": light, "target": rows["source"]}
    found = gan.evaluate(same, samples=20)
    assert found["psnr_of_source"] > 60  # the source is its own target, in other units
    gan = ganzoo.get("pix2pix", width=4)
    coloured = {"source": rows["source"].repeat(3, axis=-1), "target": rows["target"]}
    gan.build_from(coloured, batch_size=8)
    found = gan.evaluate(coloured, samples=20)
    assert "psnr" in found and "can't be compared" in found.refused["psnr_of_source"]


def test_ganzoo_evaluate(ganzoo_in, home):
    code, _, err = ganzoo_in("evaluate run --samples 60")
    assert (code, err) == (0, "")
    told = json.loads((home / "run/evaluation.json").read_text())
    assert told["data"] == "digit_pairs"
    assert {"psnr", "ssim", "psnr_of_source", "ssim_of_source"} <= set(told["metrics"])


@pytest.mark.parametrize("how", ["pair", "split", "dataset"])
def test_validation_uses_the_sources_of_its_rows(rows, how):
    train = {name: x[:16] for name, x in rows.items()}
    held = {name: x[16:24] for name, x in rows.items()}
    options = {
        "pair": {"validation_data": (held["source"], held["target"])},
        "split": {"validation_split": 1 / 3},
        "dataset": {"validation_data": data.load("digit_pairs").skip(16).take(8)},
    }[how]
    gan = ganzoo.get("pix2pix", width=4)
    x = {name: x[:24] for name, x in rows.items()} if how == "split" else train
    logs = gan.fit(x, batch_size=8, steps_per_epoch=1, verbose=0, **options).history
    made = gan.sample(source=held["source"]).astype("float64")
    distance = np.abs(made - held["target"]).mean() / 127.5
    assert logs["val_reconstruction"][0] == pytest.approx(100 * distance, rel=0.02)
