"""What theory says of each objective on a table of outcomes: optimal critics, least values, slopes.

On a table of outcomes a critic is one logit per outcome, and all that an objective promises can
be written down. `EXACT` has it for every name; a new name needs its row.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, xlogy


def log_ratio(p, q):
    return np.log(p / q)


def kl(p, q):
    return np.sum(xlogy(p, p) - xlogy(p, q))


def jsd(p, q):
    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


def pearson(p, q):
    return np.sum((p - q) ** 2 / q)


def squared_hellinger(p, q):
    return np.sum((np.sqrt(p) - np.sqrt(q)) ** 2)


def total_variation(p, q):
    return np.sum(np.abs(p - q)) / 2


def w1(p, q):
    """Between outcomes at 0, 1, 2, …: what must cross each gap."""
    return np.sum(np.abs(np.cumsum(p - q)[:-1]))


def potential(p, q):
    """The 1-Lipschitz critic on outcomes at 0, 1, 2, … that attains it."""
    return -np.concatenate([[0.0], np.cumsum(np.sign(np.cumsum(p - q)[:-1]))])


def lipschitz(logits):
    return logits[0] + np.concatenate([[0.0], np.cumsum(np.clip(np.diff(logits), -1, 1))])


def pairs(p, q):
    """Of a sample of each, in both orders: relativistic games tell (x, G(z)) from (G(z), x)."""
    return np.outer(p, q).ravel(), np.outer(q, p).ravel()


def average(p, q, logits):
    """The relativistic average loss of D on a table, by NumPy."""
    above, below = logits - np.sum(q * logits), logits - np.sum(p * logits)
    return np.sum(p * np.logaddexp(0, -above) + q * np.logaddexp(0, below))


def average_critic(p, q):
    """Where it is least: it is convex and has no closed form. The first logit is 0, because a
    constant on all logits changes nothing."""

    def slopes(free):
        logits = np.append(0.0, free)
        real, fake = (
            p * expit(np.sum(q * logits) - logits), q * expit(logits - np.sum(p * logits))
        )  # fmt: skip
        return (fake - real + q * np.sum(real) - p * np.sum(fake))[1:]

    def loss(free):
        return average(p, q, np.append(0.0, free))

    found = minimize(loss, np.zeros(len(p) - 1), jac=slopes, method="BFGS", tol=1e-13)
    return np.append(0.0, found.x)


@dataclass(frozen=True)
class Exact:
    """An objective on a table, p of data and q of the generator.

    Attributes:
        critic: logits at which D's loss is least.
        least: that loss.
        descends: what G's loss descends where D is at its optimum for p and q, a function of
            (p, q, held): G moves q, and `held` is where q was.
        linear: whether G's loss is linear in q.
        admissible: brings logits to what D may be, where it isn't free.
    """

    critic: Callable
    least: Callable
    descends: Callable
    admissible: Callable = lambda logits: logits
    linear: bool = True


def f_divergence(critic, divergence):
    """Of f-GAN, whose players share one value: G descends what D measures."""
    return Exact(critic, lambda p, q: -divergence(p, q), lambda p, q, held: divergence(p, q))


EXACT = {
    "minimax": Exact(
        log_ratio, lambda p, q: np.log(4) - 2 * jsd(p, q), lambda p, q, held: 2 * jsd(p, q)
    ),
    # Arjovsky and Bottou 2017, arXiv:1701.04862, theorem 2.5
    "non_saturating": Exact(
        log_ratio,
        lambda p, q: np.log(4) - 2 * jsd(p, q),
        lambda p, q, held: kl(q, p) - 2 * jsd(p, q),
    ),
    # d/dq of it is ½(1 − D*)²
    "least_squares": Exact(
        lambda p, q: p / (p + q),
        lambda p, q: np.sum(p * q / (p + q)) / 2,
        lambda p, q, held: np.sum(q - p**2 / (p + q) - 2 * p * np.log(p + q)) / 2,
    ),
    "wasserstein": Exact(
        potential, lambda p, q: -w1(p, q), lambda p, q, held: w1(p, q), lipschitz
    ),
    "hinge": Exact(
        lambda p, q: np.sign(p - q),
        lambda p, q: 2 * (1 - total_variation(p, q)),
        lambda p, q, held: 2 * total_variation(p, q),
    ),
    # the non-saturating game on pairs, of which G moves only the one that D calls fake
    "relativistic": Exact(
        log_ratio,
        lambda p, q: np.log(2) - jsd(*pairs(p, q)),
        lambda p, q, held: (
            kl(pairs(p, q)[1], pairs(p, held)[0])
            - 2 * jsd(pairs(p, held)[0], pairs(p, q)[1])
        ),
    ),
    "relativistic_average": Exact(
        average_critic,
        lambda p, q: average(p, q, average_critic(p, q)),
        lambda p, q, held: average(q, p, average_critic(p, held)),
        linear=False,
    ),
    "kl": f_divergence(lambda p, q: 1 + np.log(p / q), kl),
    "reverse_kl": f_divergence(log_ratio, lambda p, q: kl(q, p)),
    "pearson": f_divergence(lambda p, q: 2 * (p / q - 1), pearson),
    "squared_hellinger": f_divergence(lambda p, q: np.log(p / q) / 2, squared_hellinger),
    "jensen_shannon": f_divergence(log_ratio, lambda p, q: 2 * jsd(p, q)),
    "total_variation": f_divergence(lambda p, q: 30 * np.sign(p - q), total_variation),
}  # fmt: skip
