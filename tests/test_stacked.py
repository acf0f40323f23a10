"""Stacked digits: what is loaded, what `evaluate` says of it, how its 1,000 modes are counted."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import ganzoo

FILE = Path(__file__).parent.parent / "benchmarks/stacked.py"
SPEC = importlib.util.spec_from_file_location("stacked", FILE)
STACKED = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(STACKED)
pytestmark = [pytest.mark.usefixtures("cached_judges"), pytest.mark.slow]
RNG = np.random.default_rng(0)


def arrays(name, **options):
    dataset = ganzoo.data.load(name, **options)
    batch = dataset.batch(len(dataset)).get_single_element()
    return batch["image"].numpy(), batch["label"].numpy()


X, Y = arrays("digits")
STACKS, MODES = arrays("stacked_digits")


@pytest.fixture(scope="module")
def digits(cached_judges):
    return STACKED.Digits()


def stacked(images):
    """Images [N, 3, 8, 8] as stacks."""
    return np.moveaxis(images, 1, -1).astype("uint8")


# ---- what is loaded


@pytest.mark.slow
def test_each_channel_is_a_digit_and_the_label_is_their_number():
    assert STACKS.shape == (51_200, 8, 8, 3) and STACKS.dtype == np.uint8
    label_of = {image.tobytes(): label for image, label in zip(X[..., 0], Y, strict=True)}
    channels = np.moveaxis(STACKS, -1, 1)
    of_channels = np.array([[label_of[c.tobytes()] for c in stack] for stack in channels])
    np.testing.assert_array_equal(of_channels @ (100, 10, 1), MODES)
    counts = np.bincount(MODES, minlength=1000)
    assert len(counts) == 1000 and counts.min() > 20 and counts.max() < 100
    assert np.abs(np.corrcoef(of_channels.T) - np.eye(3)).max() < 0.02


def test_only_the_seed_draws_the_stacks():
    dataset = ganzoo.data.load("stacked_digits")
    assert (dataset.class_names[7], len(dataset.class_names)) == ("007", 1000)
    again, other = arrays("stacked_digits"), arrays("stacked_digits", seed=1)
    np.testing.assert_array_equal(again[0], STACKS)
    np.testing.assert_array_equal(again[1], MODES)
    assert np.mean(other[1] == MODES) < 0.01
    columns = {"image": ganzoo.data.Column("sample"), "label": ganzoo.data.Column("label")}
    assert ganzoo.data.batches(dataset, columns=columns).fields["label"].num_classes == 1000


def test_evaluate_refuses_a_judge_of_1000_classes_and_measures_the_rest():
    dataset = ganzoo.data.load("stacked_digits").take(2_000)
    gan = ganzoo.get("gan", width=8, latent_dim=4)
    gan.fit(dataset, steps_per_epoch=2, verbose=0)
    found = gan.evaluate(dataset, samples=300)
    assert list(found.refused) == ["judge"] and "of 1000 classes" in found.refused["judge"]
    assert {"frechet", "kid", "coverage", "copies", "parzen"} <= set(found)
    assert found["frechet"].extractor == "64 principal components of pixels"
    assert found["frechet"].ratio > 3


# ---- how the modes are counted


def test_real_stacks_are_nearly_perfect(digits):
    """All but the quality of digits that were never seen, which is that of one left out."""
    found = digits.measure(STACKS[:26_000])
    assert found["modes"] == found["modes_lenient"] == 1000
    assert found["mode_kl"] == pytest.approx(999 / 52_000, rel=0.25)
    assert found["mode_std"] == pytest.approx(1, abs=0.02)
    assert found["high_quality"] > 0.96 and 0.93 < digits.high_quality < 0.98


def test_modes_that_are_missing_are_missed(digits):
    found = digits.measure(STACKS[(MODES < 500) & (MODES % 10 != 3)])
    assert 445 < found["modes"] < 500  # with one sample for a mode, the judge's errors count
    assert found["mode_kl"] == pytest.approx(np.log(1000 / 450), abs=0.1)
    found = digits.measure(np.repeat(STACKS[MODES == 123][:1], 10_000, axis=0))
    assert found["modes"] == found["modes_lenient"] == 1
    assert found["mode_kl"] == pytest.approx(np.log(1000)) and found["mode_std"] == 0


def test_what_the_judge_calls_digits_is_not_of_high_quality_for_that(digits):
    noise = RNG.integers(0, 256, (10_000, 8, 8, 3)).astype("uint8")
    found = digits.measure(noise)
    assert found["modes"] == found["high_quality"] == 0 and "mode_std" not in found
    assert found["modes_lenient"] > 100
    pairs = RNG.integers(len(X), size=(2, 10_000, 3))
    blends = stacked(X[pairs[0], ..., 0] / 2 + X[pairs[1], ..., 0] / 2)
    found = digits.measure(blends)
    assert found["modes_lenient"] > 950 and found["high_quality"] < 0.25
    shifted = digits.measure(np.roll(STACKS[:10_000], 1, axis=1))
    assert shifted["high_quality"] < 0.05


def test_shrunken_modes_are_seen(digits):
    means = np.stack([X[k == Y, ..., 0].mean(0) for k in range(10)])
    drawn = RNG.integers(len(X), size=(10_000, 3))
    halfway = stacked((X[drawn, ..., 0] + means[Y[drawn]]) / 2)
    found = digits.measure(halfway)
    assert found["high_quality"] > 0.95
    assert found["mode_std"] == pytest.approx(0.5, abs=0.05)
