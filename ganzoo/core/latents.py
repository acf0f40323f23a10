"""Latents to look at: truncated draws, paths between samples, traversals, principal directions.

    gan.sample(16, truncation=0.7)
    path = ganzoo.latents.interpolate(gan, rows=4, steps=8)
    images = ganzoo.latents.sample(gan, path)  # [4, 8, *shape]

A grid of latents is a dict of the generator's inputs by name, each [rows, columns, ...].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy import optimize, stats

from ganzoo.core.inputs import Category, Normal, Uniform
from ganzoo.data.checks import check_int
from ganzoo.foundation.randomness import Noise
from ganzoo.foundation.registry import unknown

if TYPE_CHECKING:
    from ganzoo.core.sampling import Sampling

Inputs = dict[str, np.ndarray]
DIRECTIONS = "directions"
_MOST = 10_000  # rows or columns of a grid
_AT_ONCE = 1024  # derivatives of samples that are in memory together


def draw(gan: Sampling, count: int, seed: int = 0, truncation: float | None = None) -> Inputs:
    """Draws the generator's inputs by name, each [count, ...]. `gan.sample` draws the same.

    Args:
        truncation: normal latents z with |z| > truncation are drawn again, so that samples vary
            less and are more typical. Brock et al. 2019, arXiv:1809.11096, section 3.1. If the
            generator has an input of this name, it is the value of that input instead.

    Raises:
        ValueError: the truncation is not above 0, or there is nothing to truncate.
    """
    gan._check_built("sample")
    check_int("seed", seed, -(2**63), 2**63 - 1)
    drawn = {name: value.numpy() for name, value in gan.draw_latents(count, seed).items()}
    if truncation is None:
        return drawn
    if "truncation" in drawn:
        value = gan._fixed("truncation", truncation, drawn["truncation"])
        return drawn | {"truncation": value}
    number = isinstance(truncation, int | float | np.number) and not isinstance(truncation, bool)
    if not number or not 0 < truncation < math.inf:
        raise ValueError(f"truncation={truncation!r:.200} must be a number above 0.")
    names = _named(gan, Normal, "be truncated")
    noise = Noise(seed, -1)  # a step that no other draw has
    for name in names:
        z = drawn[name]
        # Another draw of the truncated normal, by its inverse distribution function.
        again = stats.truncnorm.ppf(noise.uniform(z.shape).numpy(), -truncation, truncation)
        drawn[name] = np.where(np.abs(z) > truncation, again, z).astype(z.dtype)
    return drawn


def slerp(start: npt.ArrayLike, end: npt.ArrayLike, t: npt.ArrayLike) -> np.ndarray:
    """Interpolates vectors on the arc between them: sin((1−t)Ω)/sin Ω a + sin(tΩ)/sin Ω b.

    a and b are the directions of the ends and Ω is the angle between them, which grows linearly
    with t. The norm changes linearly, so that latents between two normal ones have a norm that G
    has seen. Ends in the same or in opposite directions are joined by a straight line.

    White 2016, arXiv:1609.04468, section 2.1. Deviation: the formula interpolates directions, since
    with ends of different norms it would not turn evenly.

    Args:
        start, end: [..., width].
        t: numbers or one number, 0 at the start and 1 at the end.

    Returns:
        float64 [..., *t.shape, width].
    """
    start, end, t = (np.asarray(x, np.float64) for x in (start, end, t))
    start, end = np.broadcast_arrays(start, end)
    axes = tuple(range(-t.ndim - 1, -1))
    start, end, t = np.expand_dims(start, axes), np.expand_dims(end, axes), t[..., None]
    line = (1 - t) * start + t * end
    norms = [np.linalg.norm(x, axis=-1, keepdims=True) for x in (start, end)]
    safe = [np.where(norm > 0, norm, 1.0) for norm in norms]
    a, b = start / safe[0], end / safe[1]
    angle = np.arccos(np.clip(np.sum(a * b, axis=-1, keepdims=True), -1, 1))
    sine = np.sin(angle)
    bent = (sine > 1e-6) & (norms[0] > 0) & (norms[1] > 0)
    sine = np.where(bent, sine, 1.0)
    arc = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / sine
    return np.where(bent, ((1 - t) * norms[0] + t * norms[1]) * arc, line)


def interpolate(
    gan: Sampling, rows: int = 8, steps: int = 8, seed: int = 0, truncation: float | None = None
) -> Inputs:
    """A grid of latents whose rows lead from one draw to another, [rows, steps, ...].

    Normal latents follow the arc (see `slerp`), uniform codes a straight line. The classes and all
    other inputs of a row are those of its start.

    Args:
        rows: number of paths, each between two draws of its own.
        steps: latents in each row, both ends included.
        truncation: of the ends, see `draw`.

    Raises:
        ValueError: the generator has no such latents.
    """
    rows, steps = check_int("rows", rows, 1, _MOST), check_int("steps", steps, 2, _MOST)
    moving = _named(gan, (Normal, Uniform), "be interpolated")
    drawn, t = draw(gan, 2 * rows, seed, truncation), np.linspace(0, 1, steps)
    grid = {}
    for name, value in drawn.items():
        start, end = value[:rows], value[rows:]
        if name not in moving:
            grid[name] = np.repeat(start[:, None], steps, axis=1)
        elif isinstance(gan.inputs[name], Normal):
            grid[name] = slerp(start, end, t).astype(value.dtype)
        else:
            along = t[:, None].astype(value.dtype)
            grid[name] = (1 - along) * start[:, None] + along * end[:, None]
    return grid


def traverse(
    gan: Sampling,
    name: str,
    rows: int = 8,
    steps: int = 8,
    seed: int = 0,
    truncation: float | None = None,
) -> Inputs:
    """A grid of latents in whose rows one input takes several values while the others are fixed.

        traverse(infogan, "category")  # a column for each category, a draw of the others per row
        traverse(infogan, "code")      # a row for each code, the same draw of the others in all
        traverse(infogan, "code:1")    # one code, a draw of the others per row
        traverse(lsgan, "directions")  # principal directions of the latents, see `directions`

    Args:
        name: an input of the generator, "directions", or one of them with a place from 0.
        rows: number of rows; without a place at most as many as the input is wide.
        steps: values of a code from −1 to 1, or of a normal latent from −2 to 2. A class takes all
            its values.
        truncation: of what is drawn, see `draw`.

    Raises:
        ValueError: the generator has no such input, or it can't be varied.
    """
    rows, steps = check_int("rows", rows, 1, _MOST), check_int("steps", steps, 2, _MOST)
    key, place = _place(gan, name)
    chosen = gan.inputs[key]
    if isinstance(chosen, Category):
        values = np.arange(chosen.classes, dtype=np.int32)
        drawn = draw(gan, rows, seed, truncation)
        grid = {k: np.repeat(v[:, None], len(values), axis=1) for k, v in drawn.items()}
        return grid | {key: np.tile(values, (rows, 1))}
    width = int(gan.latent_spec[key].shape[-1])
    vectors = directions(gan, key).vectors if name.startswith(DIRECTIONS) else np.eye(width)
    rows = min(rows, width) if place is None else rows
    drawn = draw(gan, 1 if place is None else rows, seed, truncation)
    grid = {
        k: np.repeat(np.broadcast_to(v, (rows, *v.shape[1:]))[:, None], steps, axis=1)
        for k, v in drawn.items()
    }
    along = vectors[np.arange(rows) if place is None else np.full(rows, place)]
    most = 1.0 if isinstance(chosen, Uniform) else 2.0
    now = np.sum(grid[key] * along[:, None], axis=-1, keepdims=True)
    wanted = np.linspace(-most, most, steps)[:, None]
    grid[key] = (grid[key] + (wanted - now) * along[:, None]).astype(drawn[key].dtype)
    return grid


def sample(gan: Sampling, grid: Mapping[str, npt.ArrayLike]) -> np.ndarray:
    """The samples of a grid of latents, [rows, columns, *shape], in the units of the data."""
    flat, (rows, columns) = flattened(grid)
    samples = np.asarray(gan.sample(rows * columns, **flat))
    return samples.reshape(rows, columns, *samples.shape[1:])


def flattened(grid: Mapping[str, npt.ArrayLike]) -> tuple[dict[str, Any], tuple[int, int]]:
    """A grid as inputs of `gan.sample`, each [rows · columns, ...], and (rows, columns)."""
    arrays = {name: np.asarray(value) for name, value in grid.items()}
    rows, columns = next(iter(arrays.values())).shape[:2]
    return {k: v.reshape(-1, *v.shape[2:]) for k, v in arrays.items()}, (rows, columns)


class Directions(NamedTuple):
    """Principal directions of the effect of latents.

    Attributes:
        vectors: float64 [width, width]; the rows are orthonormal, that of the largest effect first.
        effects: float64 [width]; how far samples move in network units (root mean square over
            latents) for each unit along a direction.
    """

    vectors: np.ndarray
    effects: np.ndarray


def directions(gan: Sampling, name: str = "latent", samples: int = 64, seed: int = 0) -> Directions:
    """The principal directions of the effect of latents: eigenvectors of E JᵀJ, J = ∂G(z)/∂z.

    Wang, Ponce 2021, arXiv:2101.06006, section 2, with the squared distance of samples. For a
    linear G they are its right singular vectors, and the effects its singular values.

    Args:
        name: a normal or uniform input of the generator.
        samples: number of latents z over which JᵀJ is averaged.

    Raises:
        ValueError: the generator has no such input.
    """
    moving = _named(gan, (Normal, Uniform), "have directions")
    if name not in moving:
        raise ValueError(unknown(f"normal or uniform input of {gan.registry_name}", name, moving))
    drawn = draw(gan, check_int("samples", samples, 1), seed)
    width = drawn[name].shape[-1]
    derivative = tf.function(_derivative, autograph=False)
    each, total = max(1, _AT_ONCE // width), np.zeros((width, width))
    for first in range(0, samples, each):
        batch = {k: v[first : first + each] for k, v in drawn.items()}
        count = len(batch[name])
        tiled = {k: tf.constant(np.repeat(v, width, axis=0)) for k, v in batch.items()}
        along = tf.constant(np.tile(np.eye(width, dtype=np.float32), (count, 1)))
        moves = derivative(gan, tiled, name, along).numpy().reshape(count, width, -1)
        total += np.einsum("nid,njd->ij", moves, moves, dtype=np.float64)
    values, vectors = np.linalg.eigh(total / samples)
    vectors = vectors.T[::-1]
    # An eigenvector has no sign of its own: its largest component is positive here.
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], axis=1)
    return Directions(vectors * np.sign(largest), np.sqrt(np.maximum(values[::-1], 0)))


def _derivative(gan: Any, inputs: dict[str, tf.Tensor], name: str, along: tf.Tensor) -> tf.Tensor:
    """∂G(z)/∂z·v for each sample, [batch, *shape], by two backward passes: the first is linear in
    the weights u of the samples, and the second differentiates it by u."""
    z = inputs[name]
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(z)
            made = gan.generate(inputs | {name: z})[gan.output_name]
        u = tf.zeros_like(made)
        outer.watch(u)
        pulled = inner.gradient(made, z, output_gradients=u, unconnected_gradients="zero")
    return outer.gradient(pulled, u, output_gradients=along, unconnected_gradients="zero")


def invert(
    gan: Sampling,
    x: np.ndarray,
    inputs: Mapping[str, np.ndarray],
    *,
    steps: int,
    batch_size: int,
) -> np.ndarray:
    """Searches for latents z with the smallest ‖G(z) − x‖², see `gan.encode`; float32 [N, width].

    Args:
        x: samples in network units, [N, *shape].
        inputs: the generator's inputs by name, each [N, ...]. The search starts at "latent", and
            the others stay.
        steps: of L-BFGS, at most.
        batch_size: samples whose latents are found together.
    """

    def error(
        z: tf.Tensor, x: tf.Tensor, fixed: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(z)
            made = gan.generate(fixed | {"latent": z})[gan.output_name]
            # float64, because the line search compares sums that are almost equal
            total = tf.reduce_sum(tf.square(tf.cast(made - x, tf.float64)))
        return total, tape.gradient(total, z)

    error = tf.function(error, autograph=False, reduce_retracing=True)

    def search(x: tf.Tensor, start: np.ndarray, fixed: dict[str, tf.Tensor]) -> np.ndarray:
        def flat(z: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = error(tf.constant(z.reshape(start.shape), tf.float32), x, fixed)
            return float(value), gradient.numpy().ravel().astype(np.float64)

        options = {"maxiter": steps, "maxfun": 20 * steps, "ftol": 0.0, "gtol": 0.0}
        found = optimize.minimize(flat, start.ravel(), jac=True, method="L-BFGS-B", options=options)
        return found.x.reshape(start.shape).astype(np.float32)

    parts = []
    for first in range(0, len(x), batch_size):
        batch = {k: v[first : first + batch_size] for k, v in inputs.items()}
        start = batch.pop("latent")
        fixed = {k: tf.constant(v) for k, v in batch.items()}
        parts.append(search(tf.constant(x[first : first + batch_size]), start, fixed))
    return np.concatenate(parts)


def _named(gan: Sampling, kinds: Any, what: str) -> list[str]:
    """The names of the inputs of these kinds.

    Raises:
        ValueError: there are none.
    """
    gan._check_built("sample")
    names = [name for name, x in gan.inputs.items() if isinstance(x, kinds)]
    if not names:
        raise ValueError(
            f"{gan.registry_name} has no latents that can {what}: its generator is given "
            f"{', '.join(gan.inputs)}."
        )
    return names


def varied(gan: Sampling, name: str | None = None) -> list[str]:
    """The inputs that `traverse(gan, name)` varies or, without a name, those of `interpolate`."""
    return [_place(gan, name)[0]] if name else _named(gan, (Normal, Uniform), "be interpolated")


def _place(gan: Sampling, name: str) -> tuple[str, int | None]:
    """The input and the place that a name of `traverse` stands for."""
    names = _named(gan, (Normal, Uniform, Category), "be traversed")
    vectors = [key for key in names if not isinstance(gan.inputs[key], Category)]
    key, colon, text = str(name).partition(":")
    known = [*names, *[DIRECTIONS] * ("latent" in vectors)]
    if key not in known:
        raise ValueError(unknown(f"input of {gan.registry_name} to vary", key, known))
    key = "latent" if key == DIRECTIONS else key
    if not colon:
        return key, None
    if key not in vectors:
        raise ValueError(f"{name}: {key} is one number and has no places, leave out :{text}.")
    width = int(gan.latent_spec[key].shape[-1])
    if not text.isdecimal() or int(text) >= width:
        raise ValueError(f"{name}: the places of {key} are 0 to {width - 1}.")
    return key, int(text)
