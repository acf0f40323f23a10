"""The best GAN of a training is kept, measured alike each time, and nothing else is changed."""

import json
import math

import keras
import numpy as np
import pytest

import ganzoo
from ganzoo.devices import strategies
from ganzoo.evaluation import SampleQuality, TooFew
from ganzoo.training import runs
from ganzoo.training.callbacks import BestSamples, Checkpoints, StopAtStep
from ganzoo.training.curve import Curve

X = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")  # one step an epoch


class Shown:
    """A stand-in for a GAN whose samples are given."""

    def __init__(self, samples):
        self.samples = samples

    def sample(self, *_, **__):
        return self.samples


def make(run_eagerly=True, **more):
    """A small GAN; eager, because tracing takes longer than a few steps."""
    gan = ganzoo.get("gan", width=8, **more)
    gan.compile(run_eagerly=run_eagerly)
    return gan


def state(gan):
    optimizers = (gan.generator_optimizer, gan.discriminator_optimizer)
    return [*gan.get_weights(), *(v.numpy() for o in optimizers for v in o.variables)]


def assert_same(one, other):
    assert one.step == other.step
    for a, b in zip(state(one), state(other), strict=True):
        np.testing.assert_array_equal(a, b)


def numbers(path):
    """The curve without the seconds."""
    return [(row.step, row.epoch, row.value, row.best) for row in Curve.read(path).rows]


@pytest.fixture
def scripted(monkeypatch):
    """Lets measurements be what the test says, in turn."""

    def script(*values):
        left = iter(values)
        monkeypatch.setattr(SampleQuality, "__call__", lambda self, gan: next(left))

    return script


@pytest.fixture(scope="module")
def built():
    gan = make()
    gan.build_from(X)
    return gan


# ---- measuring


def test_a_kid_is_blind_where_coverage_sees():
    angles = np.arange(1000) % 8 * np.pi / 4
    ring = np.stack([np.cos(angles), np.sin(angles)], 1).astype("float32")
    ring += np.random.default_rng(0).normal(0, 0.02, ring.shape).astype("float32")
    blob = np.random.default_rng(1).multivariate_normal([0, 0], np.cov(ring.T), 1000)
    gan = make()
    gan.build_from(ring)
    found = {}
    for metric in ("auto", "kid"):
        quality = SampleQuality(gan, ring, metric=metric)
        found[quality.metric] = quality(Shown(ring[::-1])), quality(Shown(blob.astype("float32")))
    of_ring, of_blob = found["coverage"]
    assert of_ring == 1 and of_blob < 0.1
    assert abs(found["kid"][1]) < 0.05


@pytest.mark.parametrize("metric", ["kid", "frechet", "precision", "density", "coverage"])
def test_images_that_are_worse_measure_worse(metric):
    images = ganzoo.data.load("digits")
    gan = ganzoo.get("gan", width=8)
    gan.build_from(images)
    quality = SampleQuality(gan, images, metric=metric, samples=200)
    noise = np.random.default_rng(0).integers(0, 256, quality._real.shape, "uint8")
    real, one = quality(Shown(quality._real)), quality(Shown(noise))
    assert quality.better(real, one) and not quality.better(one, real)
    assert quality.rows == 200 and quality(gan) == quality(gan)


def test_pairs_are_compared_with_their_targets():
    pairs = ganzoo.data.load("digit_pairs")
    gan = ganzoo.get("pix2pix", width=8)
    gan.build_from(pairs)
    quality = SampleQuality(gan, pairs, samples=64)
    assert quality.metric == "psnr" and quality.higher
    assert quality(Shown(quality._real)) == math.inf
    assert 0 < quality(gan) < 30
    assert -1 < SampleQuality(gan, pairs, metric="ssim", samples=64)(gan) < 1


def test_nan_is_never_better(built):
    quality = SampleQuality(built, X, metric="kid")
    nan = math.nan
    assert math.isnan(quality(Shown(np.full((8, 2), nan, "float32"))))
    assert quality.better(1.0, nan) and quality.better(1.0, 2.0)
    for one, other in ((nan, 1.0), (nan, nan), (1.0, 1.0), (2.0, 1.0)):
        assert not quality.better(one, other)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"metric": "fid"}, "no metric is called 'fid': .* there are auto, coverage"),
        ({"metric": None}, "no metric is called None"),
        ({"metric": "psnr"}, "compares images with their targets, which gan on these data"),
        ({"samples": 10}, "samples=10 must be an int of at least 64"),
        ({"seed": -1}, "seed=-1"),
        ({"extractor": "resnet"}, "extractor='resnet' must be"),
        ({"x": X[:20], "metric": "kid"}, "metric='kid' can't be measured: 20 real samples"),
    ],
)
def test_what_can_not_be_measured_is_refused(built, wrong, words):
    with pytest.raises(ValueError, match=words) as error:
        SampleQuality(built, **{"x": X} | wrong)
    assert "\n" not in str(error.value)


# ---- the callback


def test_training_is_not_changed(tmp_path):
    plain, watched = make(run_eagerly=False), make(run_eagerly=False)
    plain.fit(X, epochs=3, verbose=0)
    best = BestSamples(tmp_path / "best.keras", X)
    history = watched.fit(X, epochs=3, verbose=0, callbacks=[best]).history
    assert_same(watched, plain)
    assert [row.step for row in best.curve.rows] == [1, 2, 3]
    assert history["coverage"] == [row.value for row in best.curve.rows]
    assert Curve.read(tmp_path / "best.csv") == best.curve
    assert {path.name for path in tmp_path.iterdir()} == {"best.keras", "best.csv"}


def test_the_best_is_kept(tmp_path, scripted):
    nan = math.nan
    scripted(nan, 0.2, 0.5, nan, 0.5, 0.4)  # coverage: higher is better
    best = BestSamples(tmp_path / "new" / "b.keras", X, every=2)
    gan = make()
    gan.fit(X, epochs=11, verbose=0, callbacks=[best])
    np.testing.assert_equal(
        numbers(tmp_path / "new" / "b.csv"),
        [
            (2, 2, nan, nan), (4, 4, 0.2, 0.2), (6, 6, 0.5, 0.5), (8, 8, nan, 0.5),
            (10, 10, 0.5, 0.5), (11, 11, 0.4, 0.5),
        ],
    )  # fmt: skip
    kept = ganzoo.load(tmp_path / "new" / "b.keras")
    assert (kept.step, gan.step) == (6, 11)
    assert (best.curve.best.step, best.curve.since_best) == (6, 3)
    shorter = make()
    shorter.fit(X, epochs=6, verbose=0)
    assert_same(kept, shorter)


def test_patience_ends_training_and_stays_ended(tmp_path, scripted):
    def fit():
        gan = make()
        best = BestSamples(tmp_path / "best.keras", X, patience=2)
        options = {"callbacks": [best], "checkpoint": tmp_path / "c", "verbose": 0}
        return gan, gan.fit(X, epochs=9, **options).epoch

    scripted(0.1, 0.3, 0.2, 0.3)
    gan, epochs = fit()
    assert gan.step == 4 and epochs == [0, 1, 2, 3]
    before = (tmp_path / "best.csv").read_bytes()
    again, epochs = fit()  # measures nothing: no value is left
    assert again.step == 4 and epochs == []
    assert (tmp_path / "best.csv").read_bytes() == before
    again.fit(X, epochs=1, verbose=0)
    assert again.step == 5


def test_a_killed_training_ends_with_the_same_best(tmp_path):
    class Killed(Exception):
        pass

    def kill(epoch, logs):
        if epoch == 4:
            raise Killed

    def fit(folder, *others):
        gan = make()
        best = BestSamples(folder / "best.keras", X, metric="kid")
        kept = Checkpoints(folder / "c", every=3)
        gan.fit(X, epochs=6, verbose=0, callbacks=[best, *others], checkpoint=kept)
        return gan

    whole = fit(tmp_path / "whole")
    with pytest.raises(Killed):
        fit(tmp_path / "parts", keras.callbacks.LambdaCallback(on_epoch_end=kill))
    assert [row[1] for row in numbers(tmp_path / "parts" / "best.csv")] == [1, 2, 3, 4, 5]
    assert Checkpoints(tmp_path / "parts" / "c").newest.name == "step_00000003.keras"
    assert_same(fit(tmp_path / "parts"), whole)
    one, other = (tmp_path / name / "best" for name in ("whole", "parts"))
    assert numbers(one.with_suffix(".csv")) == numbers(other.with_suffix(".csv"))
    assert_same(*(ganzoo.load(path.with_suffix(".keras")) for path in (one, other)))


def test_restore_brings_all_of_the_best_back(tmp_path, scripted):
    scripted(0.1, 0.3, 0.2, 0.25)
    gan, shorter = make(ema=0.9), make(ema=0.9)
    best = BestSamples(tmp_path / "best.keras", X, restore=True)
    gan.fit(X, epochs=3, verbose=0, callbacks=[best])
    shorter.fit(X, epochs=2, verbose=0)
    assert_same(gan, shorter)
    for each, callbacks in ((gan, [best]), (shorter, [])):
        each.fit(X, epochs=1, verbose=0, callbacks=callbacks)
    assert [row[:3] for row in numbers(best.csv)] == [(1, 1, 0.1), (2, 2, 0.3), (3, 1, 0.25)]
    assert gan.step == 2  # the best again


def test_a_new_training_begins_a_new_curve(tmp_path, scripted):
    scripted(0.9, 0.1)
    for _ in range(2):
        make().fit(X, verbose=0, callbacks=[BestSamples(tmp_path / "best.keras", X)])
    assert numbers(tmp_path / "best.csv") == [(1, 1, 0.1, 0.1)]


def test_only_the_chief_measures(tmp_path, scripted, monkeypatch):
    scripted()
    monkeypatch.setattr(strategies, "is_chief", lambda strategy: False)
    make().fit(X, verbose=0, callbacks=[BestSamples(tmp_path / "b.keras", X, patience=1)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"path": "best.h5"}, "end it in .keras"),
        ({"every": 0}, "every=0"),
        ({"patience": 0}, "patience=0"),
        ({"metric": "fid"}, "no metric is called"),
        ({"samples": 1}, "samples=1"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused_at_once(tmp_path, wrong, words):
    with pytest.raises(ValueError, match=words):
        BestSamples(**{"path": tmp_path / "best.keras", "x": X} | wrong)


def test_a_quality_has_its_own_metric(built, tmp_path):
    quality = SampleQuality(built, X)
    with pytest.raises(ValueError, match="metric= was given with a SampleQuality"):
        BestSamples(tmp_path / "b.keras", quality, metric="kid")
    with pytest.raises(ValueError, match="y= was given with a SampleQuality"):
        BestSamples(tmp_path / "b.keras", quality, X)


def test_nothing_is_trained_on_data_or_curves_that_do_not_fit(tmp_path):
    gan = make()
    with pytest.raises(TooFew, match="can't be measured"):
        gan.fit(X, verbose=0, callbacks=[BestSamples(tmp_path / "b.keras", X[:20])])
    assert gan.step == 0
    gan.fit(X, verbose=0)
    for text, words in (
        ("step,epoch,kid,best,seconds\n", "holds kid and not coverage"),
        ("step,epoch,coverage,best,seconds\n1,2\n", "can't be read"),
        ("", "can't be read"),
        ("a,b\n", "can't be read"),
    ):
        (tmp_path / "b.csv").write_text(text)
        with pytest.raises(ValueError, match=words):
            gan.fit(X, verbose=0, callbacks=[BestSamples(tmp_path / "b.keras", X)])
        assert gan.step == 1 and (tmp_path / "b.csv").read_text() == text


# ---- runs


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def rows(tmp_path):
    """A data set of few rows, as the command line names it."""
    np.savez(tmp_path / "rows.npz", x=X)
    return f"npz:{tmp_path}/rows.npz"


def test_a_run_shows_exports_and_loads_its_best(tmp_path, rows, scripted, monkeypatch):
    scripted(0.1, 0.9, 0.3)
    exported = []
    monkeypatch.setattr(runs.Run, "export", lambda run, gan, format: exported.append(gan.step))
    small = {"hyperparameters": {"width": 8}, "epochs": 3, "metric": "density"}
    run = runs.train("gan", rows, out=tmp_path / "a", **small)
    assert files(run.path) >= {"best.keras", "best.csv", "best.png", "model.keras"}
    assert (run.load().step, ganzoo.load(run.path / "model.keras").step) == (2, 3)
    assert run.model == run.path / "best.keras" and exported == [2, 2]
    assert run.config["metric"] == "density" and run.config["patience"] is None
    best = (run.path / "best.keras").rename(tmp_path / "best.keras")
    assert run.model == run.path / "model.keras"
    for path in (run.path / "model.keras", *(run.path / "checkpoints").iterdir()):
        path.unlink()
    best.rename(run.path / "best.keras")
    assert run.model == run.path / "best.keras"


def test_a_run_stops_early_and_is_then_over(ganzoo_in, tmp_path, rows, scripted):
    scripted(0.9, 0.3, 0.3)
    words = f"train gan width=8 --data {rows} --epochs 9 --patience 2 --no-export --out r"
    code, out, err = ganzoo_in(tmp_path, words)
    assert code == 0, err
    assert f"gan learned {rows} with mlp networks: 3 steps" in out
    assert "stopped before step 9: coverage did not improve in the last 2 measurements" in out
    assert "best        step 1, coverage 0.9; at the last step 0.3 (kept as model.keras)" in out
    assert " rows/s  " in err
    code, out, err = ganzoo_in(tmp_path, "train --resume r")
    assert (code, out) == (2, "") and "stopped early, since its samples no longer" in err


def test_metric_none_and_few_rows_keep_only_the_last(ganzoo_in, tmp_path, rows):
    words = "train gan width=8 --steps 1 --no-export --out"
    code, out, _ = ganzoo_in(tmp_path, f"{words} r --data {rows} --metric none")
    assert code == 0 and "best" not in out and "best.csv" not in files(tmp_path / "r")
    assert runs.Run.at(tmp_path / "r").load().step == 1
    np.savez(tmp_path / "few.npz", x=X[:20])
    few = f"--data npz:{tmp_path}/few.npz --batch-size 4"
    assert ganzoo_in(tmp_path, f"{words} s {few}")[0] == 0
    assert runs.Run.at(tmp_path / "s").config["metric"] == "none"
    for option, words_of_error in (
        ("--metric kid", "metric='kid' can't be measured"),
        ("--patience 2", "can't be measured"),
        ("--metric none --patience 2", "patience needs measurements"),
        ("--metric fid", "no metric is called 'fid'"),
        ("--patience 0", "patience=0"),
    ):
        code, out, err = ganzoo_in(tmp_path, f"{words} t {few} {option}")
        assert (code, out) == (2, "") and words_of_error in err
        assert not (tmp_path / "t").exists()


def test_a_config_with_a_wrong_patience_is_refused(tmp_path):
    run = runs.Run.new(tmp_path / "a", {})
    (run.path / "config.json").write_text(json.dumps({"patience": "2"}))
    with pytest.raises(ValueError, match="patience='2', which is not an int"):
        run.config  # noqa: B018


def test_an_interrupted_epoch_is_measured_too(tmp_path):
    best = BestSamples(tmp_path / "best.keras", X)
    make().fit(X, batch_size=16, epochs=2, verbose=0, callbacks=[StopAtStep(7), best])
    assert [(row.step, row.epoch) for row in best.curve.rows] == [(4, 1), (7, 2)]
