"""Rules: which recorded signals mean which failure, as pure functions of the signals.

Each rule takes the signals by name, float64 [records], and returns whether each record shows the
failure. A signal that was not recorded is NaN, and shows nothing. `lasting` then says since when a
failure lasts: one odd record is no failure. Two rules look at eight records in a row, since a young
generator misses kinds of samples, and jumps, for a while.

The thresholds were chosen on seeds 1 to 3 of `benchmarks/diagnosis.py` and are judged on others.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Signals = Mapping[str, np.ndarray]

WINDOW, MOST_OF_IT = 4, 3  # a failure lasts where three of the last four records show it
LEAST_STEP = 100  # networks that hardly moved have failed at nothing

PERFECT = 0.99
FAINT = 0.02
ALIKE = 0.25
COPIED = 0.5
LEAP = 0.05
STEEP = 20.0
GAP, SURE = 0.6, 0.75
REPEATED = 0.25
WON, POOR, FAR = 0.03, 0.5, 0.1
NEAR, MISSING = 0.1, 0.35
SWING = 0.2
LEAST_DIVERSITY = 0.05  # below, samples are one sample, and nothing swings
LONG, MOST_OF_LONG = 8, 6


def vanishing_gradients(signals: Signals) -> np.ndarray:
    """The discriminator tells all samples apart, and the objective passes nothing on to G.

    accuracy ≥ 0.99 and slope ≤ 0.02 times the largest slope so far. The second is what vanishes:
    in the minimax game the slope is σ(D(G(z))), 0 where D is sure, while with the non-saturating
    loss a perfect D still gives G a slope of 1.
    """
    slope = signals["slope"]
    return (signals["accuracy"] >= PERFECT) & (slope <= FAINT * _largest(slope))


def discriminator_won(signals: Signals) -> np.ndarray:
    """The discriminator is sure of every sample, and the generator's samples are poor.

    accuracy ≥ 0.99 and discriminator_slope ≤ 0.03, where an undecided D has 1 with the losses of
    the 2014 paper: it takes each sample for what it is with a probability of about 98.5%. It is
    never so with a Wasserstein loss, whose slope is constant. A generator can learn from such a D,
    and then this is no failure: so diversity ≤ 0.5 or precision ≤ 0.1 besides. Where G repeats one
    sample (duplicates ≥ 0.5), that is the cause, and the sure discriminator its effect.
    """
    sure = (signals["accuracy"] >= PERFECT) & (signals["discriminator_slope"] <= WON)
    poor = (signals["diversity"] <= POOR) | (signals["precision"] <= FAR)
    return sure & poor & ~(signals["duplicates"] >= COPIED)


def mode_collapse(signals: Signals) -> np.ndarray:
    """Fake samples are much more alike than real ones.

    diversity ≤ 0.25, the mean distance of two fakes in units of that of two real samples, or
    duplicates ≥ 0.5, fakes that are practically repeated.
    """
    return (signals["diversity"] <= ALIKE) | (signals["duplicates"] >= COPIED)


def missing_modes(signals: Signals) -> np.ndarray:
    """Some fake samples are good, but whole kinds of samples are missing, and stay so.

    precision ≥ 0.1 and missing ≥ 0.35 in at least 6 of 8 records in a row. Both signals are
    needed: before a generator has learned anything, its samples are near to few real ones.
    """
    shown = (signals["precision"] >= NEAR) & (signals["missing"] >= MISSING)
    if len(shown) < LONG:
        return np.zeros(len(shown), bool)
    counts = np.convolve(shown.astype(int), np.ones(LONG, int), "valid")
    return shown & _within(counts >= MOST_OF_LONG, len(shown))


def oscillation(signals: Signals) -> np.ndarray:
    """The generator's samples come near the real ones and leave them again, or spread and shrink,
    time after time.

    swing ≥ 0.2 over 8 records in a row, see there.
    """
    way = swing(signals)
    return _within(way[LONG - 1 :] >= SWING, len(way))


def swing(signals: Signals) -> np.ndarray:
    """How far precision or log diversity moves from record to record without getting anywhere.

    (Σ |xᵢ − xᵢ₋₁| − max (|x_t − x₁| + |x₈ − x_t|)) / 7 over the last 8 records, with the maximum
    over t, of the one that swings more: 0 for what turns once at most, since samples of a young
    generator often shrink before they spread, and almost 1 for a precision that jumps between 0
    and 1. Diversities below 0.05 count as 0.05. NaN for the first 7 records.
    """
    found = np.full(len(signals["precision"]), np.nan)
    if len(found) >= LONG:
        spread = np.log(np.maximum(LEAST_DIVERSITY, signals["diversity"]))
        for x in (signals["precision"], spread):
            windows = np.lib.stride_tricks.sliding_window_view(x, LONG)
            first, last = windows[:, :1], windows[:, -1:]
            once = (np.abs(windows - first) + np.abs(last - windows)).max(1)
            way = np.abs(np.diff(windows)).sum(1) - once
            found[LONG - 1 :] = np.fmax(found[LONG - 1 :], way / (LONG - 1))
    return found


def convergence_failure(signals: Signals) -> np.ndarray:
    """The weights leap, or the discriminator's outputs have run away.

    generator_update ≥ 0.05, the change of G's weights in one step in units of the weights, which is
    0.001 to 0.01 in healthy trainings; or steepness ≥ 20, the distance of the outputs on real and
    fake samples in units of the distance of the samples, which is about 1. After a leap both
    players may stand still, since nothing has a gradient any more: then only the second shows it.
    D's update is not judged, because the weights of a clipped critic are small.
    """
    return (signals["generator_update"] >= LEAP) | (signals["steepness"] >= STEEP)


def overfitting(signals: Signals) -> np.ndarray:
    """D knows its training samples by heart, or G repeats them.

    gap ≥ 0.6, where gap = (E D(train) − E D(held out)) / (E D(train) − E D(fake)): 0 if held-out
    samples are judged like training samples, 1 if like fakes. Karras et al. 2020, arXiv:2006.06676,
    eq. 1 (r_v). It is not judged where D orders fewer than 75% of the pairs rightly, since the
    denominator is then near 0. Or copies ≥ 0.25, which needs no held-out rows; it was 0 in all
    healthy trainings.
    """
    known = (gap(signals) >= GAP) & (signals["accuracy"] >= SURE)
    return known | (signals["copies"] >= REPEATED)


def gap(signals: Signals) -> np.ndarray:
    """r_v of Karras et al. 2020, see `overfitting`; NaN without held-out rows."""
    real, fake = signals["real_logits"], signals["fake_logits"]
    with np.errstate(invalid="ignore", divide="ignore"):
        return (real - signals["held_out_logits"]) / (real - fake)


def lasting(shown: np.ndarray) -> int | None:
    """The index of the record at which a failure began that lasts to the end; None if none does.

    A failure lasts while at least three of each four records in a row show it.
    """
    if len(shown) < WINDOW:
        return None
    counts = np.convolve(shown.astype(int), np.ones(WINDOW, int), "valid")
    ended = np.flatnonzero(counts < MOST_OF_IT)
    first = ended[-1] + 1 if len(ended) else 0
    if first == len(counts):
        return None
    return int(first + np.flatnonzero(shown[first:])[0])


def _within(windows: np.ndarray, count: int) -> np.ndarray:
    """Which of `count` records are in one of these windows of `LONG` records."""
    if not len(windows):
        return np.zeros(count, bool)
    return np.convolve(windows.astype(int), np.ones(LONG, int)) > 0


def _largest(x: np.ndarray) -> np.ndarray:
    return np.fmax.accumulate(x) if len(x) else x
