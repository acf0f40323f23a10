"""A training of benchmarks/series.py as rows of a claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import series


def compared(
    work: str, seed: int, asked: Mapping[str, tuple[str, str]]
) -> Iterator[dict[str, object]]:
    """Rows of the measures in `asked`: what they are called, and their bar. Beside them are those
    of samples before training."""
    rows = {row["measure"]: row for row in series.run(work, seed, None)}
    for measure, (words, bar) in asked.items():
        yield {
            "measure": f"{words}, {series.WORKS[work].data}",
            "value": float(rows[measure]["value"]),
            "bar": bar,
            "beside": "samples before training",
            "value_beside": float(rows[measure]["untrained"]),
            "steps": rows[measure]["steps"],
        }
