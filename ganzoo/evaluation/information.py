"""A lower bound of the information that samples hold about their code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ganzoo.evaluation.measured import Measured, TooFew, mean


def information_bound(log_q: npt.ArrayLike, entropy: float) -> Measured:
    """H(c) + E log q(c|x) ≤ I(c; x), in nats, for any q. Equal if q is the posterior.

    Barber, Agakov 2003; Chen et al. 2016, arXiv:1606.03657, eq. 4.

    Args:
        log_q: log q(c|x) of the code c that each sample x was made from, in nats, [N].
        entropy: H(c) in nats, such as log K for K equally likely categories.

    Raises:
        TooFew: N < 32.
    """
    log_q = np.asarray(log_q, np.float64)
    if log_q.size < 32:
        raise TooFew(f"{log_q.size} samples are too few: this number needs at least 32.")
    return mean(entropy + log_q.ravel(), f"at most {entropy:.4g}", most=entropy)
