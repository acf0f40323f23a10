"""What a diagnosis says, and how one is made of a GAN or of a run's folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.diagnosis import mends, rules
from ganzoo.diagnosis.table import Columns, Row, read

if TYPE_CHECKING:
    from pathlib import Path

    from ganzoo.core.gan import GAN

VERDICTS = {
    "healthy": "no failure was found",
    "vanishing_gradients": "the discriminator is so sure that the generator learns nothing from it",
    "mode_collapse": "the generator's samples are too much alike, or whole kinds are missing",
    "convergence_failure": "training oscillates or diverges",
    "overfitting": "the discriminator knows the training data by heart",
    "too_early": "there are too few steps to judge",
}


def _word(value: Any) -> str:
    """A value as one word of a command line."""
    if isinstance(value, dict):
        return ",".join(f"{key}:{member}" for key, member in value.items())
    return str(value)


UNMENDED = {
    "vanishing_gradients": "no setting is known to mend it, but it often passes with more steps:"
    " train longer",
    "overfitting": "no setting is known to mend it: train with more samples, or stop earlier",
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One failure of a training.

    Attributes:
        failure: its name, one of `VERDICTS`.
        since: the step from which on it lasts.
        evidence: numbers by name, as last recorded.
        mend: the keyword of `ganzoo.get` to try, as one would type it; empty if no setting is known
            to help.
    """

    failure: str
    since: int
    evidence: Mapping[str, float]
    mend: str

    @property
    def options(self) -> str:
        """The mend as words of a command line, such as `penalties=r1:1.0`."""
        return " ".join(f"{key}={_word(value)}" for key, value in mends.read(self.mend).items())

    @property
    def what(self) -> str:
        """The failure, since when, and on what evidence, in one line."""
        numbers = ", ".join(
            f"{key.replace('_', ' ')} {value:.3g}" for key, value in self.evidence.items()
        )
        return f"{self.failure.replace('_', ' ')} since step {self.since:,} ({numbers})"

    def __str__(self) -> str:
        if not self.mend:
            return f"{self.what}: {UNMENDED[self.failure]}"
        return f"{self.what}: try {self.mend} (on the command line {self.options})"


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """Whether a training is healthy.

    Attributes:
        verdict: "healthy", "too_early", or the failure of the first finding.
        findings: all failures that last to the end of the records, the likeliest cause first.
        step: the step of the last record.
        notes: what could not be judged and why, in sentences.
    """

    verdict: str
    findings: tuple[Finding, ...] = ()
    step: int = 0
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The verdict in one line."""
        verdict = self.verdict.replace("_", " ")
        return f"{verdict} at step {self.step:,}: {VERDICTS[self.verdict]}"

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"- {one}" for one in self.findings), *self.notes])

    def as_dict(self) -> dict[str, Any]:
        """The same as plain numbers, texts, lists and dicts, for JSON."""
        return {
            "verdict": self.verdict,
            "step": self.step,
            "findings": [dataclasses.asdict(one) for one in self.findings],
            "notes": list(self.notes),
        }


@dataclasses.dataclass(frozen=True)
class Sign:
    """One way to recognise a failure.

    Attributes:
        failure: the name of the failure.
        rule: whether each record shows it.
        evidence: the signals that are told as evidence.
        mend: chooses the keyword to try.
    """

    failure: str
    rule: Callable[[rules.Signals], np.ndarray]
    evidence: tuple[str, ...]
    mend: Callable[[mends.Facts], str]


# The likeliest cause first: weights that leap make samples alike too, and a discriminator that is
# far ahead leaves a generator whose samples are still alike. A failure is told by its first sign.
SIGNS = (
    Sign(
        "convergence_failure", rules.convergence_failure, ("generator_update", "steepness"),
        mends.of_convergence_failure,
    ),
    Sign(
        "vanishing_gradients", rules.vanishing_gradients, ("accuracy", "slope"),
        mends.of_vanishing_gradients,
    ),
    Sign("overfitting", rules.overfitting, ("gap", "accuracy", "copies"), mends.of_overfitting),
    Sign(
        "vanishing_gradients", rules.discriminator_won,
        ("accuracy", "discriminator_slope", "diversity"), mends.of_a_won_game,
    ),
    Sign("mode_collapse", rules.mode_collapse, ("diversity", "duplicates"), mends.of_mode_collapse),
    Sign(
        "mode_collapse", rules.missing_modes, ("missing", "precision"), mends.of_mode_collapse,
    ),
    Sign("convergence_failure", rules.oscillation, ("swing",), mends.of_oscillation),
)  # fmt: skip


def diagnose(rows: Sequence[Row], facts: mends.Facts) -> Diagnosis:
    """A diagnosis of recorded signals.

    Args:
        rows: `step` and the signals by name, in the order of their steps.
        facts: what is known of the GAN, from which the mends are chosen.

    Returns:
        The failures that last to the end. A training that stopped because a number was not finite
        failed to converge, whatever the signals before.
    """
    signals = Columns(rows)
    signals["gap"], signals["swing"] = rules.gap(signals), rules.swing(signals)
    step = int(rows[-1]["step"]) if rows else 0
    findings: list[Finding] = []
    if rows and rows[-1].get("diverged") == 1:
        mend = mends.of_convergence_failure(facts)
        finding = Finding("convergence_failure", step, {"diverged": 1.0}, mend)
        return Diagnosis(finding.failure, (finding,), step)
    if len(rows) < rules.WINDOW or step < rules.LEAST_STEP:
        return Diagnosis("too_early", (), step, _notes(signals))
    for sign in SIGNS:
        first = rules.lasting(sign.rule(signals))
        if first is None or sign.failure in [one.failure for one in findings]:
            continue
        since = int(signals["step"][first])
        last = {key: float(signals[key][-1]) for key in sign.evidence}
        evidence = {key: value for key, value in last.items() if not np.isnan(value)}
        findings.append(Finding(sign.failure, since, evidence, sign.mend(facts)))
    verdict = findings[0].failure if findings else "healthy"
    return Diagnosis(verdict, tuple(findings), step, _notes(signals))


def _notes(signals: Columns) -> tuple[str, ...]:
    if not signals.count:
        return ("No signals were recorded: train with ganzoo.callbacks.Diagnose().",)
    notes = []
    if np.isnan(signals["held_out_logits"]).all():
        notes.append("Without validation_data, overfitting is only seen where samples are copied.")
    if np.isnan(signals["accuracy"]).all():
        notes.append("Vanishing gradients were not judged: the objective orders no outputs.")
    return tuple(notes)


def of_gan(gan: GAN, x: Any = None, y: Any = None, **options: Any) -> Diagnosis:
    """What `GAN.diagnose` returns."""
    from ganzoo.diagnosis.recorder import Recorder

    recorder = gan.recorder
    facts = mends.facts_of(gan)
    if recorder is not None and recorder.rows:
        return diagnose(recorder.rows, facts)
    if x is None:
        why = (
            "No signals were recorded: train with callbacks=[ganzoo.callbacks.Diagnose()], or pass "
            "the training data to judge the GAN as it is now."
        )
        return Diagnosis("too_early", (), gan.step, (why,))
    found = gan.batches(x, y, **options)
    once = Recorder()
    row = once.record(gan, lambda: next(iter(found.dataset)))
    # The one record stands for a whole window; what needs a history can't be judged.
    judged = diagnose([row] * rules.WINDOW if row else [], facts)
    findings = tuple(
        dataclasses.replace(one, since=gan.step)
        for one in judged.findings
        if one.failure == "mode_collapse"
    )
    verdict = findings[0].failure if findings else "too_early"
    why = (
        "Judged by the present alone: whether gradients vanish, training converges or the "
        "discriminator overfits needs the signals that ganzoo.callbacks.Diagnose() records."
    )
    return Diagnosis(verdict, findings, gan.step, (why,))


def of_run(path: Path, config: Mapping[str, Any]) -> Diagnosis:
    """The diagnosis of a run's folder, from its signals.csv and its configuration."""
    return diagnose(read(path / "signals.csv"), mends.facts_of_config(config))
