"""What to do next with a run, in sentences."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ganzoo.diagnosis import Diagnosis
from ganzoo.diagnosis.diagnosis import UNMENDED
from ganzoo.reporting.facts import RunFolder


def next_steps(
    run: RunFolder,
    diagnosis: Diagnosis | None,
    evaluation: Mapping[str, Any],
    exports: Mapping[str, Any],
) -> list[str]:
    """Sentences in the order in which one would follow them; commands stand between backticks."""
    folder = shlex.quote(str(run.path))
    config, history = run.config, run.history
    elsewhere = " and with another `--out`" if "--out" in str(config.get("command")) else ""
    steps = []
    if not (run.path / "model.keras").exists():
        done = f"after epoch {int(history[-1]['epoch'])}" if history else "before its first epoch"
        of = f" of {config['epochs']}" if history and "epochs" in config else ""
        steps.append(
            f"Training stopped {done}{of}. Continue it with `ganzoo train --resume {folder}`."
        )
    for finding in diagnosis.findings if diagnosis else ():
        failure = finding.failure.replace("_", " ")
        if not finding.mend:
            steps.append(
                f"Against {failure}, which began at step {finding.since:,}, "
                f"{UNMENDED[finding.failure]}."
            )
            continue
        steps.append(
            f"Against {failure}, which began at step {finding.since:,}, train again with "
            f"`{finding.options}` added to the command of this run{elsewhere}."
        )
    if diagnosis and diagnosis.verdict == "too_early":
        steps.append(
            "Train longer, with a larger `--epochs`: so far nothing can be said about its health."
        )
    ill = bool(diagnosis and diagnosis.findings)  # nothing to measure or to deploy
    if (metrics := evaluation.get("metrics", {})) or not ill:
        steps += _of_metrics(metrics, folder)
    damaged = [name for name, one in exports.items() if isinstance(one, str)]
    for name in damaged:
        steps.append(
            f"Don’t deploy the export {name}, which isn’t as it was certified. Export again with "
            f"`ganzoo export {folder} --format {name.partition('/')[0]}`."
        )
    whole = [name for name in exports if name not in damaged]
    if whole and not ill:
        path = shlex.quote(str(run.path / "export" / whole[0]))
        steps.append(
            f"The exports can be deployed. On the machine that serves them, check them first with "
            f"`ganzoo verify {path}`."
        )
    elif not exports and not ill:
        steps.append(
            f"To deploy the generator, export it with `ganzoo export {folder} --format onnx`."
        )
    steps.append(
        "Change one setting, train again, and see both beside each other with "
        f"`ganzoo compare {folder} OTHER_RUN`."
    )
    return steps


def _of_metrics(metrics: Mapping[str, Any], folder: str) -> list[str]:
    if not metrics:
        return [f"Measure the samples against the data with `ganzoo evaluate {folder}`."]
    said = []
    ratio = metrics.get("frechet", {}).get("ratio")
    if ratio is not None:
        said.append(
            f"The Fréchet distance of the samples is {ratio:.3g} times that of real samples, which "
            "would be 1. If this still falls from run to run, train longer."
        )
    copies = metrics.get("copies", {})
    low, expected = copies.get("low"), copies.get("reference")
    if low is not None and expected is not None and low > expected:
        said.append(
            f"{copies['value']:.1%} of the samples almost equal a training sample, and "
            f"{expected:.1%} would by chance. Train on more data, or with `augment=diffaugment`."
        )
    return said
