"""Metrics against closed forms and against others' implementations: ours beside theirs."""

import copy
import csv
import importlib.util
import itertools
import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import linalg, special
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import KernelDensity

from ganzoo import data, evaluation
from ganzoo.evaluation import measured

HERE = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("parity", HERE / "benchmarks/metrics_parity.py")
PARITY = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(PARITY)
REAL, FAKE, LOGITS = PARITY.features()
RNG = np.random.default_rng(0)


def torch_fidelity(name):
    """What torch-fidelity said; see benchmarks/metrics_parity.py."""
    with open(PARITY.PATH, newline="") as file:
        return next(float(r["value"]) for r in csv.DictReader(file) if r["name"] == name)


def agrees(ours, theirs, **tolerance):
    print(f"ours {float(ours):.12g} beside theirs {theirs:.12g}")
    assert float(ours) == pytest.approx(theirs, **({"rel": 1e-9} | tolerance))


# ---- parity


def test_frechet_beside_torch_fidelity_and_sqrtm():
    ours = evaluation.frechet_distance(REAL, FAKE)
    agrees(ours, torch_fidelity("frechet_inception_distance"), rel=1e-8)
    one, other = np.cov(REAL.T), np.cov(FAKE.T)
    root = linalg.sqrtm(one @ other).real
    theirs = np.sum((REAL.mean(0) - FAKE.mean(0)) ** 2) + np.trace(one + other - 2 * root)
    agrees(ours, theirs)


def test_kid_beside_torch_fidelity_and_the_definition():
    ours = evaluation.kid(REAL[:500], FAKE)
    agrees(ours, torch_fidelity("kernel_inception_distance_mean"))

    def mmd(real, fake):
        xx, yy = polynomial_kernel(real, degree=3), polynomial_kernel(fake, degree=3)
        m, n = len(xx), len(yy)
        return (
            (xx.sum() - np.trace(xx)) / (m * (m - 1))
            + (yy.sum() - np.trace(yy)) / (n * (n - 1))
            - 2 * polynomial_kernel(real, fake, degree=3).mean()
        )

    real, fake = REAL[:40], FAKE[:50]
    ours = evaluation.kid(real, fake)
    agrees(ours, mmd(real, fake))
    of_real = [mmd(np.delete(real, i, 0), fake) for i in range(40)]
    of_fake = [mmd(real, np.delete(fake, i, 0)) for i in range(50)]
    jackknife = np.sqrt(39 * np.var(of_real) + 49 * np.var(of_fake))
    agrees((ours.high - ours) / measured.Z, jackknife)


def test_precision_recall_density_coverage_beside_prdc_and_torch_fidelity():
    from prdc import compute_prdc

    ours = evaluation.precision_recall_density_coverage(REAL, FAKE, k=5)
    theirs = compute_prdc(REAL, FAKE, nearest_k=5)
    for name, value in theirs.items():
        agrees(ours[name], value)
    assert 0.1 < ours["recall"] < 0.99 and 0.1 < ours["coverage"] < 0.99
    for name in ("precision", "recall"):
        agrees(ours[name], torch_fidelity(name), abs=1e-6)


def test_inception_score_beside_torch_fidelity():
    ours = evaluation.inception_score(special.softmax(LOGITS, axis=1))
    agrees(ours, torch_fidelity("inception_score_mean"))


def test_parzen_beside_scikit_learn():
    samples, x = REAL[:200, :5], REAL[200:300, :5]
    sigmas = (0.2, 0.7)
    ours = evaluation.log_densities(samples, x, sigmas)
    for sigma, row in zip(sigmas, ours, strict=True):
        # one leaf: between its tree's nodes scikit-learn loses densities below about e⁻²⁰
        theirs = KernelDensity(bandwidth=sigma, leaf_size=200).fit(samples).score_samples(x)
        np.testing.assert_allclose(row, theirs, rtol=1e-9)
        agrees(row.mean(), theirs.mean())


# ---- closed forms


def test_frechet_of_diagonal_gaussians():
    mean, other = np.array([1.0, -2.0, 0.5]), np.array([0.0, 1.0, 0.5])
    std, other_std = np.array([1.0, 2.0, 0.1]), np.array([3.0, 2.0, 0.4])
    expected = np.sum((mean - other) ** 2) + np.sum((std - other_std) ** 2)
    turn = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    for axes in (np.eye(3), turn):
        ours = evaluation.frechet_of_gaussians(
            axes @ mean, axes @ np.diag(std**2) @ axes.T,
            axes @ other, axes @ np.diag(other_std**2) @ axes.T,
        )  # fmt: skip
        agrees(ours, expected)
    rank_one = np.outer(mean, mean)
    agrees(evaluation.frechet_of_gaussians(mean, rank_one, mean, rank_one), 0.0, abs=1e-9)


def test_frechet_ratio_is_one_for_real_samples_and_its_noise_falls_with_splits():
    draw = RNG.normal(size=(4, 600, 8))
    same = evaluation.frechet_ratio(draw[0], draw[1], draw[2])
    assert same.n == 300 and 0.7 < same.ratio < 1.4
    shifted = evaluation.frechet_ratio(draw[0], draw[1], draw[2] + 0.5)
    assert shifted == pytest.approx(8 * 0.25, rel=0.2) and shifted.ratio > 10
    singles = [evaluation.frechet_ratio(*draw[:3], splits=2, seed=s).reference for s in range(20)]
    many = [evaluation.frechet_ratio(*draw[:3], splits=20, seed=s).reference for s in range(20)]
    assert np.std(many) < 0.6 * np.std(singles)


def test_kid_of_linear_shift_and_of_alike():
    kids = [evaluation.kid(RNG.normal(size=(200, 4)), RNG.normal(size=(200, 4))) for _ in range(60)]
    covered = np.mean([k.low <= 0 <= k.high for k in kids])
    assert abs(np.mean(kids)) < 3 * np.std(kids) / np.sqrt(60)
    assert covered > 0.9
    assert evaluation.kid(REAL, REAL[:300] + 1) > 10 * abs(evaluation.kid(REAL[:300], REAL[300:]))


def test_parzen_by_hand():
    # NUMBERS: samples (0,0), (2,0), x = (1,0), σ = 0.7
    samples = np.tile([[0.0, 0.0], [2.0, 0.0]], (16, 1))
    x = np.tile([[1.0, 0.0]], (32, 1))
    ours = evaluation.parzen_log_likelihood(samples, x, x, sigmas=[0.7])
    agrees(ours, -1 / (2 * 0.49) - np.log(2 * np.pi * 0.49))
    assert float(ours) == pytest.approx(-2.145, abs=5e-4) and ours.note == "σ=0.7"


def test_parzen_chooses_sigma_on_validation_and_says_when_the_grid_ends():
    x = RNG.normal(size=(3, 400, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = evaluation.parzen_log_likelihood(*x)
    assert float(ours) == pytest.approx(-0.5 - 0.5 * np.log(2 * np.pi), abs=0.1)
    error = np.std(evaluation.log_densities(x[0], x[2], [float(ours.note[2:])])[0], ddof=1) / 20
    assert (ours.high - ours) / measured.Z == pytest.approx(error, rel=1e-2)
    with pytest.warns(UserWarning, match="an end of the grid"):
        edge = evaluation.parzen_log_likelihood(*x, sigmas=[2.0, 3.0])
    assert "at the end" in edge.note


def test_centroids_outscore_real_samples():
    """Theis et al. 2016: which is why both stand beside a GAN's score."""
    x, y = (data.load("digits").batch(2000).get_single_element()[k] for k in ("image", "label"))
    assert len(y) == 1797
    flat = x.numpy().reshape(-1, 64) / 255
    flat = flat[np.random.default_rng(0).permutation(len(flat))]
    few = flat[:150]
    rest = np.split(flat[1000:1600], 2)
    real = evaluation.parzen_log_likelihood(few, *rest)
    centroids = evaluation.parzen_log_likelihood(evaluation.centroids(flat[:1000], 150), *rest)
    print(f"real {real!r}, as many centroids {centroids!r}")
    assert centroids > real


@pytest.mark.parametrize("count", [2, 10])
def test_inception_score_spans_one_to_the_classes(count):
    sure = np.eye(count)[np.arange(100 * count) % count]
    agrees(evaluation.inception_score(sure), count)
    agrees(evaluation.inception_score(np.full_like(sure, 1 / count)), 1.0)
    agrees(evaluation.inception_score(np.eye(count)[[0] * 100]), 1.0)


def test_label_kl():
    frequencies = np.array([0.4, 0.6])
    labels = np.repeat([0, 1], [70, 30])
    agrees(
        evaluation.label_kl(labels, frequencies), 0.183787, abs=1e-6
    )  # the KL of (.7,.3)/(.4,.6)
    agrees(evaluation.label_kl(np.zeros(100, int), np.full(10, 0.1)), np.log(10))
    perfect = [evaluation.label_kl(RNG.integers(10, size=500), np.full(10, 0.1)) for _ in range(40)]
    assert np.mean(perfect) == pytest.approx(9 / 1000, rel=0.25)
    assert evaluation.label_kl(labels, [1.0, 0.0]) == np.inf


def test_matching_is_the_best_of_all_permutations():
    asked = RNG.integers(4, size=400)
    found = np.where(RNG.random(400) < 0.5, (asked + 1) % 4, RNG.integers(4, size=400))
    ours = evaluation.matching(found, asked)
    best = max(
        np.mean(np.array(order)[asked] == found) for order in itertools.permutations(range(4))
    )
    agrees(ours, best)
    assert ours.note == "0→1 1→2 2→3 3→0"
    agrees(evaluation.agreement(found, asked), np.mean(found == asked))


def test_modes_of_a_perfect_sampler():
    ring = data.toys.ring()
    draws = [ring.sample(2500, seed)[0] for seed in range(8)]
    found = [evaluation.mode_coverage(x, ring.means, ring.sigma) for x in draws]
    assert all(f["modes"] == 8 and f["modes_lenient"] == 8 for f in found)
    quality = np.mean([f["high_quality"] for f in found])
    assert quality == pytest.approx(1 - np.exp(-4.5), abs=0.002)  # 98.89%
    assert np.mean([f["mode_kl"] for f in found]) == pytest.approx(7 / 5000, rel=0.6)
    assert np.mean([f["mode_std"] for f in found]) == pytest.approx(1, abs=0.01)


def test_modes_of_failures():
    grid = data.toys.grid()
    x, mode = grid.sample(2500, 1)
    lost = np.where((mode == 3)[:, None], grid.means[4], x)
    found = evaluation.mode_coverage(lost, grid.means, grid.sigma)
    assert found["modes"] == 24 and found["mode_kl"] > 0.02
    stray = lost.copy()
    stray[0] = grid.means[3]
    found = evaluation.mode_coverage(stray, grid.means, grid.sigma)
    assert (found["modes"], found["modes_lenient"]) == (24, 25)
    shrunken = grid.means[mode] + 0.5 * (x - grid.means[mode])
    found = evaluation.mode_coverage(shrunken, grid.means, grid.sigma)
    assert found["high_quality"] == 1 and 0.48 < found["mode_std"] < 0.54
    collapsed = evaluation.mode_coverage(np.zeros((2500, 2)), grid.means, grid.sigma)
    assert collapsed["modes"] == 1 and collapsed["modes"].high >= 1
    agrees(collapsed["mode_kl"], np.log(25))
    nowhere = evaluation.mode_coverage(np.full((2500, 2), 9.0), grid.means, grid.sigma)
    assert nowhere["modes"] == 0 and "mode_std" not in nowhere
    with pytest.raises(evaluation.TooFew, match="draw at least 500"):
        evaluation.mode_coverage(x[:499], grid.means, grid.sigma)


def test_a_line():
    x = RNG.normal(size=1000)
    agrees(evaluation.wasserstein_1(x, x + 0.7), 0.7)
    other = RNG.normal(size=1000) * 2
    agrees(evaluation.wasserstein_1(x, other), np.mean(np.abs(np.sort(x) - np.sort(other))))
    for shift in (10, 100):  # disjoint: the divergence saturates, W₁ doesn't
        agrees(evaluation.histogram_jsd(x, x + shift), np.log(2))
        agrees(evaluation.wasserstein_1(x, x + shift), shift)
    agrees(evaluation.histogram_jsd(x, x), 0.0, abs=1e-12)
    p, q = np.repeat([0.0, 1.0], [70, 30]), np.repeat([0.0, 1.0], [40, 60])
    agrees(evaluation.histogram_jsd(p, q, bins=2), 0.0462008, abs=1e-7)


def test_the_information_bound_holds_and_is_reached_by_the_posterior():
    joint = np.array([[0.4, 0.1], [0.05, 0.45]])  # p(c, x)
    p_c, p_x = joint.sum(1), joint.sum(0)
    information = np.sum(joint * np.log(joint / np.outer(p_c, p_x)))
    c, x = np.divmod(np.repeat(np.arange(4), (1000 * joint).ravel().astype(int)), 2)
    entropy = special.entr(p_c).sum()
    agrees(evaluation.information_bound(np.log((joint / p_x)[c, x]), entropy), information)
    wrong = np.array([[0.7, 0.4], [0.3, 0.6]])
    assert evaluation.information_bound(np.log(wrong[c, x]), entropy) < information


def test_memorisation():
    train, fresh = RNG.normal(size=(600, 10)), RNG.normal(size=(400, 10))
    honest = evaluation.memorisation(train, fresh)
    assert honest["nearer_than_real"].low < 0.5 < honest["nearer_than_real"].high
    assert honest["copies"].low < 0.01 < honest["copies"].high
    copied = evaluation.memorisation(train, train[:400])
    assert (copied["nearer_than_real"], copied["copies"]) == (1, 1)
    some = fresh.copy()
    some[:40] = train[:40] + 1e-3
    found = evaluation.memorisation(train, some)
    assert 0.1 <= found["copies"] < 0.13 and found["copies"].low > 0.01
    assert evaluation.memorisation(train, fresh + 3)["nearer_than_real"] < 0.01


# ---- a number and its interval


def test_measured_is_a_float_that_tells_all():
    number = evaluation.Measured(2.0, 1.0, 3.0, "Wilson", 7).with_reference(
        4.0, extractor="pixels", hash="ab"
    )
    assert (
        number + 1 == 3 and isinstance(number, float) and json.dumps({"a": number}) == '{"a": 2.0}'
    )
    assert (number.reference, number.ratio, number.extractor) == (4.0, 0.5, "pixels")
    told = json.loads(json.dumps(number.to_json()))
    assert told == {
        "value": 2.0, "low": 1.0, "high": 3.0, "interval": "Wilson", "n": 7, "note": "",
        "extractor": "pixels", "hash": "ab", "split": None, "reference": 4.0, "ratio": 0.5,
    }  # fmt: skip
    for same in (copy.deepcopy(number), pickle.loads(pickle.dumps(number))):
        assert same == number and same.to_json() == number.to_json()
    assert repr(number) == "2 [1, 3]" and f"{number:.1f}" == "2.0"
    with pytest.raises(AttributeError):
        number.n = 8
    assert np.sqrt(number) == np.sqrt(2) and number.real == 2.0
    assert number.with_reference(-1.0).ratio is None


@pytest.mark.parametrize(
    ("make", "truth"),
    [
        (lambda r: measured.mean(r.normal(size=50)), 0.0),
        (lambda r: measured.share(r.random(60) < 0.2), 0.2),
        (lambda r: evaluation.label_kl(r.choice(2, 200, p=[0.7, 0.3]), [0.4, 0.6]), 0.183787),
        (lambda r: evaluation.frechet_distance(*r.normal([[[0]], [[1]]], size=(2, 400, 3))), 3),
        (lambda r: evaluation.kid(r.normal(size=(150, 1)), 1 + r.normal(size=(150, 1))), None),
        (lambda r: evaluation.wasserstein_1(r.normal(size=400), 1 + r.normal(size=400)), None),
    ],
)  # fmt: skip
def test_intervals_hold_the_truth_as_often_as_they_say(make, truth):
    drawn = [make(np.random.default_rng(seed)) for seed in range(60)]
    truth = np.mean(drawn) if truth is None else truth
    held = np.mean([m.low <= truth <= m.high for m in drawn])
    print(f"{held:.0%} of the 95% intervals hold the truth")
    # the last compares with fixed reals, whose own noise is not in the interval
    assert held >= (0.75 if truth is None or drawn[0].interval == "bootstrap" else 0.85)
    assert np.mean([m.high - m.low for m in drawn]) < 1.5 * 2 * 1.96 * np.std(drawn)


def test_the_same_seed_gives_the_same_number():
    one, two = (evaluation.frechet_distance(REAL, FAKE, seed=3).to_json() for _ in range(2))
    assert one == two != evaluation.frechet_distance(REAL, FAKE, seed=4).to_json()


# ---- refusals


@pytest.mark.parametrize(
    ("compute", "words"),
    [
        (lambda: evaluation.frechet_distance(REAL[:24], FAKE), "24 real samples of 24 features"),
        (
            lambda: evaluation.frechet_distance(REAL, FAKE[:10]),
            "10 generated samples of 24 features",
        ),
        (
            lambda: evaluation.frechet_ratio(REAL, REAL[:40], FAKE),
            "20 real samples in each split of",
        ),
        (
            lambda: evaluation.kid(REAL, FAKE[:31]),
            "31 generated samples are too few: this number needs at least",
        ),
        (lambda: evaluation.precision_recall_density_coverage(REAL[:49], FAKE), "at least 50"),
        (lambda: evaluation.memorisation(REAL, FAKE[:5]), "5 generated samples"),
        (lambda: evaluation.inception_score(np.full((99, 10), 0.1)), "99 samples of 10 classes"),
        (lambda: evaluation.label_kl(np.zeros(19, int), [0.5, 0.5]), "19 samples of 2 classes"),
        (lambda: evaluation.wasserstein_1(np.arange(9), np.arange(99)), "9 real samples"),
        (lambda: evaluation.information_bound(np.zeros(9), 1.0), "9 samples"),
        (lambda: evaluation.parzen_log_likelihood(REAL, REAL[:5], REAL), "5 rows"),
    ],
)
def test_a_number_of_too_few_samples_is_refused(compute, words):
    with pytest.raises(evaluation.TooFew, match=words):
        compute()


@pytest.mark.parametrize(
    ("compute", "words"),
    [
        (lambda: evaluation.kid(REAL, FAKE[:, :5]), "features are 24 and 5 wide"),
        (lambda: evaluation.kid(REAL, np.where(FAKE > 2, np.nan, FAKE)), "hold NaN or Inf"),
        (lambda: evaluation.kid(REAL[..., None], FAKE), "pass .N, features."),
        (lambda: evaluation.wasserstein_1(REAL, FAKE), "pass one feature"),
        (lambda: evaluation.inception_score(LOGITS), "softmax of the classifier's logits"),
        (lambda: evaluation.label_kl(np.full(99, 2), [0.5, 0.5]), "integers .N,. from 0 to 1"),
    ],
)
def test_what_is_no_features_is_refused(compute, words):
    with pytest.raises(ValueError, match=words) as caught:
        compute()
    assert not isinstance(caught.value, evaluation.TooFew) and "\n" not in str(caught.value)
