"""Metrics of pictures that are compared with their true counterparts, pixel by pixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ganzoo.evaluation.measured import Measured, mean, within

_AT_ONCE = 256  # pictures of which SSIM keeps several copies in memory
_WINDOW = 11


def psnr(x: npt.ArrayLike, truth: npt.ArrayLike, value_range: tuple[float, float]) -> Measured:
    """The peak signal-to-noise ratio in dB, 10 log₁₀((high − low)² / MSE), with the mean squared
    error over all pictures; infinite if all are equal.

    The interval is that of the mean squared error, ± 1.96 standard errors over the pictures.

    Args:
        x, truth: pictures [N, height, width, channels].
        value_range: (low, high), the values that are black and white.

    Raises:
        ValueError: the pictures have different shapes.
    """
    x, truth = _pictures(x, truth)
    low, high = value_range
    errors = np.square(x - truth).mean((1, 2, 3))
    error = mean(errors, least=0.0) if len(errors) > 1 else within(errors[0], 0.0, 1, "none")

    def decibels(mse: float) -> float:
        return float(10 * np.log10((high - low) ** 2 / mse)) if mse > 0 else float("inf")

    return Measured(
        decibels(error), decibels(error.high), decibels(error.low), error.interval, error.n
    )


def ssim(x: npt.ArrayLike, truth: npt.ArrayLike, value_range: tuple[float, float]) -> Measured:
    """The structural similarity, at most 1, which equal pictures have; the mean over the pictures.

    Wang, Bovik, Sheikh, Simoncelli 2004, doi:10.1109/TIP.2003.819861, eq. 13, with their
    constants: a Gaussian window of 11×11 pixels, σ = 1.5, K₁ = 0.01, K₂ = 0.03, and the mean over
    the channels. The window of pictures that are smaller than 11 pixels is as wide as their
    shorter side, which the note says.

    Args and errors are those of `psnr`.
    """
    x, truth = _pictures(x, truth)
    low, high = value_range
    window = min(_WINDOW, *x.shape[1:3])
    found = [
        tf.image.ssim(
            tf.constant(x[i : i + _AT_ONCE] - low, tf.float32),
            tf.constant(truth[i : i + _AT_ONCE] - low, tf.float32),
            high - low,
            filter_size=window,
        ).numpy()
        for i in range(0, len(x), _AT_ONCE)
    ]
    note = "" if window == _WINDOW else f"window of {window}×{window}"
    values = np.concatenate(found)
    if len(values) == 1:
        return within(values[0], 0.0, 1, "none", note)
    return mean(values, note, least=-1.0, most=1.0)


def _pictures(x: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, truth = np.asarray(x, np.float64), np.asarray(truth, np.float64)
    if x.ndim != 4 or x.shape != truth.shape:
        raise ValueError(
            f"pictures {x.shape} can't be compared with {truth.shape}: pass two arrays of one "
            "shape, (N, height, width, channels)."
        )
    return x, truth
