"""The race of benchmarks/race.py: its clock, its yardsticks, the seconds to a quality, its rows."""

import csv
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import ganzoo

FOLDER = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(FOLDER))  # its files import one another, as a script's do
try:
    import race
    import race_engines
    import race_measures
    import race_picture
    import tables
finally:
    sys.path.remove(str(FOLDER))


pytestmark = pytest.mark.usefixtures("cached_judges")


@pytest.fixture(scope="module")
def digits():
    return race.load("digits")


# ---- the clock


def test_the_clock_stands_still_while_samples_are_drawn(tmp_path, monkeypatch):
    now = types.SimpleNamespace(time=100.0)
    monkeypatch.setattr(race_engines.time, "perf_counter", lambda: now.time)
    clock = race_engines.Clock([10, 20, 30], 3, tmp_path)

    def draw(count):
        now.time += 1000
        return np.full((count, 2), now.time)

    for seconds in (6, 6, 6, 6):
        now.time += seconds
        assert not clock.tick(draw)
    assert [(p["point"], p["seconds"], p["steps"]) for p in clock.passed] == [
        (10, 12, 2),
        (20, 24, 4),
    ]
    now.time += 6
    assert clock.tick(draw)
    assert json.loads((tmp_path / "passed.json").read_text()) == clock.passed
    assert {path.stem for path in tmp_path.glob("*.npy")} == {"10", "20", "30"}
    assert np.load(tmp_path / "20.npy").shape == (3, 2)


def test_a_long_step_passes_several_check_points(tmp_path, monkeypatch):
    now = types.SimpleNamespace(time=0.0)
    monkeypatch.setattr(race_engines.time, "perf_counter", lambda: now.time)
    clock = race_engines.Clock([1, 2, 9], 1, tmp_path)
    now.time = 5.0
    assert not clock.tick(np.zeros)
    assert [(p["seconds"], p["steps"]) for p in clock.passed] == [(5, 1)] * 2


def test_images_become_bytes():
    values = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    assert race_engines.as_bytes(values).tolist() == [0, 0, 128, 255, 255]
    assert race_engines.as_bytes(values, low=0.0).tolist() == [0, 0, 0, 255, 255]


# ---- the seconds until a quality


def test_seconds_until_a_quality():
    curve = [(10, 100.0), (20, 1.0), (40, 0.01)]
    assert race_measures.seconds_until(curve, 10.0) == pytest.approx(15)
    assert race_measures.seconds_until(curve, 1.0) == pytest.approx(20)
    assert race_measures.seconds_until(curve, 0.1) == pytest.approx(30)
    assert race_measures.seconds_until(curve, 1000.0) == 10
    assert race_measures.seconds_until(curve, 0.001) is None
    # a KID may be below 0
    assert race_measures.seconds_until([(1, 1.0), (2, -1.0)], -5.0) == 2


def rows_of(engine, ratios, seed=7):
    rows = []
    for point, ratio in zip((15, 30, 60), ratios, strict=True):
        row = dict.fromkeys(race_measures.MEASURES, "") | {"data": "digits", "engine": engine}
        rows.append(row | {"seed": str(seed), "point": str(point), "seconds": str(point)})
        rows[-1]["judge_frechet_ratio"] = str(ratio)
    return rows


def test_the_lead_is_over_the_best_peer_and_of_medians():
    rows = [
        *rows_of("ganzoo lsgan", (10, 1, 0.5)),
        *rows_of("ganzoo lsgan", (100, 10, 1), seed=8),
        *rows_of("ganzoo lsgan", (1000, 100, 10), seed=9),  # medians: 100, 10, 1
        *rows_of("tutorial", (300, 200, 100)),
        *rows_of("guide", (500, 400, 10**0.5)),
        *rows_of("slow", (9, 9, 9)),
    ]
    found = {row["engine"]: row for row in race_measures.leads(rows, ["tutorial", "guide"])}
    assert {row["best_peer"] for row in found.values()} == {"guide"}
    assert {row["measure"] for row in found.values()} == {"judge_frechet_ratio"}
    seconds = {engine: row["seconds"] for engine, row in found.items()}
    assert seconds == {"ganzoo lsgan": "45", "guide": "60", "tutorial": ">60", "slow": ">60"}
    leads = {engine: row["lead"] for engine, row in found.items()}
    assert leads == {"ganzoo lsgan": "1.33", "guide": "1", "tutorial": "<1", "slow": "<1"}
    at_once = race_measures.leads([*rows_of("a", (1, 1, 1)), *rows_of("b", (9, 9, 9))], ["b"])
    assert [row["seconds"] for row in at_once] == ["≤15", "≤15"]
    assert race_measures.leads(rows, ["pytorch"]) == []


# ---- what is measured


@pytest.mark.slow
def test_real_images_are_as_good_as_real_ones_and_noise_is_not(digits):
    images, labels = digits
    yardsticks = race_measures.Yardsticks(images, labels, 800, photographs=False)
    assert "judge of 9" in yardsticks.facts["judge"] and yardsticks.facts["features"] == ""
    real = yardsticks.measure(yardsticks.real)
    assert real["judge_frechet_ratio"] == pytest.approx(1, abs=0.35)  # means of 20 halves each
    assert real["confidence"] == pytest.approx(1) and real["label_kl"] < 0.03
    assert real["frechet_ratio"] == real["kid"] == ""
    shape = (800, *images.shape[1:])
    noise = yardsticks.measure(np.random.default_rng(0).integers(0, 256, shape).astype("uint8"))
    assert noise["judge_frechet_ratio"] > 20 and noise["judge_kid"] > 100 * abs(real["judge_kid"])
    one_class = yardsticks.measure(np.repeat(images[labels == 3][:80], 10, axis=0))
    assert one_class["label_kl"] == pytest.approx(np.log(10), abs=0.2)


@pytest.mark.slow
def test_another_seed_is_another_judge(digits):
    images, labels = digits
    judges = [
        race_measures.Yardsticks(images, labels, 200, seed, photographs=False).judge
        for seed in (0, 1)
    ]
    assert judges[0].hash != judges[1].hash
    assert min(judge.accuracy for judge in judges) > 0.95
    agreed = np.mean(judges[0].labels(images) == judges[1].labels(images))
    assert agreed > 0.97


def test_without_labels_there_is_no_judge(digits):
    yardsticks = race_measures.Yardsticks(digits[0], None, 300, photographs=False)
    assert set(yardsticks.measure(digits[0][:300]).values()) == {""}


# ---- a race


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_rows_take_the_place_of_their_own_kind(tmp_path):
    path, key = tmp_path / "race.csv", ("data", "engine", "seed")
    tables.write(path, [*rows_of("a", (1, 2, 3)), *rows_of("b", (4, 5, 6))], key, ("data",))
    rows = tables.write(path, rows_of("a", (7, 8, 9)), key, ("data",))
    assert rows == table(path)
    ratios = [(row["engine"], row["judge_frechet_ratio"]) for row in rows]
    assert ratios == [("b", "4"), ("b", "5"), ("b", "6"), ("a", "7"), ("a", "8"), ("a", "9")]
    race_picture.draw(rows, tmp_path / "race.png")
    assert (tmp_path / "race.png").stat().st_size > 5_000


def test_new_columns_leave_old_rows_empty(tmp_path):
    path = tmp_path / "rows.csv"
    tables.write(path, [{"name": "a", "old": 1, "none": ""}], ("name",))
    tables.write(path, [{"name": "b"} | tables.facts(pytest)], ("name",))
    old, new = table(path)
    assert old == {"name": "a", "versions": "", "machine": "", "old": "1"}
    assert new["versions"].startswith(f"ganzoo {ganzoo.__version__} tensorflow ")
    assert new["versions"].endswith(f" pytest {pytest.__version__}")


def test_images_come_in_a_random_order_with_their_own_labels(digits):
    images, labels = race.load("mnist5k")
    assert len(np.unique(labels[:100])) == 10  # though the bundled file is sorted by its labels
    ones, zeros = (images[labels == k].mean(0)[14, 14, 0] for k in (1, 0))
    assert ones > 150 and zeros < 50


def test_what_other_programs_use_is_counted(tmp_path, monkeypatch):
    stat = tmp_path / "stat"
    monkeypatch.setattr(race, "STAT", stat)
    assert race.used_by_others() == 0  # where there is no such file
    monkeypatch.setattr(race.os, "times", lambda: (1.0, 2.0, 3.0, 4.0, 99.0))
    monkeypatch.setattr(race.os, "sysconf", lambda name: 100)
    stat.write_text("cpu  1000 200 300 7777 8888 40 50 0 0 0\ncpu0 1 2 3 4 5 6 7 0 0 0\n")
    assert race.used_by_others() == pytest.approx(15.9 - 10)


def test_peers_refuse_images_that_their_networks_cannot_make():
    with pytest.raises(SystemExit, match="28×28 or 32×32"):
        race.race("digits", race.parsed(["--engines", "tutorial"]), {})


@pytest.mark.slow
def test_a_race_of_two_seconds(tmp_path, monkeypatch, capsys):
    words = "--data digits --engines ganzoo --names lsgan dcgan --set width=8 --seeds 3 --picture"
    words += f" --seconds 2 --samples 400 --no-efficientnet --out {tmp_path}/race.csv"
    monkeypatch.setattr(sys, "argv", ["race.py", *words.split()])
    race.main()
    rows = table(tmp_path / "race.csv")
    assert [row["engine"] for row in rows[::5]] == [
        f"ganzoo {n} width=8" for n in ("lsgan", "dcgan")
    ]
    assert len(rows) == 10 and rows[4]["point"] == "2" and float(rows[4]["seconds"]) >= 2
    assert int(rows[4]["steps"]) > int(rows[0]["steps"]) >= 1
    assert float(rows[4]["judge_frechet_ratio"]) < float(rows[0]["judge_frechet_ratio"])
    assert "--data digits" in rows[0]["command"] and "tensorflow" in rows[0]["versions"]
    for name in ("race.png", "race-samples.png"):
        assert (tmp_path / name).stat().st_size > 5_000


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["tutorial", "guide", "wgan_gp"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3)])
def test_peers_train_and_draw(engine, shape, tmp_path, monkeypatch):
    monkeypatch.setattr(race_engines.peers, "batches", lambda data, size: [data[:8]])
    images = np.random.default_rng(0).integers(0, 256, (8, *shape)).astype("uint8")
    race_engines.PEERS[engine](images, 1, lambda: race_engines.Clock([0.001], 5, tmp_path))
    samples = np.load(tmp_path / "0.001.npy")
    assert samples.shape == (5, *shape) and samples.dtype == np.uint8 and samples.std() > 0
