"""`ganzoo augment`: what its arms learn from, what it says of known samplers, what it refuses."""

import csv
import json
import shlex
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from scipy import stats

import ganzoo
from ganzoo import cli
from ganzoo.evaluation import extractors, usefulness
from ganzoo.testing import checks
from ganzoo.zoo.cgan import ConditionalGAN

BATCH = ganzoo.data.load("digits").batch(1797).get_single_element()
X, Y = BATCH["image"].numpy(), BATCH["label"].numpy()
SMALL = {"width": 8, "latent_dim": 4}


class Known(ConditionalGAN):
    """Samples images of the class asked for, moved on by `lie`, and keeps what it was fitted to."""

    pool, lie, fits = (X, Y), 0, []

    def fit(self, x, y, **options):
        self.fits.append((x, y, self.seed, options["steps_per_epoch"]))

    def sample(self, count, seed, labels):
        images, classes = self.pool
        rng = np.random.default_rng(seed)
        wanted = (labels + self.lie) % 10
        return images[[rng.choice(np.flatnonzero(classes == label)) for label in wanted]]


@pytest.fixture
def known(monkeypatch):
    """Every GAN is a `Known`, and quick."""
    monkeypatch.setattr(ganzoo, "get", lambda name, **settings: Known(**SMALL | settings))
    monkeypatch.setattr(Known, "fits", [])
    monkeypatch.setattr(usefulness, "SAMPLES", 500)
    return Known


def keys(images):
    return {image.tobytes() for image in images}


# ---- the data of the arms


@pytest.mark.slow
def test_each_arm_learns_from_what_its_name_says(known, monkeypatch):
    grey = np.full((10, 8, 8, 1), np.arange(200, 210)[:, None, None, None], "uint8")
    monkeypatch.setattr(known, "pool", (grey, np.arange(10)))
    monkeypatch.setattr(usefulness, "CLASSIFIER_STEPS", 6)
    learned, tested, first = [], [], []

    def train(network, batches, steps, rate):
        first.append(network.get_weights())
        learned.append([(np.asarray(images), labels) for images, labels in batches])
        assert len(learned[-1]) == steps == 6

    def score(network, spec, images, labels):
        tested.append((images, labels))
        return 0.5

    monkeypatch.setattr(extractors, "train_classifier", train)
    monkeypatch.setattr(usefulness, "_accuracy", score)
    found = usefulness.augmentation("known", X, Y, per_class=(2, 3), seeds=(4, 5), steps=77)
    assert [(arm.per_class, arm.name) for arm in found] == [
        (n, name) for n in (2, 3) for name in usefulness.ARMS
    ]
    names = dict(zip(keys(X), range(len(X)), strict=False))
    truth = dict(zip((image.tobytes() for image in X), Y, strict=True))
    assert len(names) == len(truth) == len(X)

    # the GANs: n of each class, their own seed, and of the larger n the smaller is a part
    assert [fit[2:] for fit in known.fits] == [(4, 77), (5, 77), (4, 77), (5, 77)]
    for (images, labels, *_), n in zip(known.fits, (2, 2, 3, 3), strict=True):
        assert Counter(labels.tolist()) == dict.fromkeys(range(10), n)
        assert [truth[image.tobytes()] for image in images] == labels.tolist()
        assert len(keys(images)) == 10 * n
    seen = [keys(images) for images, *_ in known.fits]
    assert seen[0] < seen[2] and seen[1] < seen[3] and seen[0] != seen[1]

    # the test: always the same half, of which no arm and no GAN has seen an image
    test = keys(tested[0][0])
    assert len(test) == found[0].tested and abs(len(test) - len(X) / 2) <= 10
    assert [truth[image.tobytes()] for image in tested[0][0]] == tested[0][1].tolist()
    for images, labels in tested[1:]:
        np.testing.assert_array_equal(images, tested[0][0])
        np.testing.assert_array_equal(labels, tested[0][1])
    assert not test & set.union(*seen)

    # the classifiers: of 64 images, of which half are the GAN's where it is named
    fakes = {(image.tobytes(), label) for label, image in enumerate(grey)}
    for number, batches in enumerate(learned):
        arm, real = usefulness.ARMS[number % 4], known.fits[number // 4]
        real = {(i.tobytes(), label) for i, label in zip(real[0], real[1].tolist(), strict=True)}
        rows = [
            (np.rint(127.5 * image + 127.5).astype("uint8").tobytes(), int(label), place)
            for images, labels in batches
            for place, (image, label) in enumerate(zip(images, labels, strict=True))
        ]
        assert len(rows) == 6 * 64
        of_real = 32 if "gan" in arm else 64
        if "classical" not in arm:
            assert {row[:2] for row in rows if row[2] < of_real} <= real
            assert {row[:2] for row in rows if row[2] >= of_real} <= fakes
        else:
            moved = [row[:2] not in real for row in rows if row[2] < of_real]
            assert np.mean(moved) > 0.9
        assert not {row[0] for row in rows} & test
    for number, weights in enumerate(first):  # first weights are the seed's, whatever the arm
        same = [np.array_equal(a, b) for a, b in zip(weights, first[0], strict=True) if a.ndim > 1]
        assert all(same) if number // 4 % 2 == 0 else not any(same)


def test_classical_means_moves_of_each_image_and_no_flips():
    images = np.full((64, 24, 24, 1), -1.0, "float32")
    images[:, 4:10, 4:10] = 1  # upper left
    moved = np.asarray(usefulness._classical(0)(images))
    assert moved.shape == images.shape and moved.min() >= -1 and moved.max() <= 1
    rows, columns = ((moved[..., 0] + 1).sum(axis) @ np.arange(24) for axis in (2, 1))
    centres = np.stack([rows, columns]) / (moved[..., 0] + 1).sum((1, 2))
    shifts = np.abs(centres - 6.5)
    assert 1 < shifts.max() < 2 + 24 * 0.13 + 0.6  # a shift, a turn about the middle, a zoom
    assert len(np.unique(centres.round(4), axis=1).T) == 64
    np.testing.assert_array_equal(usefulness._classical(0)(images), moved)
    assert not np.array_equal(usefulness._classical(1)(images), moved)


def test_the_order_of_the_data_and_copies_in_it_change_nothing(known, monkeypatch):
    monkeypatch.setattr(usefulness, "ARMS", ("real",))
    monkeypatch.setattr(
        usefulness, "_classifier", lambda arm, spec, classes, real, fake, seed: real
    )
    told = []
    monkeypatch.setattr(usefulness, "_accuracy", lambda *seen: float(bool(told.append(seen))))
    order = np.random.default_rng(0).permutation(len(X)).tolist()
    order += order[:500]
    for images, labels in ((X, Y), (X[order], Y[order])):
        found = usefulness.augmentation("known", images, labels, per_class=2, seeds=(0, 1))
    assert found[0].tested == len(told[0][2])
    for before, after in zip(told[:2], told[2:], strict=True):
        for part in (0, 2, 3):
            for a, b in zip(before[part], after[part], strict=True):
                np.testing.assert_array_equal(a, b)


# ---- what it says of samplers that are known


@pytest.mark.slow
def test_true_images_help_and_wrong_labels_hurt(known, monkeypatch):
    monkeypatch.setattr(usefulness, "ARMS", ("real", "real+gan"))
    monkeypatch.setattr(usefulness, "CLASSIFIER_STEPS", 80)
    _, images, labels = usefulness._read(ConditionalGAN(), X, Y, None)
    train, test = usefulness._halves(labels, 10, 1)
    rows = np.concatenate(train)
    monkeypatch.setattr(known, "pool", (images[rows], labels[rows]))
    few = {"per_class": 2, "seeds": (0, 1, 2), "steps": 1}
    real, helped = usefulness.augmentation("known", X, Y, **few)
    assert real.tested == len(test) and real.difference is None and real.accuracy > 0.3
    assert helped.difference.low > 0.05
    expected = stats.ttest_rel(helped.accuracies, real.accuracies).confidence_interval(0.95)
    assert (helped.difference.low, helped.difference.high) == pytest.approx(tuple(expected))
    assert helped.difference == pytest.approx(helped.accuracy - real.accuracy)
    monkeypatch.setattr(known, "lie", 1)
    again, hurt = usefulness.augmentation("known", X, Y, **few)
    assert again.accuracies == real.accuracies  # the same, whatever the GAN does
    assert hurt.difference.high < -0.05


@pytest.mark.parametrize("count", [2, 5, 30])
def test_students_interval(count):
    values = np.random.default_rng(count).normal(0.9, 0.02, count)
    found = usefulness.student(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found == pytest.approx(values.mean()) and found.n == count
    assert str(count) in found.interval


# ---- what it refuses


@pytest.mark.parametrize(
    ("name", "data", "settings", "words"),
    [
        ("lsgan", (X, Y), {}, "choose a GAN that takes labels, .*cgan"),
        ("cgna", (X, Y), {}, "'cgan'"),
        ("cgan", (X, Y), {"widht": 8}, "'width'"),
        ("cgan", (X, Y), {"seed": 3}, "leave it out"),
        ("cgan", (X, Y), {"per_class": (5, 0)}, r"per_class=\[5, 0\]"),
        ("cgan", (X, Y), {"per_class": ()}, "per_class"),
        ("cgan", (X, Y), {"per_class": 2.5}, "per_class"),
        ("cgan", (X, Y), {"per_class": (5, 5)}, "different"),
        ("cgan", (X, Y), {"seeds": (1,)}, "at least 2 different"),
        ("cgan", (X, Y), {"seeds": (-1, 2)}, "at least 0"),
        ("cgan", (X, Y), {"steps": 0}, "steps=0 must be an int of at least 1"),
        ("cgan", (X, Y), {"per_class": (5, 88)}, "class 8 has 174 .* ask for at most 87"),
        ("cgan", (X, Y + 1), {}, "class 0 has 0"),
        ("cgan", (X, Y), {"critic_steps": 30, "per_class": 2}, "one step needs 30"),
        ("cgan", (X, Y), {"architecture": "dcgan", "packing": 64, "per_class": 6}, "needs 64"),
        ("cgan", (X[:, :7], Y), {"architecture": "dcgan"}, "at least 8×8"),
        ("cgan", X, {}, "the data has none"),
        ("cgan", (X.reshape(-1, 64), Y), {}, "labelled images"),
        ("cgan", (X.astype("float32"), Y), {}, "rescale them"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_trained(
    monkeypatch, name, data, settings, words
):
    monkeypatch.setattr(ConditionalGAN, "fit", lambda *_, **__: pytest.fail("it was trained"))
    with pytest.raises(ValueError, match=words) as refused:
        usefulness.augmentation(name, data, **settings)
    assert "\n" not in str(refused.value)


def test_networks_that_would_go_on_learning_are_refused():
    gan = ganzoo.get("cgan", **SMALL)
    gan.build_for(gan.batches(X, Y).fields)
    with pytest.raises(ValueError, match="architecture="):
        usefulness.check("cgan", architecture=(gan.generator, gan.discriminator))


def test_batches_are_as_large_as_few_images_allow():
    gan, spec = ConditionalGAN(critic_steps=3, packing=4), ganzoo.data.batches(X).spec
    sizes = [usefulness._reading(gan, spec, rows)["batch_size"] for rows in (9, 50, 200, 500)]
    assert sizes == [4, 16, 64, 64]
    with checks.two_replicas().scope():
        gan = ConditionalGAN(packing=3)
    assert usefulness._reading(gan, spec, 50)["batch_size"] == 48


# ---- the command line


@pytest.fixture
def ganzoo_in(monkeypatch, capsys, tmp_path):
    def run(line):
        monkeypatch.chdir(tmp_path)
        code = cli.main(shlex.split(line))
        return code, *capsys.readouterr()

    return run


def test_augment_prints_and_writes_what_python_gives_again(ganzoo_in, tmp_path, monkeypatch):
    monkeypatch.setattr(usefulness, "ARMS", ("real", "real+classical+gan"))
    monkeypatch.setattr(usefulness, "CLASSIFIER_STEPS", 8)
    monkeypatch.setattr(usefulness, "SAMPLES", 40)
    words = "augment cgan --per-class 3 --seeds 2 --steps 2 width=8 architecture=mlp"
    code, out, err = ganzoo_in(f"{words} --csv told.csv --json told.json")
    assert code == 0
    assert [line.split(":")[0] for line in err.splitlines()] == [
        f"3 per class, seed {seed}" for seed in (0, 1)
    ]
    few = {"per_class": 3, "seeds": (0, 1), "steps": 2}
    again = usefulness.augmentation("cgan", X, Y, **few, width=8, architecture="mlp")
    head, *table, last, csv_file, json_file = out.splitlines()
    assert head.split() == ["per", "class", "trained", "on", "accuracy", "more", "than", "real"]
    assert last.startswith("means over 2 seeds") and f"on {again[0].tested:,} test" in last
    assert (csv_file, json_file) == ("told.csv", "told.json")
    for line, arm in zip(table, again, strict=True):
        accuracy = f"{arm.accuracy:.3f} ± {arm.accuracy.high - arm.accuracy:.3f}"
        assert f"{arm.name} " in line and f" {accuracy}" in line
    assert len(again[0].accuracies) == 2
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["arms"] == json.loads(json.dumps([arm.to_json() for arm in again]))
    assert told["arms"][1]["difference"]["value"] == pytest.approx(again[1].difference)
    with (tmp_path / "told.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["arm"] for row in rows] == list(usefulness.ARMS)
    for row, arm in zip(rows, again, strict=True):
        assert float(row["accuracy_low"]) == pytest.approx(arm.accuracy.low, abs=1e-5)
        assert [float(v) for v in row["accuracies"].split()] == pytest.approx(
            arm.accuracies, abs=1e-5
        )
        assert (row["data"], row["name"], row["seeds"], row["steps"]) == (
            "digits", "cgan", "0 1", "2",
        )  # fmt: skip
        assert row["hyperparameters"] == "width=8 architecture=mlp"
        assert row["command"] == f"ganzoo {words} --csv told.csv --json told.json"
        assert ganzoo.__version__ in row["versions"] and "cores" in row["machine"]
    assert rows[0]["difference"] == "" and rows[1]["difference"] != ""


def test_a_csv_file_keeps_the_rows_of_other_commands_and_is_whole_or_as_before(tmp_path):
    def arm(value):
        scores = (value, value)
        accuracy = usefulness.student(scores)
        return usefulness.Arm(5, "real+gan", 900, scores, accuracy, usefulness.student((0.0, 0.0)))

    def read():
        with file.open(newline="") as lines:
            return [(row["command"], row["accuracy"]) for row in csv.DictReader(lines)]

    file = tmp_path / "told.csv"
    for command, value in (("one", 0.5), ("other", 0.6), ("one", 0.7)):
        usefulness.save_csv([arm(value)], file, {"command": command})
    assert read() == [("other", "0.60000"), ("one", "0.70000")]
    assert ",0.00000,0.00000,0.00000," in file.read_text()
    before = file.read_bytes()
    with pytest.raises(ValueError, match="nonsense"):
        usefulness.save_csv([arm(0.8)], file, {"command": "one", "nonsense": 1})
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]
    mine = tmp_path / "mine.csv"
    mine.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="other columns"):
        usefulness.save_csv([arm(0.8)], mine, {"command": "one"})
    assert mine.read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("augment", "missing argument"),
        ("augment lsgan --data folder:nowhere", "takes labels, acgan or biggan"),
        ("augment cgan --data digit", "'digits'"),
        ("augment cgan --data ring", "labelled images"),
        ("augment cgan --per-class 10 --per-class 100", "ask for at most 87"),
        ("augment cgan --per-class 0", "per_class=[0]"),
        ("augment cgan --seeds 1", "at least 2"),
        ("augment cgan --seeds -3", "at least 2"),
        ("augment cgan --steps 0", "steps=0"),
        ("augment cgan width=0", "at least 1"),
        ("augment cgan seed=2", "leave it out"),
        ("augment cgan --csv nowhere/x.csv", "nowhere/x.csv"),
        ("augment cgan --csv mine.csv", "other columns"),
        ("augment cgan --json .", "--json ."),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(ganzoo_in, tmp_path, words, sentence):
    (tmp_path / "mine.csv").write_text("a,b\n")
    code, out, err = ganzoo_in(words)
    assert (code, out) == (2, "")
    assert err.startswith("ganzoo: ") and err.count("\n") == 1 and sentence in err.lower()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


def test_help_needs_no_tensorflow():
    code = (
        "import sys; from ganzoo import cli; code = cli.main(['augment', '--help'])\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & sys.modules.keys()\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--per-class" in done.stdout


def test_the_help_says_the_defaults(ganzoo_in):
    _, out, _ = ganzoo_in("augment --help")
    assert f"{usefulness.STEPS:,}" in out
    assert all(str(n) in out for n in usefulness.PER_CLASS)
