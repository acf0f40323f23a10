"""The yardsticks of benchmarks/race.py, the same for all engines, and how long a quality took."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

import ganzoo
from ganzoo import evaluation

ROWS = 20_000  # that train the judge
MEASURES = (
    "judge_frechet_ratio", "judge_kid", "label_kl", "confidence", "frechet_ratio", "kid",
)  # fmt: skip
# By these a quality is stated. Labels alone can't state one: those of mere noise may be balanced.
DISTANCES = ("judge_frechet_ratio", "judge_kid", "frechet_ratio", "kid")
LEAST = 1e-4  # what a measure counts as below it, where logarithms are taken


class Yardsticks:
    """What samples are measured by: real images that none of them is compared with twice.

    One part of the images is the reference, and another one, equally large, tells what real images
    get. The judge is a classifier of the labels, as in `gan.evaluate`. The other features are those
    of EfficientNet-Lite0, which knows photographs only; its package may be missing, and its numbers
    then are too.

    Args:
        images: uint8 [N, height, width, channels].
        labels: int [N], or None: then there is no judge.
        samples: how many samples there will be, and at most as many images in each part.
        judge_seed: of the judge. Choose settings with one judge and report with another.
        photographs: False leaves out EfficientNet-Lite0, which takes most of the time.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray | None,
        samples: int,
        judge_seed: int = 0,
        photographs: bool = True,
    ):
        order = np.random.default_rng(0).permutation(len(images))
        count = min(samples, len(images) // 2)
        reference, self.real = images[order[:count]], images[order[count : 2 * count]]
        spec = ganzoo.data.batches(images[:2], batch_size=1).spec
        self.judge: Any = None
        self._judged = self._photographed = None
        if labels is not None:
            few = order[:ROWS]
            self.judge = evaluation.Judge.of(spec, images[few], labels[few], judge_seed)
            self._judged = [self.judge.features(x) for x in (reference, self.real)]
            self._sure = _sure(self.judge, self.real)
        try:
            network = evaluation.EfficientNetLite0(spec) if photographs else None
        except ValueError as error:
            print(f"{error} Without it, frechet_ratio and kid are left out.")
            network = None
        if network is not None:
            self._network = network
            self._photographed = [network.features(x) for x in (reference, self.real)]
            # 1,280 features need more samples than there are; KID does not
            self._components = PCA(evaluation.extractors.WIDTH, svd_solver="full")
            self._components.fit(np.concatenate(self._photographed))

    @property
    def facts(self) -> dict[str, str]:
        """What the numbers were measured with, for the record."""
        named = {"judge": self.judge.name if self.judge else "", "features": ""}
        if self._photographed:
            named["features"] = f"{self._network.name}; ratio of {self._components.n_components}"
            named["features"] += " principal components"
        return named

    def measure(self, samples: np.ndarray) -> dict[str, float | str]:
        """The `MEASURES` of samples, uint8 [N, height, width, channels]; "" if not measured.

        - judge_frechet_ratio, frechet_ratio: Fréchet distance over that of real images, 1 at best.
        - judge_kid, kid: 0 at best, and of either sign.
        - label_kl: KL of the judge's labels from the data's frequencies in nats, 0 at best.
        - confidence: the judge's mean confidence over that in real images, about 1 at best.
        """
        found: dict[str, float | str] = dict.fromkeys(MEASURES, "")
        if self._judged:
            reference, real = self._judged
            fake = self.judge.features(samples)
            found["judge_frechet_ratio"] = _ratio(reference, real, fake)
            found["judge_kid"] = float(evaluation.kid(reference, fake))
            labels = self.judge.labels(samples)
            found["label_kl"] = float(evaluation.label_kl(labels, self.judge.frequencies))
            found["confidence"] = _sure(self.judge, samples) / self._sure
        if self._photographed:
            reference, real = self._photographed
            fake = self._network.features(samples)
            found["kid"] = float(evaluation.kid(reference, fake))
            reduced = map(self._components.transform, (reference, real, fake))
            found["frechet_ratio"] = _ratio(*reduced)
        return found


def _ratio(reference: np.ndarray, real: np.ndarray, fake: np.ndarray) -> float:
    ratio = evaluation.frechet_ratio(reference, real, fake).ratio
    return math.nan if ratio is None else float(ratio)


def _sure(judge: Any, images: np.ndarray) -> float:
    return float(evaluation.confidence(judge.probabilities(images)))


# ---- how long a quality took


def seconds_until(curve: Sequence[tuple[float, float]], quality: float) -> float | None:
    """The seconds after which a measure, lower being better, first was as good as `quality`.

    Between two check points the logarithm of the measure is taken to be linear in time. A curve
    that is as good at its first check point gives that one's seconds: it may have been sooner.
    One that never is gives None.

    Args:
        curve: (seconds, measure) at each check point, in order.

    Example:
        >>> seconds_until([(10, 100.0), (20, 1.0)], 10.0)
        15.0
    """
    quality = max(quality, LEAST)
    before: tuple[float, float] | None = None
    for seconds, value in curve:
        value = max(value, LEAST)
        if value <= quality:
            if before is None:
                return seconds
            part = math.log(before[1] / quality) / math.log(before[1] / value)
            return before[0] + part * (seconds - before[0])
        before = seconds, value
    return None


def curves(rows: Sequence[Mapping[str, str]], measure: str) -> dict[str, list[tuple]]:
    """engine -> [(median seconds, median, least, most over the seeds)] at each check point."""
    found: dict[str, dict[float, list[tuple[float, float]]]] = {}
    for row in rows:
        if row[measure] != "":
            points = found.setdefault(row["engine"], {}).setdefault(float(row["point"]), [])
            points.append((float(row["seconds"]), float(row[measure])))
    return {
        engine: [
            (median(s for s, _ in seen), median(values), min(values), max(values))
            for _, seen in sorted(points.items())
            for values in [[value for _, value in seen]]
        ]
        for engine, points in found.items()
    }


def leads(rows: Sequence[Mapping[str, str]], peers: Sequence[str]) -> list[dict[str, str]]:
    """How much sooner each engine has the quality that the best peer has at its last check point.

    Args:
        rows: of results/race.csv, of one data set.
        peers: the engines that count as peers.

    Returns:
        A row for each measure and engine. Its `seconds` are those until the quality, of medians
        over the seeds: "≤" stands before those of a first check point, ">" before those of a last
        one that was not enough. `lead` is the best peer's seconds over them. No rows without peers.
    """
    found = []
    for measure in DISTANCES:
        drawn = {
            engine: [(point[0], point[1]) for point in curve]
            for engine, curve in curves(rows, measure).items()
        }
        if not (known := [engine for engine in peers if engine in drawn]):
            continue
        best = min(known, key=lambda engine: drawn[engine][-1][1])
        quality = drawn[best][-1][1]
        its = seconds_until(drawn[best], quality)
        assert its is not None  # its last check point has that quality
        for engine, curve in drawn.items():
            seconds, sign = seconds_until(curve, quality), ""
            if seconds is None:
                seconds, sign = curve[-1][0], ">"
            elif seconds == curve[0][0]:
                sign = "≤"
            turned = {">": "<", "≤": "≥", "": ""}[sign]
            found.append({
                "data": rows[0]["data"], "measure": measure, "quality": f"{quality:.4g}",
                "best_peer": best, "engine": engine, "seconds": f"{sign}{seconds:.3g}",
                "lead": f"{turned}{its / seconds:.3g}",
            })  # fmt: skip
    return found
