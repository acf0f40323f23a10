"""Metrics: pure functions of features, and the thin layer that makes features of samples.

    judge = ganzoo.evaluation.Judge.of(gan.spec, images, labels)
    real, fake = judge.features(images), judge.features(gan.sample(1000))
    ganzoo.evaluation.frechet_distance(real, fake)

Functions take arrays, compute in float64, repeat for a seed, and give a `Measured`: a float with
its interval and all that it takes to trust it. A number for which there are too few samples raises
`TooFew`, a ValueError. `evaluate`, behind `gan.evaluate`, picks those that suit the data.
"""

from ganzoo.evaluation.anomalies import anomaly_threshold, auroc
from ganzoo.evaluation.disentanglement import mutual_information_gap
from ganzoo.evaluation.efficientnet import EfficientNetLite0
from ganzoo.evaluation.extractors import Extractor, Inception, Judge, KerasFeatures, Pixels
from ganzoo.evaluation.frechet import frechet_distance, frechet_of_gaussians, frechet_ratio
from ganzoo.evaluation.information import information_bound
from ganzoo.evaluation.kernel import kid
from ganzoo.evaluation.labels import agreement, confidence, inception_score, label_kl, matching
from ganzoo.evaluation.measured import Measured, TooFew, mean_of_batches
from ganzoo.evaluation.modes import mode_coverage
from ganzoo.evaluation.neighbours import memorisation, precision_recall_density_coverage
from ganzoo.evaluation.one_dimensional import histogram_jsd, wasserstein_1
from ganzoo.evaluation.pairs import psnr, ssim
from ganzoo.evaluation.parzen import centroids, log_densities, parzen_log_likelihood
from ganzoo.evaluation.quality import SampleQuality
from ganzoo.evaluation.report import Evaluation, evaluate, extractor_of
from ganzoo.evaluation.tables import TableRows, column_shapes, pair_trends

__all__ = [
    "EfficientNetLite0",
    "Evaluation",
    "Extractor",
    "Inception",
    "Judge",
    "KerasFeatures",
    "Measured",
    "Pixels",
    "SampleQuality",
    "TableRows",
    "TooFew",
    "agreement",
    "anomaly_threshold",
    "auroc",
    "centroids",
    "column_shapes",
    "confidence",
    "evaluate",
    "extractor_of",
    "frechet_distance",
    "frechet_of_gaussians",
    "frechet_ratio",
    "histogram_jsd",
    "inception_score",
    "information_bound",
    "kid",
    "label_kl",
    "log_densities",
    "matching",
    "mean_of_batches",
    "memorisation",
    "mode_coverage",
    "mutual_information_gap",
    "pair_trends",
    "parzen_log_likelihood",
    "precision_recall_density_coverage",
    "psnr",
    "ssim",
    "wasserstein_1",
]
