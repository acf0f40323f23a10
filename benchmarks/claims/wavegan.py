"""Do generated tones have the pitch of a key, and all keys of the data?

Trained and measured as in benchmarks/series.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from known_series import compared


def claim(seed: int) -> Iterator[dict[str, object]]:
    yield from compared(
        "wavegan-tones",
        seed,
        {
            "in_tune": ("share of tones within a quarter of a semitone of a key", ">= 0.95"),
            "note_kl": ("KL of the keys of samples from those of the data", "<= 0.1"),
            "tone_residual": ("share of the energy outside of the tone", "< beside"),
        },
    )
