"""What the pictures and the pages read of a diagnosis."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

from ganzoo.diagnosis import Finding

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


def evidence(finding: Finding) -> str:
    """The evidence of a finding in words: a text as it is, numbers by name in one line."""
    found = finding.evidence
    if not isinstance(found, Mapping):
        return str(found)
    return ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in found.items())


def _number(value: Any) -> str:
    whole = isinstance(value, numbers.Integral) or not isinstance(value, numbers.Real)
    return str(value) if whole else f"{float(value):.3g}"
