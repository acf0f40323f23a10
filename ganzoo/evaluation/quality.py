"""One number for the samples of a GAN in training, measured within a fraction of a second."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ganzoo.data.checks import check_int
from ganzoo.evaluation import neighbours, pairs, rows
from ganzoo.evaluation.frechet import frechet_distance
from ganzoo.evaluation.kernel import kid
from ganzoo.evaluation.measured import TooFew
from ganzoo.evaluation.report import chosen_extractor, extractor_of
from ganzoo.foundation.registry import unknown

SAMPLES = 1000
LEAST = 64  # samples: fewer are too few for every metric of features


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric by which trainings are watched.

    Attributes:
        measure: (features of real rows, features of samples) -> a number, or None for a metric that
            compares pictures with their targets.
        higher: whether a higher number is better.
    """

    measure: Callable[[np.ndarray, np.ndarray], float] | None
    higher: bool = False


def _share(name: str) -> Metric:
    def measure(real: np.ndarray, fake: np.ndarray) -> float:
        return neighbours.precision_recall_density_coverage(real, fake)[name]

    return Metric(measure, higher=True)


METRICS: dict[str, Metric] = {
    "kid": Metric(kid),
    "frechet": Metric(frechet_distance),
    "precision": _share("precision"),
    "recall": _share("recall"),
    "density": _share("density"),
    "coverage": _share("coverage"),
    "psnr": Metric(None, higher=True),
    "ssim": Metric(None, higher=True),
}


def check_metric(metric: str) -> None:
    """Raises ValueError if `metric` is neither "auto" nor a name of `METRICS`."""
    if not isinstance(metric, str) or metric not in ("auto", *METRICS):
        raise ValueError(unknown("metric", metric, ["auto", *METRICS]))


class SampleQuality:
    """Measures how good the samples of a GAN are, always against the same real rows and with the
    same latents, so that the numbers of two steps can be compared.

        quality = SampleQuality(gan, images, metric="kid")
        before = quality(gan)
        gan.fit(images)
        print(quality.better(quality(gan), before))

    The real rows are read, and their features computed, when the object is made. A call draws the
    samples and computes the metric; it changes nothing in the GAN.

    The default features of images are their first 64 principal components. They see the shape, the
    position and the brightness of what is shown, and noise only where it lies in these components:
    pass an extractor for fine textures. They need no training, in contrast to the judge that
    `gan.evaluate` uses, so the numbers differ from those of `evaluate`.

    Args:
        gan: a GAN that is built.
        x, y, value_range: data as in `gan.fit`. The rows are chosen by a fixed seed.
        metric: "kid" or "frechet", of which lower is better; "precision", "recall", "density" or
            "coverage", of which higher is better; or, where the data are pairs of images, "psnr" or
            "ssim" against the targets, higher is better. "auto" is "psnr" for pairs of images,
            "kid" for other images, and "coverage" for vectors, because a KID compares moments up to
            the third only: those of eight modes on a ring are those of one round blob.
        samples: how many samples are drawn, and the largest number of real rows that they are
            compared with. The generator is given the rows themselves if it maps given samples.
        extractor: what computes the features, as in `gan.evaluate`; by default the values of the
            samples, or their first 64 principal components.
        seed: of the latents.

    Attributes:
        metric: the name of the metric, never "auto".
        higher: whether a higher number is better.
        rows: the number of real rows.

    Raises:
        TooFew: the data have too few rows for the metric.
        ValueError: the metric, the extractor or the data don't fit the GAN.
    """

    def __init__(
        self,
        gan: Any,
        x: Any,
        y: Any = None,
        *,
        metric: str = "auto",
        samples: int = SAMPLES,
        extractor: Any = None,
        value_range: tuple[float, float] | None = None,
        seed: int = 0,
    ):
        self.samples = check_int("samples", samples, LEAST)
        self.seed = check_int("seed", seed, 0, 2**63 - 1)
        self.metric = suitable_metric(metric, gan)
        chosen = METRICS[self.metric]
        self.higher, self._measure = chosen.higher, chosen.measure
        self._spec = gan.spec
        extractor = extractor_of(extractor, gan.spec)
        given = bool(gan.given_inputs)
        found = rows.by_hash(gan, x, y, value_range, samples, given)
        self._real = found[gan.output_name]
        self.rows = len(self._real)
        self._sources = gan.given(found) if given else {}
        if self._measure is None:
            return
        self._extractor = chosen_extractor(extractor, gan.spec, None, self._real)
        self._features = self._extractor.features(self._real)
        try:  # with as many rows as there will be samples, so that too few are refused now
            shape = (self.rows if given else samples, self._features.shape[1])
            self._measure(self._features, np.resize(self._features, shape))
        except TooFew as error:
            raise TooFew(f"metric={self.metric!r} can't be measured: {error}") from None

    def __call__(self, gan: Any) -> float:
        """The metric of the GAN's samples now; NaN if a sample is not finite."""
        count = None if self._sources else self.samples
        fake = self._spec.as_array(gan.sample(count, self.seed, **self._sources))
        if not self._spec.is_table and not np.isfinite(fake).all():
            return math.nan
        if self._measure is None:
            compare = pairs.psnr if self.metric == "psnr" else pairs.ssim
            return float(compare(fake, self._real, self._spec.value_range))
        features = self._extractor.features(fake)
        if not np.isfinite(features).all():
            return math.nan
        return float(self._measure(self._features, features))

    def better(self, one: float, other: float) -> bool:
        """Whether `one` is strictly better than `other`. NaN is never better; all else is better
        than NaN."""
        if math.isnan(one) or math.isnan(other):
            return not math.isnan(one)
        return one > other if self.higher else one < other


def suitable_metric(metric: str, gan: Any) -> str:
    """The name of a metric that suits a GAN that is built; `SampleQuality` explains "auto".

    Raises:
        ValueError: there is no such metric, or it compares pairs, which the GAN's data are not.
    """
    check_metric(metric)
    given = bool(gan.given_inputs)
    pairs_of_images = (
        given and gan.spec.is_image and all(column.paired for column in gan.columns.values())
    )
    if metric == "auto":
        return "psnr" if pairs_of_images else "kid" if gan.spec.is_image else "coverage"
    if METRICS[metric].measure is None and not pairs_of_images:
        raise ValueError(
            f"metric={metric!r} compares images with their targets, which {gan.registry_name} on "
            "these data doesn't have: leave it out, or choose kid."
        )
    return metric
