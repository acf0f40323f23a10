"""Series whose distribution is known, drawn from (seed, row): there is no end of them.

- sines: A·sin(2πft + φ) with t = 1/30, 2/30, …, 1, f ~ U(1, 5), A ~ U(0.1, 0.9), φ ~ U(−π, π).
  The sines of Esteban, Hyland, Rätsch 2017, arXiv:1706.02633, with the ranges of their code.
- ar: x(t) = 1.2·x(t−1) − 0.6·x(t−2) + e(t), a stationary autoregressive process of order 2 with
  standard deviation 1, at 30 times. Its autocorrelation swings, with a period of 9 steps.
- tones: a note with its overtones, Σₖ A·2⁻ᵏ·sin(2πkpt/8000 + φₖ) for k = 1, 2, 3, at t = 0, …,
  1023. The pitch p is one of the eight notes of C major from C4 (261.6 Hz) to C5, A ~ U(0.5, 1),
  φₖ ~ U(−π, π). Values lie in (−0.875, 0.875), and the label is the note.

    x, factors = ganzoo.data.series.sines(np.arange(1000), seed=0)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.special import ndtri

from ganzoo.data import drawn
from ganzoo.data.checks import check_int
from ganzoo.data.records import in_order

Factors = dict[str, np.ndarray]

LENGTH = 30
RANGES = {"frequency": (1.0, 5.0), "amplitude": (0.1, 0.9), "phase": (-np.pi, np.pi)}
"""Of the sines; the frequency in periods per series, the phase in radians."""

COEFFICIENTS = (1.2, -0.6)
"""Of the autoregressive process, for the last value and the one before."""

RATE, SAMPLES = 8000, 1024
"""Samples per second and per tone."""
NOTES = ("C4", "D4", "E4", "F4", "G4", "A4", "B4", "C5")
PITCHES = 440 * 2 ** (np.array([-9, -7, -5, -4, -2, 0, 2, 3]) / 12)
"""Of `NOTES`, in Hz; equal temperament with A4 = 440 Hz."""
LOUDNESS = (0.5, 1.0)
OVERTONES = 3

CLASSES = {"tones": list(NOTES)}


def sines(rows: npt.ArrayLike, seed: int = 0) -> tuple[np.ndarray, Factors]:
    """Sines by row number: float32 [N, 30, 1], and "frequency", "amplitude" and "phase", float64
    [N] each.

    Args:
        rows: row numbers of at least 0, int [N].
        seed: of the data set.

    Raises:
        ValueError: rows or seed are not as described.
    """
    factors = drawn.scaled(drawn.uniforms(rows, 3, seed), RANGES)
    time = np.arange(1, LENGTH + 1) / LENGTH
    f, amplitude, phase = (factors[name][:, None] for name in RANGES)
    x = amplitude * np.sin(2 * np.pi * f * time + phase)
    return x[..., None].astype("float32"), factors


def autocorrelation(lags: int) -> np.ndarray:
    """ρ(0), …, ρ(lags) of the autoregressive process, by the equations of Yule and Walker: float64
    [lags + 1]."""
    one, two = COEFFICIENTS
    found = [1.0, one / (1 - two)]
    while len(found) <= lags:
        found.append(one * found[-1] + two * found[-2])
    return np.array(found[: lags + 1])


def innovation() -> float:
    """The standard deviation of e(t), with which that of x(t) is 1."""
    _, *later = autocorrelation(2)
    return float(np.sqrt(1 - np.dot(COEFFICIENTS, later)))


def ar(rows: npt.ArrayLike, seed: int = 0) -> tuple[np.ndarray, Factors]:
    """Series of the autoregressive process by row number: float32 [N, 30, 1]. There are no factors.

    The first two values are drawn from the stationary distribution. Arguments and errors are those
    of `sines`.
    """
    noise = ndtri(np.maximum(drawn.uniforms(rows, LENGTH, seed), 2**-54))
    first, (one, two) = autocorrelation(1)[1], COEFFICIENTS
    x = np.empty_like(noise)
    x[:, 0] = noise[:, 0]
    x[:, 1] = first * x[:, 0] + np.sqrt(1 - first**2) * noise[:, 1]
    for t in range(2, LENGTH):
        x[:, t] = one * x[:, t - 1] + two * x[:, t - 2] + innovation() * noise[:, t]
    return x[..., None].astype("float32"), {}


def tones(rows: npt.ArrayLike, seed: int = 0) -> tuple[np.ndarray, Factors]:
    """Tones by row number: float32 [N, 1024, 1], and "note", int64 [N], the number in `NOTES`;
    "pitch" in Hz and "amplitude", float64 [N]; "phase", float64 [N, 3]. Arguments and errors are
    those of `sines`."""
    u = drawn.uniforms(rows, 2 + OVERTONES, seed)
    note = (u[:, 0] * len(NOTES)).astype("int64")
    low, high = LOUDNESS
    amplitude, phase = low + (high - low) * u[:, 1], np.pi * (2 * u[:, 2:] - 1)
    turns = 2 * np.pi * PITCHES[note][:, None] * np.arange(SAMPLES) / RATE
    x = sum(
        amplitude[:, None] * 0.5**k * np.sin(k * turns + phase[:, k - 1, None])
        for k in range(1, OVERTONES + 1)
    )
    factors = {"note": note, "pitch": PITCHES[note], "amplitude": amplitude, "phase": phase}
    return np.asarray(x)[..., None].astype("float32"), factors


NAMED: dict[str, Callable[[npt.ArrayLike, int], tuple[np.ndarray, Factors]]] = {
    "sines": sines,
    "ar": ar,
    "tones": tones,
}


def dataset(name: str, count: int = 50_000, *, seed: int = 0) -> tf.data.Dataset:
    """The rows 0 to `count` − 1 as an unbatched dataset of {"series": …}: float32 (time, 1); tones
    have {"series": …, "label": …}, the note, int64.

    It is drawn while it is read. `ganzoo.data.batches` reads it in a random order of the whole,
    from any step. Its attribute `known_series` is the name, by which `evaluate` measures it.

    Args:
        name: a key of `NAMED`.

    Raises:
        ValueError: the name is unknown, or count or seed is out of range.
    """
    if name not in NAMED:
        raise ValueError(f"there are no series {name!r}: pass one of {', '.join(NAMED)}.")
    count = check_int("count", count, 1, 2**40)
    check_int("seed", seed, 0, 2**63 - 1)

    def draw(rows: np.ndarray) -> tuple[np.ndarray, ...]:
        x, factors = NAMED[name](rows, seed)
        return (x, factors["note"]) if name in CLASSES else (x,)

    length = SAMPLES if name == "tones" else LENGTH
    specs = {"series": tf.TensorSpec((length, 1), tf.float32)}
    if name in CLASSES:
        specs["label"] = tf.TensorSpec((), tf.int64)
    found = in_order(drawn.DrawnRows(count, draw, specs))
    found.known_series = name
    return found
