"""How well samples cover the modes of a known mixture of Gaussians."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr
from scipy.stats import chi2
from sklearn.metrics import pairwise_distances_argmin_min

from ganzoo.evaluation.measured import Measured, TooFew, bootstrapped, same_width, share, vectors


def mode_coverage(
    samples: npt.ArrayLike, means: npt.ArrayLike, sigma: float, *, least: int = 20, seed: int = 0
) -> dict[str, Measured]:
    """How samples [N, features] cover equally likely spherical Gaussians.

    A sample has high quality if it is within 3σ of the nearest mean. Srivastava et al. 2017,
    arXiv:1705.07761, section 4.1; Lin et al. 2018, arXiv:1712.04086, section 4.1, draw 2,500.

    - modes: the number of modes with at least `least` samples of high quality.
    - modes_lenient: the number of modes with at least one, which is what the papers count.
    - high_quality: the share of samples of high quality; a perfect sampler of two features has
      0.9889.
    - mode_kl: KL(frequencies of the nearest modes ‖ uniform) in nats; a perfect sampler has about
      (modes − 1) / 2N. It ignores quality.
    - mode_std: mode standard deviation ÷ true standard deviation, both within 3σ, averaged over
      the modes that `modes` counts. 1 is perfect; below 1 the modes have shrunk. Missing if `modes`
      is 0.

    Args:
        means: [modes, features].
        sigma: standard deviation of each mode, in units of the samples.

    Raises:
        TooFew: N < modes × least.
        ValueError: samples are not [N, features] as wide as the means, or hold NaN or Inf.
    """
    samples, means = vectors(samples, "samples"), vectors(means, "means", 1)
    same_width(samples, means)
    count, width = means.shape
    if len(samples) < count * least:
        raise TooFew(
            f"{len(samples)} samples of {count} modes are too few: a mode counts if it has {least} "
            f"samples, so draw at least {count * least}."
        )
    mode, distance = pairwise_distances_argmin_min(samples, means)
    good = distance <= 3 * sigma
    # E ‖x − mean‖² of a Gaussian that is cut off at 3σ, divided by that of the whole Gaussian
    kept = chi2.cdf(9, width + 2) / chi2.cdf(9, width)

    def counted(rows: np.ndarray, at_least: int) -> float:
        return float(
            np.count_nonzero(np.bincount(mode[rows][good[rows]], minlength=count) >= at_least)
        )

    def divergence(rows: np.ndarray) -> float:
        seen = np.bincount(mode[rows], minlength=count) / len(rows)
        return rel_entr(seen, 1 / count).sum()

    def spread(rows: np.ndarray) -> float:
        chosen, of = samples[rows][good[rows]], mode[rows][good[rows]]
        variances = [
            chosen[of == k].var(axis=0, ddof=1).mean()
            for k in range(count)
            if np.sum(of == k) >= least
        ]
        return np.mean(np.sqrt(variances)) / (sigma * np.sqrt(kept)) if variances else 0.0

    total = len(samples)

    def of_modes(at_least: int, samples_each: str) -> Measured:
        return bootstrapped(
            lambda rows: counted(rows, at_least),
            total,
            seed,
            most=count,
            note=f"of {count}, {samples_each} each",
        )

    measured = {
        "modes": of_modes(least, f"{least} samples"),
        "modes_lenient": of_modes(1, "one sample"),
        "high_quality": share(good, "within 3σ"),
        "mode_kl": bootstrapped(divergence, total, seed),
    }
    if measured["modes"] > 0:
        measured["mode_std"] = bootstrapped(spread, total, seed)
    return measured
