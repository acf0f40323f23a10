"""Metrics of the labels that a classifier gives to samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.special import entr, rel_entr

from ganzoo.evaluation.measured import Measured, TooFew, bootstrapped, mean, share


def inception_score(probabilities: npt.ArrayLike, seed: int = 0) -> Measured:
    """exp(E KL(p(y|x) ‖ p(y))) of class probabilities [N, classes], in 1 … classes.

    Salimans et al. 2016, arXiv:1606.03498, section 4. The value depends on the classifier. It
    is computed on all N samples at once; the paper averages over ten parts.

    Raises:
        TooFew: N < 10 classes.
        ValueError: not probabilities.
    """
    p = _probabilities(probabilities)
    certain = entr(p).sum(1)

    def score(rows: np.ndarray) -> float:
        return np.exp(entr(p[rows].mean(0)).sum() - certain[rows].mean())

    return bootstrapped(score, len(p), seed, most=p.shape[1])


def confidence(probabilities: npt.ArrayLike) -> Measured:
    """The mean over samples of the largest class probability, from probabilities [N, classes].

    Raises:
        TooFew: N < 10 classes.
        ValueError: not probabilities.
    """
    return mean(_probabilities(probabilities).max(1), least=0, most=1)


def label_kl(labels: npt.ArrayLike, frequencies: npt.ArrayLike, seed: int = 0) -> Measured:
    """KL(labels seen ‖ frequencies) in nats, of labels [N] in 0 … classes − 1; 0 is best.

    A perfect sampler has about (classes − 1) / 2N. Samples of a single class have log(classes) if
    the frequencies are equal. The value is infinite if a label occurs whose frequency is 0.

    Raises:
        TooFew: N < 10 classes.
        ValueError: labels out of range.
    """
    frequencies = np.asarray(frequencies, np.float64)
    classes = len(frequencies)
    labels = _labels(labels, classes)

    def divergence(rows: np.ndarray) -> float:
        seen = np.bincount(labels[rows], minlength=classes) / len(rows)
        return rel_entr(seen, frequencies / frequencies.sum()).sum()

    return bootstrapped(divergence, len(labels), seed)


def agreement(found: npt.ArrayLike, asked: npt.ArrayLike) -> Measured:
    """The share of samples whose label `found` equals the label `asked` for; both int [N]."""
    return share(np.asarray(found) == np.asarray(asked))


def matching(found: npt.ArrayLike, asked: npt.ArrayLike) -> Measured:
    """Agreement under the best one-to-one matching of the values asked for to the labels found,
    which are integers [N]: how well an unsupervised code finds the classes.

    Chen et al. 2016, arXiv:1606.03657, section 7.2. Chance is above 1 / classes, because the
    best of many matchings is taken. The note lists which value was matched to which class.
    """
    found, asked = np.asarray(found), np.asarray(asked)
    table = np.zeros((asked.max() + 1, found.max() + 1), int)
    np.add.at(table, (asked, found), 1)
    rows, columns = linear_sum_assignment(-table)
    label = np.full(len(table), -1)
    label[rows] = columns
    return share(label[asked] == found, " ".join(f"{r}→{c}" for r, c in enumerate(label) if c >= 0))


def _probabilities(p: npt.ArrayLike) -> np.ndarray:
    p = np.asarray(p, np.float64)
    if p.ndim != 2 or (p < 0).any() or not np.allclose(p.sum(1), 1, atol=1e-4):
        raise ValueError(
            f"probabilities of shape {p.shape} must be (N, classes) with rows that sum to 1: "
            "pass the softmax of the classifier's logits."
        )
    _enough(len(p), p.shape[1])
    return p


def _labels(labels: npt.ArrayLike, classes: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.min(initial=0) < 0 or labels.max(initial=0) >= classes:
        raise ValueError(
            f"labels of shape {labels.shape} must be integers (N,) from 0 to {classes - 1}."
        )
    _enough(len(labels), classes)
    return labels


def _enough(count: int, classes: int) -> None:
    if count < 10 * classes:
        raise TooFew(
            f"{count} samples of {classes} classes are too few: this number needs 10 for each "
            "class."
        )
