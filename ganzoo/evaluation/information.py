"""What samples tell of the code they were made from."""

from __future__ import annotations

import numpy as np

from ganzoo.evaluation.measured import Measured, TooFew, mean


def information_bound(log_q, entropy: float) -> Measured:
    """H(c) + E log q(c|x) ≤ I(c; x), in nats, for any q; equality where q is the posterior.

    Barber, Agakov 2003; Chen et al. 2016, arXiv:1606.03657, eq. 4.

    Args:
        log_q: [N], log q of the code that each sample was made from.
        entropy: H(c); log K for one of K equally likely categories.

    Raises:
        TooFew: N < 32.
    """
    log_q = np.asarray(log_q, np.float64)
    if log_q.size < 32:
        raise TooFew(f"{log_q.size} samples: this number takes at least 32.")
    return mean(entropy + log_q.ravel(), f"at most {entropy:.4g}", most=entropy)
