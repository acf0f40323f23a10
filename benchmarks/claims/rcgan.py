"""Do sines and autoregressive series have the frequencies, phases and coefficients of the data?

Trained and measured as in benchmarks/series.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from known_series import compared


def claim(seed: int) -> Iterator[dict[str, object]]:
    yield from compared(
        "rcgan-sines",
        seed,
        {
            "frequency_ks": ("largest distance of the distributions of frequencies", "<= 0.1"),
            "sine_residual": ("share of the energy that is no sine", "<= 0.1"),
        },
    )
    yield from compared(
        "rcgan-ar", seed, {"ar_error": ("error of the coefficients of the process", "<= 0.1")}
    )
