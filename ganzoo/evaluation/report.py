"""Chooses the metrics that suit the data, and measures each for generated and for real samples."""

from __future__ import annotations

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo import data
from ganzoo.evaluation import (
    extractors,
    labels,
    neighbours,
    one_dimensional,
    pairs,
    rows,
    series,
    tables,
)
from ganzoo.evaluation.efficientnet import EfficientNetLite0
from ganzoo.evaluation.frechet import frechet_distance, frechet_ratio
from ganzoo.evaluation.information import information_bound
from ganzoo.evaluation.kernel import kid
from ganzoo.evaluation.measured import Measured, TooFew
from ganzoo.evaluation.modes import mode_coverage
from ganzoo.evaluation.parzen import centroids, parzen_log_likelihood
from ganzoo.evaluation.tables import TableRows

NAMED: dict[str, Callable[[data.Field], extractors.Extractor]] = {
    "inception": extractors.Inception,
    "efficientnet_lite0": EfficientNetLite0,
}
ROWS = 5000  # of the data that train the judge and are searched for copies
LARGEST = 4096  # values per sample up to which all pixels are compared


class Evaluation(dict[str, Measured]):
    """Measured numbers by name; each is a float.

    Attributes:
        refused: the reasons why numbers were not measured, one sentence by name.
    """

    def __init__(self, measured: Mapping[str, Measured] = {}, refused: Mapping[str, str] = {}):
        super().__init__(measured)
        self.refused = dict(refused)

    def to_json(self) -> dict[str, Any]:
        """{"metrics": {name: all attributes of the number}, "refused": {name: reason}}."""
        metrics = {name: measured.to_json() for name, measured in self.items()}
        return {"metrics": metrics, "refused": self.refused}

    def measure(self, names: tuple[str, ...], compute: Callable[[], Any], **facts: Any) -> None:
        """Adds what `compute` returns, a Measured or several by name, or why it raised `TooFew`."""
        try:
            found = compute()
        except TooFew as error:
            self.refused |= dict.fromkeys(names, str(error))
            return
        found = found if isinstance(found, dict) else {names[0]: found}
        self.update({name: measured.with_reference(**facts) for name, measured in found.items()})


def evaluate(
    gan: Any,
    x: Any,
    y: Any = None,
    *,
    value_range: tuple[float, float] | None = None,
    samples: int = 2500,
    extractor: Any = None,
    seed: int = 0,
) -> Evaluation:
    """Measures samples of a trained GAN against data. The arguments are those of `GAN.evaluate`.

    One half of the data, at most `samples` rows, is the reference. Equally many other rows are
    measured like generated samples, which gives the numbers of real samples. Equally many samples
    are drawn, so all numbers have the same N. The halves are chosen by the hashes of the rows, so
    the order of the data does not change the numbers.

    Where the generator maps given samples, the samples are drawn with those of the other half. They
    should then be near to the targets, which are data, and depend on the source more than on
    chance: the numbers that tell copies from samples, and Parzen windows, are left out. Images are
    compared with their targets instead, and for reference the sources with the targets.

    Raises:
        ValueError: the data or the extractor do not fit the GAN.
    """
    extractor = extractor_of(extractor, gan.spec)  # first: it may be refused
    given = gan.given_inputs
    seen = rows.by_hash(gan, x, y, value_range, max(ROWS, 2 * samples), bool(given))
    real, real_labels = seen[gan.output_name], seen.get("label")
    if len(real) < 4:
        raise ValueError(f"the data have {len(real)} rows: pass at least 4.")
    half = min(samples, len(real) // 2)
    found = Evaluation()
    split = f"{half} against {half} others of {len(real)} rows, {extractors.digest(real)}"
    later = {name: x[half : 2 * half] for name, x in seen.items()}
    sources = gan.given(later) if given else {}
    fake = gan.spec.as_array(gan.sample(half, seed, **sources))
    drawn = _Drawn(gan, real[:half], real[half : 2 * half], fake, split, seed)
    judge = None
    if gan.spec.is_image and real_labels is not None:
        try:
            judge = extractors.Judge.of(gan.spec, real, real_labels)
        except TooFew as error:
            found.refused["judge"] = str(error)
    _of_features(found, drawn, chosen_extractor(extractor, gan.spec, judge, real))
    if not given:
        _of_copies(found, drawn, real)
    elif gan.spec.is_image and all(column.paired for column in gan.columns.values()):
        _of_pairs(found, drawn, sources)
    if judge is not None:
        _of_labels(found, drawn, judge)
    if "category" in gan.latent_spec and "category" in gan.discriminator.output:
        _of_information(found, drawn)
    if gan.spec.is_image and not given:
        _of_parzen(found, drawn)
    elif gan.spec.is_table:
        _of_columns(found, drawn)
    elif gan.spec.shape == (1,):
        measures = one_dimensional.wasserstein_1, one_dimensional.histogram_jsd
        _of_values(found, drawn, {measure.__name__: measure for measure in measures})
    if gan.spec.is_series:
        _of_series(found, drawn, getattr(x, "known_series", None))
    if (mixture := getattr(x, "mixture", None)) is not None:
        _of_modes(found, drawn, mixture)
    return found


@dataclasses.dataclass(frozen=True)
class _Drawn:
    gan: Any
    reference: np.ndarray
    real: np.ndarray
    fake: np.ndarray
    split: str
    seed: int


def extractor_of(extractor: Any, spec: data.Field) -> extractors.Extractor | None:
    """The extractor that `evaluate(extractor=…)` asks for: an object, a Keras model or a name of
    `NAMED`. None stays None.

    Raises:
        ValueError: it is none of these, or the named one can't be used for samples of `spec`.
    """
    if isinstance(extractor, str) and extractor in NAMED:
        return NAMED[extractor](spec)
    if isinstance(extractor, keras.Model):
        return extractors.KerasFeatures(extractor)
    if extractor is not None:
        named = hasattr(extractor, "name") and hasattr(extractor, "hash")
        if not (named and callable(getattr(extractor, "features", None))):
            raise ValueError(
                f"extractor={extractor!r} must be {' or '.join(map(repr, NAMED))}, a Keras model, "
                "or an object with name, hash and features(x)."
            )
    return extractor


def chosen_extractor(
    extractor: extractors.Extractor | None,
    spec: data.Field,
    judge: extractors.Judge | None,
    real: np.ndarray,
) -> extractors.Extractor:
    if extractor is not None:
        return extractor
    if judge is not None:
        return judge
    return _values(spec, real, min(extractors.WIDTH, max(1, len(real) // 8)))


def _values(spec: data.Field, real: np.ndarray, width: int | None) -> extractors.Extractor:
    """The values of the samples themselves."""
    return TableRows(spec) if spec.is_table else extractors.Pixels(spec, real, width)


def _facts(drawn: _Drawn, extractor: extractors.Extractor | None = None) -> dict[str, str]:
    name, hashed = "none", extractors.digest(drawn.gan.spec)
    if extractor is not None:
        name, hashed = extractor.name, extractor.hash
    return {"extractor": name, "hash": hashed, "split": drawn.split}


def _with_reference(
    measure: Callable[[np.ndarray], Any], real_rows: np.ndarray, fake_rows: np.ndarray, **facts: Any
) -> Any:
    """The result of `measure` for the fakes, with that for real samples as the reference."""
    fake, real = measure(fake_rows), measure(real_rows)
    if isinstance(fake, dict):
        return {k: v.with_reference(real.get(k), **facts) for k, v in fake.items()}
    return fake.with_reference(real, **facts)


def _of_features(found: Evaluation, drawn: _Drawn, extractor: extractors.Extractor) -> None:
    facts = _facts(drawn, extractor)
    parts = (drawn.reference, drawn.real, drawn.fake)
    reference, others, fake = map(extractor.features, parts)

    def frechet() -> Measured:
        try:
            return frechet_ratio(reference, others, fake, seed=drawn.seed)
        except TooFew:  # its halves are too small for wide features, but the whole may do
            ours, theirs = (
                frechet_distance(reference, rows, seed=drawn.seed) for rows in (fake, others)
            )
            return ours.with_reference(theirs, note="one split")

    found.measure(("frechet",), frechet, **facts)
    found.measure(
        ("kid",),
        # the value of real samples is 0 up to noise, so a ratio has no meaning
        lambda: _with_reference(lambda rows: kid(reference, rows), others, fake, ratio=None),
        **facts,
    )
    found.measure(
        ("precision", "recall", "density", "coverage"),
        lambda: _with_reference(
            lambda rows: neighbours.precision_recall_density_coverage(reference, rows), others, fake
        ),
        **facts,
    )


def _of_copies(found: Evaluation, drawn: _Drawn, real: np.ndarray) -> None:
    spec = drawn.gan.spec
    pixels = _values(spec, real, extractors.WIDTH if math.prod(spec.shape) > LARGEST else None)
    found.measure(
        ("nearer_than_real", "copies"),
        lambda: neighbours.memorisation(pixels.features(real), pixels.features(drawn.fake)),
        **_facts(drawn, pixels) | {"split": f"all {len(real)} rows"},
    )


def _of_pairs(found: Evaluation, drawn: _Drawn, sources: Mapping[str, np.ndarray]) -> None:
    """PSNR and SSIM of the samples against their targets, and of the sources themselves."""
    gan = drawn.gan
    facts: dict[str, Any] = _facts(drawn)
    for name, compare in (("psnr", pairs.psnr), ("ssim", pairs.ssim)):
        found[name] = compare(drawn.fake, drawn.real, gan.spec.value_range).with_reference(**facts)
        for source, x in sources.items():
            key, field = f"{name}_of_{source}", gan.fields[source]
            if field.shape != gan.spec.shape:
                shapes = f"{field.shape}, and {gan.output_name}s of {gan.spec.shape}"
                found.refused[key] = f"{source}s are of shape {shapes}, which can't be compared."
                continue
            # The value ranges of the two may differ.
            shown = gan.spec.decode(field.encode(x))
            of_source = compare(shown, drawn.real, gan.spec.value_range)
            found[key] = of_source.with_reference(**facts)


def _of_labels(found: Evaluation, drawn: _Drawn, judge: extractors.Judge) -> None:
    gan, count, facts = drawn.gan, len(drawn.fake), _facts(drawn, judge)
    fake, real = judge.probabilities(drawn.fake), judge.probabilities(drawn.real)

    def kl(probabilities: np.ndarray) -> Measured:
        return labels.label_kl(probabilities.argmax(1), judge.frequencies, drawn.seed)

    found.measure(("label_kl",), lambda: _with_reference(kl, real, fake), **facts)
    found.measure(("confidence",), lambda: _with_reference(labels.confidence, real, fake), **facts)
    found.measure(("score",), lambda: _with_reference(labels.inception_score, real, fake), **facts)
    for latent, name, measure in (
        ("label", "agreement", labels.agreement),
        ("category", "matching", labels.matching),
    ):
        if latent in gan.latent_spec:
            asked = np.arange(count) % gan.latent_classes(latent)
            told = judge.labels(gan.sample(count, drawn.seed + 1, **{latent: asked}))
            found[name] = measure(told, asked).with_reference(judge.accuracy, **facts)


def _of_information(found: Evaluation, drawn: _Drawn) -> None:
    gan, count = drawn.gan, len(drawn.fake)
    latents, log_q = gan.draw_latents(count, drawn.seed), []
    for start in range(0, count, 256):
        rows = {key: value[start : start + 256] for key, value in latents.items()}
        logits = gan.discriminator(gan.generate(rows)[gan.output_name], training=False)["category"]
        log_q.append(
            -tf.nn.sparse_softmax_cross_entropy_with_logits(rows["category"], logits).numpy()
        )
    entropy = math.log(gan.latent_classes("category"))
    found.measure(
        ("category_bound",),
        lambda: information_bound(np.concatenate(log_q), entropy),
        extractor=f"Q of {gan.registry_name}",
        hash=extractors.KerasFeatures(gan.discriminator).hash,
        split="no data",
    )


def _of_parzen(found: Evaluation, drawn: _Drawn) -> None:
    size = math.prod(drawn.gan.spec.shape)
    if size > LARGEST:
        why = f"samples have {size} values: Parzen windows are only used up to {LARGEST}."
        found.refused |= dict.fromkeys(("parzen", "parzen_centroids"), why)
        return
    pixels = extractors.Pixels(drawn.gan.spec, drawn.real, None)
    validation, test = np.array_split(pixels.features(drawn.reference), 2)
    real, fake = pixels.features(drawn.real), pixels.features(drawn.fake)

    def score(rows: np.ndarray) -> Measured:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the note says the same
            return parzen_log_likelihood(rows, validation, test)

    def of_centroids() -> Measured:
        # the same share as Theis et al. used for MNIST: 10,000 of 60,000
        return score(centroids(real, max(32, len(real) // 6)))

    facts = _facts(drawn, pixels)
    found.measure(("parzen",), lambda: _with_reference(score, real, fake, ratio=None), **facts)
    found.measure(("parzen_centroids",), of_centroids, **facts)


def _of_values(
    found: Evaluation, drawn: _Drawn, measures: Mapping[str, Callable[..., Measured]]
) -> None:
    """Measures that compare the reference with samples, without features of them."""
    for name, measure in measures.items():
        compared = functools.partial(measure, drawn.reference)
        found.measure(
            (name,),
            functools.partial(_with_reference, compared, drawn.real, drawn.fake),
            **_facts(drawn),
        )


def _of_columns(found: Evaluation, drawn: _Drawn) -> None:
    measures = {"shapes": tables.column_shapes, "trends": tables.pair_trends}
    columns = drawn.gan.spec.columns
    _of_values(
        found, drawn, {k: functools.partial(v, columns=columns) for k, v in measures.items()}
    )


def _of_series(found: Evaluation, drawn: _Drawn, name: str | None) -> None:
    difference = functools.partial(series.acf_difference, seed=drawn.seed)
    _of_values(found, drawn, {"acf_difference": difference})
    if name is not None:
        found.update(
            _with_reference(
                lambda rows: series.measure(name, rows, drawn.seed), drawn.real, drawn.fake,
                **_facts(drawn) | {"extractor": f"least squares for {name}"},
            )
        )  # fmt: skip


def _of_modes(found: Evaluation, drawn: _Drawn, mixture: Any) -> None:
    def measure(rows: np.ndarray) -> dict[str, Measured]:
        return mode_coverage(rows, mixture.means, mixture.sigma, seed=drawn.seed)

    found.measure(
        ("modes", "modes_lenient", "high_quality", "mode_kl", "mode_std"),
        lambda: _with_reference(measure, drawn.real, drawn.fake),
        extractor=f"{mixture.num_modes} known modes",
        hash=extractors.digest(mixture.means, mixture.sigma),
        split=drawn.split,
    )
