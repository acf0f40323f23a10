"""What the pictures and the pages read of a diagnosis."""

from __future__ import annotations

import csv
import numbers
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

VERDICTS = {
    "healthy": "The diagnosis found no failure.",
    "vanishing_gradients": "The discriminator is so far ahead that the generator gets almost no "
    "gradient from it (vanishing gradients).",
    "mode_collapse": "The generator makes only a part of what the data hold (mode collapse).",
    "convergence_failure": "Training oscillates or diverges and doesn't settle (convergence "
    "failure).",
    "overfitting": "The discriminator has learned the training data by heart (overfitting).",
    "too_early": "Training is too short to tell whether it is healthy.",
}


class Finding(Protocol):
    """One failure of a training: its name, the step at which it began, the numbers that show it,
    and the keywords that mend it, as one would type them."""

    @property
    def failure(self) -> str: ...
    @property
    def since(self) -> int: ...
    @property
    def evidence(self) -> Any: ...
    @property
    def mend(self) -> str: ...


class Diagnosis(Protocol):
    """What `gan.diagnose()` returns."""

    @property
    def verdict(self) -> str: ...
    @property
    def findings(self) -> Sequence[Finding]: ...


def evidence(finding: Finding) -> str:
    """The evidence of a finding in words: a text as it is, numbers by name in one line."""
    found = finding.evidence
    if not isinstance(found, Mapping):
        return str(found)
    return ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in found.items())


def read_signals(path: Path) -> list[dict[str, float]]:
    """The rows of a run's signals.csv: `step` and the signals by name; empty if there is no file.
    A signal that was not recorded is NaN.

    Raises:
        ValueError: the file can't be read.
    """
    if not path.exists():
        return []
    try:
        with path.open(newline="") as file:
            rows = [
                {key: float(value or "nan") for key, value in row.items()}
                for row in csv.DictReader(file)
            ]
        if any("step" not in row for row in rows):
            raise ValueError("step")
    except (TypeError, ValueError, AttributeError, UnicodeError, csv.Error) as error:
        raise ValueError(f"{path} can't be read: it isn't as ganzoo wrote it.") from error
    return rows


def _number(value: Any) -> str:
    whole = isinstance(value, numbers.Integral) or not isinstance(value, numbers.Real)
    return str(value) if whole else f"{float(value):.3g}"
