"""One-dimensional data: figure 1 of Goodfellow et al. 2014, arXiv:1406.2661, at any time of
training, as one figure and as an animation.

    states = []
    gan.fit(x, epochs=20, callbacks=[line.States(states, line.limits_of(x), every=100)])
    drawing.save(line.figure(states[::5], x), "training.png")
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage, stats

from ganzoo.core.inputs import Normal
from ganzoo.data.checks import check_int
from ganzoo.losses import objectives
from ganzoo.reporting import animation, drawing, plane

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Density = Callable[[np.ndarray], np.ndarray]
POINTS = 400  # at which densities and D are computed
SAMPLES = 8192
ARROWS = 17


class State(NamedTuple):
    """What is drawn of a GAN on one-dimensional data at one step of training.

    Attributes:
        step: generator updates made so far.
        samples: float64 [N], sorted.
        at, logits: float64 [POINTS] each: points of the line, and D's logits there; none if D
            judges more than one sample.
        is_probability: whether the sigmoid of the logits is D(x), as with cross entropy.
        shares, mapped: float64 [ARROWS] each: the latents of a generator with one latent, by the
            share of latents below them, and G(z); none if it has more.
    """

    step: int
    samples: np.ndarray
    at: np.ndarray
    logits: np.ndarray
    is_probability: bool
    shares: np.ndarray
    mapped: np.ndarray


def state(gan: Any, limits: tuple[float, float], count: int = SAMPLES, seed: int = 0) -> State:
    """What is drawn of a GAN now.

    Args:
        limits: the part of the line on which D is computed, in the units of the data.
        count: number of samples from which the model's density is estimated.

    Raises:
        ValueError: the GAN doesn't generate single numbers, or the limits are no interval.
    """
    gan._check_built("be drawn")
    if gan.spec.shape != (1,):
        raise ValueError(
            f"{gan.registry_name} generates samples of shape {gan.spec.shape}, and this picture "
            "shows single numbers, of shape (1,)."
        )
    if not limits[0] < limits[1]:
        raise ValueError(f"limits={limits!r} must be (low, high) with low < high.")
    samples = np.sort(np.asarray(gan.sample(count, seed, batch_size=count), np.float64)[:, 0])
    at = logits = shares = mapped = np.empty(0)
    if plane.why_unjudged(gan) is None:
        at = np.linspace(*limits, POINTS)
        logits = plane.logits(gan, at[:, None])
    ((name, only),) = gan.inputs.items() if len(gan.inputs) == 1 else (("", None),)
    if isinstance(only, Normal) and only.width == 1:
        shares = (np.arange(ARROWS) + 0.5) / ARROWS
        z = stats.norm.ppf(shares).astype(np.float32)
        mapped = np.asarray(gan.sample(ARROWS, **{name: z[:, None]}), np.float64)[:, 0]
    crossed = objectives.cross_entropy_discriminator
    is_probability = objectives.get(gan.objective).discriminator is crossed
    return State(gan.step, samples, at, logits, is_probability, shares, mapped)


class States(keras.callbacks.Callback):
    """Adds `state(gan, limits)` to a list every so many steps of `gan.fit`.

    Args:
        states: the list.
        limits: see `state`.
        every: steps between states.
        until: the last step that is recorded; None for no end.
    """

    reads_logs = False

    def __init__(
        self,
        states: list[State],
        limits: tuple[float, float],
        every: int = 100,
        until: int | None = None,
    ):
        super().__init__()
        check_int("every", every, 1)
        self.states, self.limits, self.every, self.until = states, limits, every, until

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        step = self.model.step
        if step % self.every == 0 and (self.until is None or step <= self.until):
            self.states.append(state(self.model, self.limits))


def figure(states: Sequence[State], real: npt.ArrayLike, density: Density | None = None) -> Figure:
    """The figure of 2014, with a panel for each state, from left to right in time.

    Above: the density of the data p (dotted), that of the model g (solid), D (dashed) and, where D
    is a probability, the best D for this model, D* = p / (p + g) (thin). Below: arrows from latents
    to their samples, if there is one latent. Latents stand at equal shares of their distribution,
    so that each arrow stands for the same share of samples.

    Args:
        states: at least one, see `state`.
        real: samples of the data, [N] or [N, 1].
        density: p, from float64 [N] to [N]; by default estimated from `real`.

    Raises:
        ValueError: there is no state.
    """
    if not states:
        raise ValueError("the figure needs at least one state: pass [state(gan, limits)].")
    real = np.asarray(real, np.float64).reshape(-1)
    arrows = bool(len(states[-1].shares))
    size = (max(5.2, 2.7 * len(states)), 4.2 if arrows else 3.1)
    rows = 2 if arrows else 1
    ratios = [2.6, 1] if arrows else [1]
    made, axes = drawing.new(
        rows, len(states), size, squeeze=False, sharex=True, sharey="row", height_ratios=ratios
    )
    limits = limits_of(real)
    x = np.linspace(*limits, POINTS)
    p = np.asarray(density(x)) if density else estimated(real, x)
    top = 1.6 * p.max()
    for number, one in enumerate(states):
        panel, right = axes[0, number], axes[0, number].twinx()
        g = estimated(one.samples, x)
        panel.plot(x, p, color=drawing.REAL, linestyle=":", linewidth=2.2, label="data, p")
        panel.plot(x, g, color=drawing.FAKE, linewidth=2.2, label="model, g")
        panel.set(xlim=limits, ylim=(0, top), yticks=[])
        panel.set_title(f"step {one.step:,}", fontsize="medium")
        if len(one.at):
            _draw_judge(right, one, x, p, g)
        right.tick_params(labelright=number == len(states) - 1, labelsize="small")
        if number == 0:
            panel.set_ylabel("density")
            handles, names = panel.get_legend_handles_labels()
            more, others = right.get_legend_handles_labels()
            made.legend(
                handles + more, names + others, loc="outside lower center", frameon=False,
                ncols=min(4, 2 * len(states)), fontsize="small", handlelength=2.6,
            )  # fmt: skip
        if arrows:
            _draw_map(axes[1, number], one, limits)
        else:
            panel.set_xlabel("x")
    if arrows:
        axes[1, 0].set_yticks([0, 1], ["z", "x"])
    return made


def save_animation(
    states: Sequence[State],
    real: npt.ArrayLike,
    path: str | os.PathLike,
    density: Density | None = None,
    milliseconds: int = 120,
) -> None:
    """Writes the figure of 2014 as an animated WebP with a frame for each state.

    Raises:
        ValueError: there are fewer than two states, or the path doesn't end in .webp.
    """
    frames = [picture(figure([one], real, density)) for one in states]
    animation.save(frames, path, milliseconds)


def picture(figure: Figure) -> Image.Image:
    """A figure as a picture of Pillow."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def limits_of(real: npt.ArrayLike) -> tuple[float, float]:
    """The part of the line that is drawn: all but the outermost thousandth, and a margin."""
    low, high = np.quantile(np.asarray(real, np.float64), (0.001, 0.999))
    margin = 0.25 * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def estimated(samples: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The density at equidistant points x of the distribution of samples, float64 [N] -> [M], by a
    Gaussian kernel whose width is Silverman's rule, but at least a step of x. Samples outside are
    counted in the total."""
    step = x[1] - x[0]
    edges = np.append(x - step / 2, x[-1] + step / 2)
    counts = np.histogram(samples, edges)[0] / (len(samples) * step)
    spread = min(np.std(samples), np.subtract(*np.quantile(samples, (0.75, 0.25))) / 1.34)
    width = 0.9 * spread * len(samples) ** -0.2
    return ndimage.gaussian_filter1d(counts, max(1.0, width / step), mode="constant")


def _draw_judge(axes: Any, one: State, x: np.ndarray, p: np.ndarray, g: np.ndarray) -> None:
    axes.grid(False)
    if not one.is_probability:
        axes.plot(one.at, one.logits, color=drawing.JUDGED, linestyle="--", label="D’s logits")
        return
    judged = 1 / (1 + np.exp(-one.logits))
    # Where neither has any mass every D is as good, and the estimate of g is wrong.
    known = p + g > 0.02 * (p + g).max()
    best = np.where(known, p / np.where(known, p + g, 1), math.nan)
    axes.plot(x, best, color="0.45", linewidth=1, label="best D, D* = p/(p + g)")
    axes.plot(one.at, judged, color=drawing.JUDGED, linestyle="--", linewidth=1.8, label="D")
    axes.axhline(0.5, color="0.85", linewidth=0.8, zorder=0)
    axes.set(ylim=(0, 1.05), yticks=[0, 0.5, 1])


def _draw_map(axes: Any, one: State, limits: tuple[float, float]) -> None:
    from matplotlib.patches import ConnectionPatch

    starts = limits[0] + one.shares * (limits[1] - limits[0])
    for start, end in zip(starts, one.mapped, strict=True):
        if limits[0] <= end <= limits[1]:
            axes.add_patch(
                ConnectionPatch(
                    (start, 0.03), (end, 0.97), "data", "data", arrowstyle="->", color="0.25",
                    linewidth=0.9, mutation_scale=8, shrinkA=0, shrinkB=0,
                )
            )  # fmt: skip
    for height in (0, 1):
        axes.plot(limits, [height, height], color="0.15", linewidth=1)
    axes.spines[:].set_visible(False)
    axes.set(ylim=(-0.08, 1.08), xlabel="x")
    axes.tick_params(left=False, labelsize="small")
