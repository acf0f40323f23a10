"""Modes of a known mixture: which are covered, how evenly, and how well."""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr
from scipy.stats import chi2
from sklearn.metrics import pairwise_distances_argmin_min

from ganzoo.evaluation.measured import Measured, TooFew, bootstrapped, same_width, share, vectors


def mode_coverage(
    samples, means, sigma: float, *, least: int = 20, seed: int = 0
) -> dict[str, Measured]:
    """What samples [N, features] have of equally likely spherical Gaussians.

    A sample is of high quality within 3σ of the nearest mean. Srivastava et al. 2017,
    arXiv:1705.07761, section 4.1; Lin et al. 2018, arXiv:1712.04086, section 4.1, draw 2,500.

    - modes: how many have at least `least` samples of high quality.
    - modes_lenient: how many have one, which is what the papers count.
    - high_quality: the share of such samples; 0.9889 for two features is perfect.
    - mode_kl: KL(nearest modes seen ‖ uniform) in nats; about (modes − 1) / 2N is perfect. It
      ignores quality.
    - mode_std: standard deviation of the samples of high quality about their own mean, over that
      of the Gaussian within 3σ, averaged over the modes that count; 1 is perfect, below it the
      modes have shrunk. Left out where no mode counts.

    Args:
        means: [modes, features].
        sigma: standard deviation of each mode, in units of the samples.

    Raises:
        TooFew: N < modes × least.
        ValueError: not (N, features), not as wide as the means, or not finite.
    """
    samples, means = vectors(samples, "samples"), vectors(means, "means", 1)
    same_width(samples, means)
    count, width = means.shape
    if len(samples) < count * least:
        raise TooFew(
            f"{len(samples)} samples of {count} modes: a mode counts with {least} samples, so draw "
            f"at least {count * least}."
        )
    mode, distance = pairwise_distances_argmin_min(samples, means)
    good = distance <= 3 * sigma
    # E ‖x − mean‖² within 3σ, over its value without the bound
    kept = chi2.cdf(9, width + 2) / chi2.cdf(9, width)

    def counted(rows, at_least):
        return np.sum(np.bincount(mode[rows][good[rows]], minlength=count) >= at_least)

    def divergence(rows):
        seen = np.bincount(mode[rows], minlength=count) / len(rows)
        return rel_entr(seen, 1 / count).sum()

    def spread(rows):
        chosen, of = samples[rows][good[rows]], mode[rows][good[rows]]
        variances = [
            chosen[of == k].var(axis=0, ddof=1).mean()
            for k in range(count)
            if np.sum(of == k) >= least
        ]
        return np.mean(np.sqrt(variances)) / (sigma * np.sqrt(kept)) if variances else 0.0

    total = len(samples)

    def of_modes(at_least, samples_each):
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
