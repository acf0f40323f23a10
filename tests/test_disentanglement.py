"""The mutual information gap on constructed codes and against scikit-learn's information."""

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.metrics import mutual_info_score

from ganzoo import evaluation
from ganzoo.evaluation import mutual_information_gap

RNG = np.random.default_rng(0)
N = 1000
FACTORS = np.stack(
    [RNG.integers(3, size=N), RNG.integers(7, size=N), np.arange(N) % 20, RNG.normal(size=N)], 1
)


def test_codes_that_are_the_factors_in_another_order_have_the_gap_1():
    codes = np.stack([5 - FACTORS[:, 2], np.exp(FACTORS[:, 3]), FACTORS[:, 0], FACTORS[:, 1]], 1)
    found = mutual_information_gap(codes, FACTORS)
    # samples that are independent in truth have a little information in a sample of 1,000
    others = [
        max(mutual_info_score(_binned(FACTORS[:, j]), _binned(v)) for j in range(4) if j != k)
        / entropy(np.bincount(_binned(v)))
        for k, v in enumerate(FACTORS.T)
    ]
    assert found == pytest.approx(1 - np.mean(others), abs=1e-9) and found > 0.9
    assert found.note.endswith("best codes 2, 3, 0, 1")
    assert found.low <= found <= found.high <= 1


def _binned(x, bins=20):
    if len(np.unique(x)) <= bins:
        return x.astype(int)
    return np.argsort(np.argsort(x)) * bins // len(x)


def test_independent_factors_have_the_gap_1_exactly():
    """Each combination of the factors is there once, so that nothing is left to chance."""
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in (4, 5, 10)]), -1).reshape(-1, 3)
    assert mutual_information_gap(-grid[:, [2, 0, 1]], grid) == pytest.approx(1, abs=1e-9)
    names = np.array(["round", "square", "star", "none"])[grid[:, 0]]
    assert mutual_information_gap(grid[:, 0], names) == pytest.approx(1, abs=1e-9)


def test_codes_that_tell_equally_much_or_nothing_have_the_gap_0():
    twice = np.repeat(FACTORS, 2, axis=1)
    assert mutual_information_gap(twice, FACTORS) == pytest.approx(0, abs=1e-12)
    assert mutual_information_gap(RNG.normal(size=(N, 5)), FACTORS) < 0.03
    assert mutual_information_gap(np.zeros((N, 2)), FACTORS) == 0


def test_a_code_that_mixes_two_factors_is_the_closed_form():
    """c = (v₁, v₂), as one number, has H(v₁) of v₁ and H(v₂) of v₂; the other code has v₁."""
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(5), np.arange(10)), -1).reshape(-1, 3)
    codes = np.stack([grid[:, 0] * 5 + grid[:, 1], grid[:, 0]], 1)
    found = mutual_information_gap(codes, grid[:, :2])
    assert found == pytest.approx((0 + 1) / 2, abs=1e-9)
    half = grid[:, 1] // 3  # two groups, of 3 and of 2 values
    h = entropy([0.6, 0.4]) / np.log(5)
    assert mutual_information_gap(half, grid[:, 1]) == pytest.approx(h, abs=1e-9)


@pytest.mark.parametrize(
    ("codes", "factors", "options", "sentence"),
    [
        (FACTORS, FACTORS[:-1], {}, "1000 rows of codes and 999 of factors"),
        (FACTORS[:99], FACTORS[:99], {}, "99 samples are too few: this number needs at least 100"),
        (FACTORS, np.ones(N), {}, "factor 0 has one value only"),
        (np.full((N, 1), np.nan), FACTORS, {}, "codes hold NaN or Inf"),
        (FACTORS[..., None], FACTORS, {}, r"codes have shape \(1000, 4, 1\)"),
        (FACTORS, FACTORS, {"bins": 1}, "bins=1 must be an int of at least 2"),
    ],
)
def test_what_can_not_be_measured_is_refused(codes, factors, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        mutual_information_gap(codes, factors, **options)
    assert "mutual_information_gap" in evaluation.__all__
