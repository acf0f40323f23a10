"""What the files of a run say: its configuration, its metrics and the certificates of its exports,
for the pages that show them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Protocol

from ganzoo.exporters import certificate
from ganzoo.foundation import registry, schedules

MEANING = {
    "frechet": "distance of the features' means and covariances; 0 is best",
    "kid": "distance of the features, without a bias of small samples; 0 is best",
    "precision": "share of samples that look like data; 1 is best",
    "recall": "share of the data that samples look like; 1 is best",
    "density": "how densely data surround the samples; 1 is as real data",
    "coverage": "share of the data that have a sample beside them; 1 is best",
    "nearer_than_real": "½ is right, near 1 the generator copies, near 0 samples are off the data",
    "copies": "share of samples that almost equal a training sample",
    "label_kl": "distance of the frequencies of classes, in nats; 0 is best",
    "confidence": "how sure the judge is of the class of a sample",
    "score": "Inception-style score by the judge; higher is better",
    "agreement": "share of samples that show the class asked for; 1 is best",
    "matching": "share of samples whose category matches a class; 1 is best",
    "parzen": "log-likelihood of real data by Parzen windows, in nats; higher is better",
    "parzen_centroids": "the same of centroids of real data, for comparison",
    "psnr": "likeness to the target in dB; higher is better",
    "ssim": "likeness of structure to the target; 1 is best",
    "modes": "modes that have a sample of high quality",
    "modes_lenient": "modes that have a sample nearby",
    "high_quality": "share of samples near a mode; 1 is best",
    "mode_kl": "distance of the frequencies of modes, in nats; 0 is best",
    "mode_std": "spread within modes, as a share of the true one; 1 is best",
    "wasserstein_1": "earth mover’s distance of the samples; 0 is best",
    "histogram_jsd": "Jensen-Shannon divergence of histograms, in nats; 0 is best",
    "shapes": "likeness of the columns to those of the data; 1 is best",
    "trends": "likeness of the dependence of pairs of columns; 1 is best",
    "acf_difference": "largest difference of the autocorrelations; 0 is best",
    "psnr_of_source": "the same of the source itself, in dB, for comparison",
    "ssim_of_source": "the same of the source itself, for comparison",
    "category_bound": "information that samples hold about their category, in nats",
}


class RunFolder(Protocol):
    """What the pages read of a run, which `ganzoo.training.runs.Run` has."""

    path: Path

    @property
    def config(self) -> dict[str, Any]: ...
    @property
    def history(self) -> list[dict[str, float]]: ...
    def load(self) -> Any: ...


def text(value: Any) -> str:
    """A value of config.json as one would write it."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return ", ".join(f"{key}: {text(member)}" for key, member in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(text, value)) or "none"
    return str(value)


def settings(config: Mapping[str, Any]) -> dict[str, str]:
    """What a run was trained on and how long, by name, without its hyper-parameters."""
    left_out = ("hyperparameters", "versions")
    return {
        key: text(value)
        for key, value in config.items()
        if key not in left_out and value is not None and value is not False
    }


def versions(config: Mapping[str, Any]) -> dict[str, str]:
    """The versions of the packages that a run was trained with, by name."""
    found = config.get("versions")
    return {key: text(value) for key, value in found.items()} if isinstance(found, dict) else {}


def hyperparameters(config: Mapping[str, Any]) -> dict[str, tuple[str, str | None]]:
    """The hyper-parameters of a run: name -> (value, default), those that differ from their
    defaults first. The default is None if it is the value, or isn't known."""
    try:
        declared = registry.find(config["gan"]).hyperparameters()
        defaults = {key: one.default for key, one in declared.items()}
    except (KeyError, ValueError):  # a GAN of a plugin that isn't installed now
        defaults = {}
    found = {}
    for key, value in config.get("hyperparameters", {}).items():
        known = json.loads(json.dumps(defaults.get(key), default=schedules.written))
        same = key not in defaults or known == value
        found[key] = text(value), None if same else text(known)
    return dict(sorted(found.items(), key=lambda item: item[1][1] is None))


def evaluation(run: RunFolder) -> dict[str, Any]:
    """The content of evaluation.json, which `ganzoo evaluate` writes; empty if there is none.

    Raises:
        ValueError: the file can't be read.
    """
    path = run.path / "evaluation.json"
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
        for one in found["metrics"].values():
            given = [one["value"], one["low"], one["high"], one.get("reference"), one.get("ratio")]
            kinds = {type(number) for number in given}
            if not kinds <= {int, float, NoneType} or type(one["n"]) is not int:
                raise ValueError("a metric")
        if not isinstance(found.get("refused", {}), dict):
            raise ValueError("refused")
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} can't be read: it isn't as ganzoo wrote it; measure again with ganzoo "
            f"evaluate {run.path}."
        ) from error
    return found


def is_loss(metric: Mapping[str, Any]) -> bool:
    """Whether a metric is a term of a loss, which only its own discriminator can measure."""
    return str(metric.get("extractor")).startswith("critic of ")


def number(value: Any) -> str:
    """A measured number in four digits; JSON's null stands for one that isn't finite."""
    return "not finite" if value is None else f"{value:.4g}"


def certificates(run: RunFolder) -> dict[str, dict[str, Any] | str]:
    """The certificate of the newest version of each export in a run's folder, by FORMAT/VERSION;
    for an export that isn't as certified, what is wrong with it. The hash of each file is checked,
    and no export is run."""
    found: dict[str, dict[str, Any] | str] = {}
    folder = run.path / "export"
    for format in sorted(folder.iterdir()) if folder.is_dir() else ():
        versions = [x for x in format.iterdir() if x.name.isdecimal()] if format.is_dir() else []
        if versions:
            newest = max(versions, key=lambda version: int(version.name))
            try:
                one = certificate.read(newest)
                bound = "tolerance" if "tolerance" in one else "least_psnr"
                _ = one["largest_difference"] + one["bytes"] + one[bound] + one.get("psnr", 0)
                found[f"{format.name}/{newest.name}"] = one
            except certificate.ExportError as error:
                found[f"{format.name}/{newest.name}"] = f"{error}."
            except (KeyError, TypeError):
                found[f"{format.name}/{newest.name}"] = "The certificate isn’t as ganzoo wrote it."
    return found
