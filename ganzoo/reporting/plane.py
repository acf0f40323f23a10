"""Two-dimensional data: samples over the true density, the discriminator's surface, and the
direction in which the generator's loss moves samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ganzoo.core.gan import GAN
from ganzoo.losses import objectives
from ganzoo.reporting import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 160  # of the grid on which densities and logits are computed, on each side
ARROWS = 19
SAMPLES = 2000
SIZE = (4.3, 4.5)  # inches


def samples(
    gan: Any, real: npt.ArrayLike, *, mixture: Any = None, count: int = SAMPLES, seed: int = 0
) -> Figure:
    """The figure of samples over the density of the data.

    Args:
        real: points of the data, [N, 2], in the units of the data.
        mixture: the true density, a `ganzoo.data.toys.Mixture`; else the points are shown.

    Raises:
        ValueError: the data aren't two-dimensional.
    """
    _check(gan)
    real = np.asarray(real, np.float64)
    box = _box(real)
    made, axes = drawing.new(1, 1, SIZE)
    if mixture is None:
        axes.plot(*real[:SAMPLES].T, "o", color="0.8", markersize=4, label="data", zorder=0)
    else:
        # The root shows thin tails beside sharp peaks.
        density = np.exp(0.5 * mixture.log_density(_grid(box, POINTS)[1])).reshape(POINTS, POINTS)
        axes.imshow(
            density, extent=(*box[0], *box[1]), origin="lower", cmap="Greys", aspect="auto",
            vmax=1.6 * density.max(), interpolation="bilinear",
        )  # fmt: skip
        axes.plot([], [], "s", color="0.6", label="density of the data")
    fake = np.asarray(gan.sample(count, seed), np.float64)
    axes.scatter(*fake.T, s=4, color=drawing.FAKE, linewidths=0, alpha=0.7)
    axes.plot([], [], ".", color=drawing.FAKE, markersize=8, label="samples")
    if mixture is not None:  # sharp modes are hardly seen below many samples
        axes.plot(*mixture.means.T, "o", color="k", fillstyle="none", markersize=9, label="modes")
    _frame(made, axes, box)
    return made


def discriminator(gan: Any, real: npt.ArrayLike, *, count: int = 400, seed: int = 0) -> Figure:
    """The figure of D's logits around the data, with samples and with arrows along which G's loss
    moves a sample.

    Arrows show −∂L_G/∂x; for relativistic objectives, whose loss compares samples, ∂D/∂x. Their
    lengths are relative to the 90% quantile of this picture, and longer ones are cut.

    Args:
        real: points of the data, [N, 2], in the units of the data.

    Raises:
        ValueError: the data aren't two-dimensional, or D doesn't judge single samples.
    """
    _check(gan)
    if reason := why_unjudged(gan):
        raise ValueError(f"{reason}, so that its outputs can’t be drawn over points.")
    box = _box(np.asarray(real, np.float64))
    made, axes = drawing.new(1, 1, SIZE)
    line, points = _grid(box, POINTS)
    surface = logits(gan, points).reshape(POINTS, POINTS)
    low, high = np.quantile(surface, (0.005, 0.995))
    if not high > low:  # a constant D
        low, high = low - 1, high + 1
    levels = np.linspace(low, high, 13)
    filled = axes.contourf(*line, surface, levels, cmap="Greys_r", extend="both", alpha=0.75)
    if surface.min() < 0 < surface.max():
        axes.contour(*line, surface, [0.0], colors=drawing.JUDGED, linewidths=1.8)
        axes.plot([], [], color=drawing.JUDGED, label="logits 0")
    axes.scatter(*np.asarray(gan.sample(count, seed)).T, s=3, color=drawing.FAKE, linewidths=0)
    axes.plot([], [], ".", color=drawing.FAKE, markersize=8, label="samples")
    _, points = _grid(box, ARROWS)
    arrows = pull(gan, points)
    lengths = np.linalg.norm(arrows, axis=1, keepdims=True)
    usual = np.quantile(lengths, 0.9)
    if usual > 0:
        axes.quiver(
            *points.T, *(arrows / np.maximum(lengths, usual)).T, color=drawing.MARK, pivot="tail",
            angles="xy", scale=ARROWS / 1.1, width=0.004, headwidth=4,
        )  # fmt: skip
        axes.plot([], [], color=drawing.MARK, marker=">", label="pull on samples")
    bar = made.colorbar(filled, ax=axes, shrink=0.8, pad=0.02)
    bar.ax.tick_params(labelsize="small")
    _frame(made, axes, box)
    return made


def why_unjudged(gan: Any) -> str | None:
    """The reason why D has no output for a single sample, which could be drawn; else None."""
    if gan.packing > 1:
        return f"the discriminator of {gan.registry_name} judges {gan.packing} samples together"
    own = any(getattr(type(gan), hook) is not getattr(GAN, hook) for hook in ("real", "fake"))
    if own or len(gan.discriminator.inputs) > 1:
        return f"the discriminator of {gan.registry_name} doesn't judge samples alone"
    return None


def logits(gan: Any, points: npt.ArrayLike) -> np.ndarray:
    """D's logits at points in the units of the data: [N, *shape] -> float64 [N]."""
    x = gan.spec.encode(np.asarray(points, gan.spec.dtype))
    found = gan.discriminate(x, None, training=False)["logits"]
    return np.asarray(found, np.float64).reshape(len(x), -1).mean(axis=1)


def pull(gan: Any, points: npt.ArrayLike) -> np.ndarray:
    """−∂L_G/∂x at points in the units of the data, or ∂D/∂x for relativistic objectives: the
    direction in which the objective moves G's samples, float64 [N, *shape]. Further terms that a
    game adds to L_G are left out."""
    objective = objectives.get(gan.objective)
    x = tf.convert_to_tensor(gan.spec.encode(np.asarray(points, gan.spec.dtype)))
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = gan.discriminate(x, None, training=False)["logits"]
        loss = (
            -tf.reduce_mean(found) if objective.relativistic else objective.generator(None, found)
        )
    moved = tape.gradient(loss, x, unconnected_gradients="zero").numpy().astype(np.float64)
    # Data units for network units: the arrow of a step along this gradient.
    scale = gan.spec.decode_tensor(np.ones_like(moved)) - gan.spec.decode_tensor(0.0 * moved)
    return -moved * scale.numpy() * len(moved)


def _check(gan: Any) -> None:
    gan._check_built("be drawn")
    if gan.spec.shape != (2,):
        raise ValueError(
            f"{gan.registry_name} generates samples of shape {gan.spec.shape}, and this picture "
            "shows points of two features."
        )


def _frame(made: Figure, axes: Any, box: np.ndarray) -> None:
    axes.set(xlim=box[0], ylim=box[1], box_aspect=1)
    axes.tick_params(labelsize="small")
    made.legend(loc="outside lower center", ncols=3, frameon=False, fontsize="small")


def _box(real: np.ndarray) -> np.ndarray:
    """The limits of both axes, [[x0, x1], [y0, y1]]: a square around the data."""
    low, high = np.nanmin(real, axis=0), np.nanmax(real, axis=0)
    half = max(0.62 * float(np.max(high - low)), 1e-6)
    middle = (low + high) / 2
    return np.stack([middle - half, middle + half], axis=1)


def _grid(box: np.ndarray, count: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Both axes, [count] each, and all points [count², 2], row by row."""
    axes = [np.linspace(low, high, count) for low, high in box]
    return axes, np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
