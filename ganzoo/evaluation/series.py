"""Series against what is known of their distribution: sines, an autoregressive process, tones; and
the autocorrelation of any series.

The distributions are those of `ganzoo.data.series`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import rel_entr

from ganzoo.data import series as known
from ganzoo.evaluation.measured import Measured, TooFew, bootstrapped, mean, share

LAGS = 10
CENTS = 25.0  # a quarter of the distance between neighbouring keys of a piano
_PADDING = 8  # grid points per period, between which the frequency is then refined


class Sines(NamedTuple):
    """The sine A·sin(2πft + φ) that is nearest to each series of T steps, t = 1/T, 2/T, …, 1.

    frequency: f in periods per series, 0.5 to (T − 1)/2, float64 [N].
    amplitude: A of at least 0.
    phase: φ in (−π, π].
    residual: ‖x − sine‖² / ‖x‖², the share of the energy that the sine leaves; 1 for x = 0.
    """

    frequency: np.ndarray
    amplitude: np.ndarray
    phase: np.ndarray
    residual: np.ndarray


def fit_sines(x: npt.ArrayLike) -> Sines:
    """The nearest sine of each series, by least squares over frequency, amplitude and phase.

    The largest of the energies that a sine can explain is looked for on a grid of frequencies, by
    a padded FFT, and then refined by parabolas.

    Args:
        x: series of one feature, [N, T] or [N, T, 1] with T of at least 4.

    Raises:
        ValueError: x has another shape.
    """
    x = _one_feature(x)
    length = x.shape[1]
    spectrum = np.fft.rfft(x, _PADDING * length)
    grid = np.arange(_PADDING // 2, _PADDING * (length - 1) // 2 + 1)
    frequencies = grid / _PADDING
    turns = 2 * np.pi * np.arange(length) * frequencies[:, None] / length
    energies = _explained(spectrum[:, grid].real, -spectrum[:, grid].imag, turns)
    best = frequencies[energies.argmax(1)]
    step = 1.0 / _PADDING
    for _ in range(7):
        low, middle, high = (_at(x, best + h)[0] for h in (-step, 0.0, step))
        bend = low - 2 * middle + high
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = np.where(bend < 0, 0.5 * step * (low - high) / bend, 0.0)
        best = np.clip(best + np.clip(moved, -step, step), 0.5, (length - 1) / 2)
        step /= 4
    energy, cosine, sine = _at(x, best)
    phase = np.arctan2(cosine, sine) - 2 * np.pi * best / length  # the first time is 1/T, not 0
    total = np.square(x).sum(1)
    left = np.clip(1 - energy / np.where(total > 0, total, 1.0), 0, 1)
    return Sines(
        best,
        np.hypot(cosine, sine),
        np.pi - (np.pi - phase) % (2 * np.pi),
        np.where(total > 0, left, 1.0),
    )


def _explained(cosine: np.ndarray, sine: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """The energy that c·cos + s·sin explains, of the products of a series with cos and sin."""
    c, s = _solved(cosine, sine, turns)
    return c * cosine + s * sine


def _solved(
    cosine: np.ndarray, sine: np.ndarray, turns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """c and s of the least squares, by the normal equations of two unknowns."""
    cos, sin = np.cos(turns), np.sin(turns)
    cc, ss, cs = (np.sum(a * b, -1) for a, b in ((cos, cos), (sin, sin), (cos, sin)))
    determinant = cc * ss - cs**2
    return (ss * cosine - cs * sine) / determinant, (cc * sine - cs * cosine) / determinant


def _at(x: np.ndarray, frequency: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each series: the energy that its frequency explains, and c and s."""
    length = x.shape[1]
    turns = 2 * np.pi * np.arange(length) * frequency[:, None] / length
    cosine, sine = (x * np.cos(turns)).sum(1), (x * np.sin(turns)).sum(1)
    c, s = _solved(cosine, sine, turns)
    return c * cosine + s * sine, c, s


def _one_feature(x: npt.ArrayLike) -> np.ndarray:
    x = np.asarray(x, np.float64)
    if x.ndim == 3 and x.shape[-1] == 1:
        x = x[..., 0]
    if x.ndim != 2 or x.shape[1] < 4:
        raise ValueError(
            f"series have shape {x.shape}: pass (N, time) or (N, time, 1) of at least 4 steps."
        )
    return x


def autocorrelation(x: npt.ArrayLike, lags: int = LAGS) -> np.ndarray:
    """E x(t)x(t + k) / E x(t)² of each feature, for k = 0, …, lags, over all samples and times:
    float64 [lags + 1, features]. The mean over all of them is taken off first.

    Args:
        x: [N, time, features].
        lags: less than the number of steps.
    """
    values = np.asarray(x, np.float64)
    values = values - values.mean((0, 1))
    length, variance = values.shape[1], np.square(values).mean((0, 1))
    products = [(values[:, k:] * values[:, : length - k]).mean((0, 1)) for k in range(lags + 1)]
    return np.stack(products) / np.where(variance > 0, variance, 1.0)


def autoregression(x: npt.ArrayLike, order: int = 2) -> tuple[np.ndarray, float]:
    """The coefficients of x(t) = Σₖ cₖ·x(t − k) + e(t) by least squares over all samples and times,
    float64 [order], and the standard deviation of e(t).

    Args:
        x: [N, time] or [N, time, 1].
    """
    values = _one_feature(x)
    length = values.shape[1]
    before = [values[:, order - k : length - k].ravel() for k in range(1, order + 1)]
    design, target = np.stack(before, 1), values[:, order:].ravel()
    found, *_ = np.linalg.lstsq(design, target, rcond=None)
    return found, float(np.sqrt(np.square(target - design @ found).mean()))


def acf_difference(reference: npt.ArrayLike, x: npt.ArrayLike, seed: int = 0) -> Measured:
    """The largest difference of two autocorrelations, over lags of 1 to 10 (fewer for series of
    fewer than 20 steps) and features. Both are [N, time, features].

    Raises:
        TooFew: the series have one step only.
    """
    values = np.asarray(x, np.float64)
    lags = max(1, min(LAGS, values.shape[1] // 2))
    if values.shape[1] < 2:
        raise TooFew("series of one step have no autocorrelation.")
    theirs = autocorrelation(reference, lags)
    return bootstrapped(
        lambda rows: np.abs(autocorrelation(values[rows], lags) - theirs).max(),
        len(values),
        seed,
        note=f"lags 1 to {lags}",
    )


def of_sines(x: npt.ArrayLike, seed: int = 0) -> dict[str, Measured]:
    """Series [N, 30, 1] against the data set "sines".

    - frequency_ks, amplitude_ks, phase_ks: Kolmogorov–Smirnov distances of the fitted sines' values
      from their uniform distributions; 0 is perfect, and a perfect sampler has about 0.87/√N.
    - sine_residual: the mean share of the energy that the nearest sine leaves.
    """
    found = fit_sines(x)
    measured = {}
    for name, (low, high) in known.RANGES.items():
        uniform = stats.uniform(low, high - low).cdf
        measured[f"{name}_ks"] = _ks(getattr(found, name), uniform, seed)
    return measured | {"sine_residual": mean(found.residual, least=0.0, most=1.0)}


def of_ar(x: npt.ArrayLike, seed: int = 0) -> dict[str, Measured]:
    """Series [N, 30, 1] against the data set "ar".

    - ar_error: the largest error of a coefficient of the autoregression that fits best.
    - innovation_ratio: standard deviation of its e(t) ÷ the true one; 1 is perfect.
    - acf_error: the largest error of the autocorrelation, over lags of 1 to 10.
    - std_error: the largest |standard deviation − 1| over the 30 times.
    - value_ks: Kolmogorov–Smirnov distance of the last values from N(0, 1).
    """
    values = _one_feature(x)
    true, steps = known.autocorrelation(LAGS), known.innovation()

    def of(statistic: Callable[[np.ndarray], float], note: str = "") -> Measured:
        return bootstrapped(lambda rows: statistic(values[rows]), len(values), seed, note=note)

    return {
        "ar_error": of(lambda s: np.abs(autoregression(s)[0] - known.COEFFICIENTS).max()),
        "innovation_ratio": of(lambda s: autoregression(s)[1] / steps),
        "acf_error": of(
            lambda s: np.abs(autocorrelation(s[..., None])[:, 0] - true).max(),
            f"lags 1 to {LAGS}",
        ),
        "std_error": of(lambda s: np.abs(s.std(0) - 1).max()),
        "value_ks": _ks(values[:, -1], stats.norm.cdf, seed),
    }


def of_tones(x: npt.ArrayLike, seed: int = 0) -> dict[str, Measured]:
    """Series [N, 1024, 1] against the data set "tones". The pitch is that of the nearest sine.

    - in_tune: the share of samples whose pitch is within 25 cents of one of the eight notes.
    - note_kl: KL(frequencies of the nearest notes ‖ uniform) in nats; a perfect sampler has about
      7/2N. It ignores how far off they are.
    - tone_residual: the mean share of the energy outside the pitch and its two overtones.
    """
    values = _one_feature(x)
    pitch = fit_sines(values).frequency * known.RATE / values.shape[1]
    cents = 1200 * np.log2(pitch[:, None] / known.PITCHES)
    note, count = np.abs(cents).argmin(1), len(known.PITCHES)

    def divergence(rows: np.ndarray) -> float:
        seen = np.bincount(note[rows], minlength=count) / len(rows)
        return float(rel_entr(seen, 1 / count).sum())

    return {
        "in_tune": share(np.abs(cents).min(1) <= CENTS, f"within {CENTS:g} cents"),
        "note_kl": bootstrapped(divergence, len(values), seed),
        "tone_residual": mean(outside(values, pitch), least=0.0, most=1.0),
    }


def outside(x: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """The share of the energy of each series [N, T] that pitch [N] in Hz and its two overtones
    leave, by least squares: float64 [N], 1 for a series of zeros."""
    turns = 2 * np.pi * pitch[:, None] * np.arange(x.shape[1]) / known.RATE
    orders = range(1, known.OVERTONES + 1)
    parts = np.stack([f(k * turns) for k in orders for f in (np.cos, np.sin)], -1)
    # A pitch above a third of the band has overtones that are no independent waves.
    across = parts.swapaxes(1, 2)
    gram, products = across @ parts + 1e-9 * np.eye(parts.shape[-1]), across @ x[..., None]
    explained = (products * np.linalg.solve(gram, products)).sum((1, 2))
    total = np.square(x).sum(1)
    return np.where(total > 0, np.clip(1 - explained / np.where(total > 0, total, 1.0), 0, 1), 1.0)


def _ks(values: np.ndarray, cdf: Callable[[np.ndarray], np.ndarray], seed: int) -> Measured:
    return bootstrapped(
        lambda rows: stats.kstest(values[rows], cdf).statistic, len(values), seed, most=1.0
    )


NAMED: dict[str, Callable[[npt.ArrayLike, int], dict[str, Measured]]] = {
    "sines": of_sines,
    "ar": of_ar,
    "tones": of_tones,
}


def measure(name: str, x: npt.ArrayLike, seed: int = 0) -> dict[str, Measured]:
    """What is measured of series [N, time, 1] against the data set of that name, by name.

    Args:
        name: a key of `NAMED`, whose functions say what the numbers mean.
        seed: of the resamples that give the intervals.

    Raises:
        ValueError: the name is unknown, or x has another shape.
    """
    if name not in NAMED:
        raise ValueError(f"there are no known series {name!r}: pass one of {', '.join(NAMED)}.")
    return NAMED[name](x, seed)
