"""Grids of images with named rows and columns: walks between latents, traversals of codes,
classes, and the nearest training samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors

from ganzoo.core import latents
from ganzoo.core.inputs import Category, Uniform
from ganzoo.reporting import drawing, plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = 0.62  # inches of the longer side of an image


def labelled(
    grid: npt.ArrayLike,
    value_range: tuple[float, float] | None = None,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    gap_after: int | None = None,
) -> Figure:
    """The figure of a grid of images.

    Args:
        grid: [rows, columns, height, width, channels], uint8 or numbers in `value_range`.
        value_range: the values of black and white; needed unless the images are uint8.
        rows, columns: their names, left of the rows and above the columns.
        gap_after: the column after which a wider gap is left.

    Raises:
        ValueError: it is no grid of images.
    """
    grid = np.asarray(grid)
    if grid.ndim != 5 or not grid.size:
        raise ValueError(
            f"the grid has shape {grid.shape}: it must be (rows, columns, height, width, C)."
        )
    down, across, height, width = grid.shape[:4]
    shown = plots.pixels(grid.reshape(-1, *grid.shape[2:]), value_range)
    shown = shown.reshape(down, across, *shown.shape[1:])
    gap = max(1, round(0.06 * max(height, width)))
    wide = 4 * gap
    tall = down * (height + gap) - gap
    long = across * (width + gap) - gap + (wide if gap_after else 0)
    sheet = np.full((tall, long, shown.shape[-1]), 255, np.uint8)
    left = [
        n * (width + gap) + (wide if gap_after and n >= gap_after else 0) for n in range(across)
    ]
    for row in range(down):
        top = row * (height + gap)
        for column in range(across):
            where = np.s_[top : top + height, left[column] : left[column] + width]
            sheet[where] = shown[row, column]
    scale = CELL / max(height, width)
    words = 0.09 * max((len(name) for name in rows), default=0)
    size = (max(2.5, long * scale + words + 0.2), tall * scale + (0.3 if columns else 0.1))
    figure, axes = drawing.new(1, 1, size)
    axes.imshow(sheet.squeeze(-1) if sheet.shape[-1] == 1 else sheet, cmap="gray", vmin=0, vmax=255)
    axes.tick_params(length=0, labelsize="small", labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    middle = [x + (width - 1) / 2 for x in left]
    axes.set_xticks(middle[: len(columns)], columns)
    axes.set_yticks([n * (height + gap) + (height - 1) / 2 for n in range(len(rows))], rows)
    return figure


def interpolation(gan: Any, rows: int = 5, steps: int = 9, seed: int = 0) -> Figure:
    """The figure in which each row leads from one sample to another, along the arc between their
    latents; see `ganzoo.latents.interpolate`.

    Raises:
        ValueError: the GAN has no such latents, or makes no images.
    """
    _check_images(gan)
    walk = latents.sample(gan, latents.interpolate(gan, rows, steps, seed))
    names = [f"{t:.3g}" for t in np.linspace(0, 1, steps)] if steps <= 9 else []
    return labelled(walk, gan.spec.value_range, columns=names)


def traversal(gan: Any, name: str, rows: int = 4, steps: int = 9, seed: int = 0) -> Figure:
    """The figure in whose rows one input takes several values while all others are fixed; see
    `ganzoo.latents.traverse`. A code of several numbers has a row for each of them.

    Raises:
        ValueError: the GAN has no such input, or makes no images.
    """
    _check_images(gan)
    (key,) = latents.varied(gan, name)
    chosen = gan.inputs[key]
    grid = latents.traverse(gan, name, rows, steps, seed)
    samples = latents.sample(gan, grid)
    if isinstance(chosen, Category):
        names = [str(n) for n in range(samples.shape[1])]
        return labelled(samples, gan.spec.value_range, columns=names)
    most = 1 if isinstance(chosen, Uniform) else 2
    columns = [f"{value:.3g}" for value in np.linspace(-most, most, steps)]
    several = ":" not in name
    word = name if name.startswith(latents.DIRECTIONS) else key
    left = [f"{word}:{n}" for n in range(len(samples))] if several else []
    return labelled(samples, gan.spec.value_range, rows=left, columns=columns)


def traversable(gan: Any) -> list[str]:
    """The inputs that a report shows a traversal of: codes and categories beside the latents, but
    not the label, which has `classes`."""
    kinds = Uniform | Category
    return [name for name, x in gan.inputs.items() if isinstance(x, kinds) and name != "label"]


def classes(gan: Any, columns: int = 8, seed: int = 0, most: int = 20) -> Figure:
    """The figure with a row for each class, in which all classes have the same latents.

    Args:
        most: at most so many classes are shown.

    Raises:
        ValueError: the generator isn't told the class, or makes no images.
    """
    _check_images(gan)
    if "label" not in gan.latent_spec:
        raise ValueError(f"the generator of {gan.registry_name} is not told the class.")
    names = list(gan.fields["label"].class_names or map(str, range(gan.latent_classes("label"))))
    names = names[:most]
    drawn = latents.draw(gan, columns, seed)
    grid = {key: np.repeat(value[None], len(names), axis=0) for key, value in drawn.items()}
    grid["label"] = np.repeat(np.arange(len(names), dtype=np.int32)[:, None], columns, axis=1)
    return labelled(latents.sample(gan, grid), gan.spec.value_range, rows=names)


def nearest(gan: Any, train: npt.ArrayLike, count: int = 6, k: int = 5, seed: int = 0) -> Figure:
    """The figure with a sample in each row, and its nearest training samples by the distance of
    pixels, the nearest first. A generator that copies training samples shows it here.

    Args:
        train: training samples in the units of the data, [N, *shape].
        count: number of samples.
        k: number of training samples for each.

    Raises:
        ValueError: the GAN makes no images, or the training samples don't fit it.
    """
    _check_images(gan)
    train = np.asarray(train)
    if train.shape[1:] != gan.spec.shape:
        raise ValueError(
            f"training samples have shape {train.shape}, and {gan.registry_name} learned "
            f"(N, {', '.join(map(str, gan.spec.shape))})."
        )
    made = np.asarray(gan.sample(count, seed))
    flat = [x.reshape(len(x), -1).astype(np.float32) for x in (train, made)]
    k = min(k, len(train))
    found = NearestNeighbors(n_neighbors=k).fit(flat[0]).kneighbors(flat[1], return_distance=False)
    grid = np.concatenate([made[:, None], train[found]], axis=1)
    names = ["sample", *(f"{n}." for n in range(1, k + 1))]
    return labelled(grid, gan.spec.value_range, columns=names, gap_after=1)


def _check_images(gan: Any) -> None:
    gan._check_built("be drawn")
    if not gan.spec.is_image:
        raise ValueError(
            f"{gan.registry_name} generates {gan.spec.kind}, and this picture shows images."
        )
