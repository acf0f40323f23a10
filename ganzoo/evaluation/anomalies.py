"""Anomaly scores of reconstructions, and what is needed to judge and to use them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from ganzoo.evaluation.measured import Measured, within


def egbad(
    x: npt.ArrayLike,
    again: npt.ArrayLike,
    features: npt.ArrayLike,
    features_again: npt.ArrayLike,
    weight: float = 0.1,
) -> np.ndarray:
    """The score of EGBAD, (1 − w) ‖x − G(E(x))‖₁ + w ‖f(x, E(x)) − f(G(E(x)), E(x))‖₁.

    Zenati, Foo, Lecouat, Manek, Chandrasekhar 2018, arXiv:1802.06222, section 3, with the feature
    matching loss. The norms are sums over the values of a sample.

    Args:
        x, again: samples and their reconstructions in network units, [N, ...].
        features, features_again: those of the discriminator on both, [N, width].
        weight: w, from 0 to 1.

    Returns:
        float64 [N], larger for samples that are more anomalous.

    Raises:
        ValueError: the weight is not from 0 to 1.
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight={weight!r:.200} must be from 0 to 1: EGBAD's own is 0.1.")
    return (1 - weight) * np.abs(_difference(x, again)).sum(1) + weight * np.abs(
        _difference(features, features_again)
    ).sum(1)


def f_anogan(
    x: npt.ArrayLike,
    again: npt.ArrayLike,
    features: npt.ArrayLike,
    features_again: npt.ArrayLike,
    weight: float = 1.0,
) -> np.ndarray:
    """The score of f-AnoGAN, ‖x − G(E(x))‖²/n + κ ‖f(x) − f(G(E(x)))‖²/m.

    Schlegl, Seeböck, Waldstein, Langs, Schmidt-Erfurth 2019, doi:10.1016/j.media.2019.01.010: n is
    the number of values of a sample, and m is the width of the features.

    Args:
        x, again, features, features_again: as in `egbad`. The features may have a width of 0.
        weight: κ, at least 0.

    Returns:
        float64 [N], larger for samples that are more anomalous.

    Raises:
        ValueError: the weight is negative or infinite.
    """
    if not 0 <= weight < float("inf"):
        raise ValueError(f"weight={weight!r:.200} must be at least 0: f-AnoGAN's own is 1.")
    score = np.square(_difference(x, again)).mean(1)
    distances = np.square(_difference(features, features_again))
    return score + weight * distances.sum(1) / max(1, distances.shape[1])


FORMULAS: dict[str, Callable[..., np.ndarray]] = {"egbad": egbad, "f_anogan": f_anogan}
"""The scores by the name that a GAN has in its attribute `anomaly_formula`."""


def _difference(a: npt.ArrayLike, b: npt.ArrayLike) -> np.ndarray:
    a = np.asarray(a, np.float64)
    return (a - np.asarray(b, np.float64)).reshape(len(a), -1)


def anomaly_threshold(scores: npt.ArrayLike, quantile: float = 0.95) -> float:
    """The score above which a sample is called anomalous: a quantile of the scores of normal
    samples, of which at most the share 1 − quantile lies above it.

    The samples must be held out, because a GAN reconstructs those that it was trained on better
    than others. They need no anomalies among them, and must not be those that the figures of a
    report are measured on.

        threshold = ganzoo.evaluation.anomaly_threshold(gan.anomaly_score(held_out))
        anomalous = gan.anomaly_score(x) > threshold

    Args:
        scores: of normal samples, [N].
        quantile: between 0 and 1. If N is below 1/(1 − quantile), it is the largest score.

    Raises:
        ValueError: there are no scores, one is not finite, or the quantile is not between 0 and 1.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile={quantile!r:.200} must be between 0 and 1, such as 0.95.")
    return float(np.quantile(_scores(scores, "normal samples"), quantile, method="higher"))


def auroc(normal: npt.ArrayLike, anomalous: npt.ArrayLike) -> Measured:
    """The area under the ROC curve: the probability that an anomalous sample has a larger score
    than a normal one, where equal scores count half. 0.5 is chance, and 1 is best.

    The interval is ± 1.96 standard errors by DeLong, DeLong, Clarke-Pearson 1988,
    doi:10.2307/2531595. It ignores that another training would give other scores.

    Args:
        normal, anomalous: the scores of test samples of both kinds, [N] and [M].

    Raises:
        ValueError: there are fewer than two scores of one kind, or one is not finite.
    """
    normal = _scores(normal, "normal samples", 2)
    anomalous = _scores(anomalous, "anomalous samples", 2)
    both = np.concatenate([normal, anomalous])
    area = roc_auc_score(np.arange(len(both)) >= len(normal), both)
    ranks, variance = rankdata(both), 0.0
    for mine, others, own in (
        (ranks[: len(normal)], len(anomalous), normal),
        (ranks[len(normal) :], len(normal), anomalous),
    ):
        below = (mine - rankdata(own)) / others  # the share of the other kind below each score
        variance += np.var(below, ddof=1) / len(own)
    return within(area, np.sqrt(variance), len(both), "DeLong", least=0.0, most=1.0)


def _scores(scores: npt.ArrayLike, what: str, least: int = 1) -> np.ndarray:
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 1 or len(scores) < least or not np.isfinite(scores).all():
        raise ValueError(
            f"the scores of {what} have the shape {scores.shape}: pass at least {least} finite "
            "numbers, as gan.anomaly_score gives them."
        )
    return scores
