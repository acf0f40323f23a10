"""Pictures of samples and losses, as PNG files that are written atomically."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ganzoo.foundation.files import replacing
from ganzoo.reporting import curves, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

WIDTH = 400  # the least width of a sheet in pixels, so that 8×8 digits are visible
GAP = 2
POINTS = 2048  # the least number of vectors shown: 64 points would show no modes
HISTOGRAMS = 16
SERIES, STEPS = 16, 256  # how many series are shown, and how many of their first steps


def contact_sheet(
    images: npt.ArrayLike,
    columns: int | None = None,
    *,
    value_range: tuple[float, float] | None = None,
) -> np.ndarray:
    """One image with all images in a grid, uint8 [height, width, 1 or 3].

    Small images are enlarged by a whole factor until the grid is at least 400 pixels wide. Images
    of two channels show the first one; images of more than three show the first three.

    Args:
        images: [N, height, width, channels], uint8 or numbers in `value_range`.
        columns: images per row; by default the grid is about square.
        value_range: the values of black and white; needed unless the images are uint8.

    Raises:
        ValueError: there are no images, or the range of their values is unknown.
    """
    images = np.asarray(images)
    if images.ndim != 4 or not images.size:
        raise ValueError(f"images have shape {images.shape}: they must be (N, height, width, C).")
    shown = pixels(images, value_range)
    count, height, width, channels = shown.shape
    columns = min(count, columns or math.ceil(math.sqrt(count * height / width)))
    rows = math.ceil(count / columns)
    factor = max(1, math.ceil(WIDTH / (columns * width)))
    height, width = factor * height, factor * width
    sheet = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels), 255)
    for number, image in enumerate(shown):
        top, left = number // columns * (height + GAP), number % columns * (width + GAP)
        enlarged = image.repeat(factor, axis=0).repeat(factor, axis=1)
        sheet[top : top + height, left : left + width] = enlarged
    return sheet.astype(np.uint8)


def pixels(images: np.ndarray, value_range: tuple[float, float] | None) -> np.ndarray:
    """What is shown of images [N, height, width, channels]: uint8 [N, height, width, 1 or 3].

    Raises:
        ValueError: they are not uint8, and the values of black and white are not given.
    """
    images = images[..., : 3 if images.shape[-1] >= 3 else 1]
    if images.dtype == np.uint8 and value_range in (None, (0, 255)):
        return images
    if value_range is None:
        raise ValueError(f"{images.dtype} images need value_range=(black, white).")
    low, high = value_range
    unit = (images.astype(np.float64) - low) / (high - low)
    return np.rint(255 * np.clip(np.nan_to_num(unit), 0, 1)).astype(np.uint8)


def opened(path: Path) -> Image.Image:
    """A picture that ganzoo wrote to a file.

    Raises:
        ValueError: the file can't be read as a picture.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} can't be read: it is no picture as ganzoo wrote it.") from error


def save_samples(
    samples: npt.ArrayLike,
    path: str | os.PathLike,
    *,
    value_range: tuple[float, float] | None = None,
    columns: int | None = None,
    real: npt.ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> None:
    """Writes samples as a PNG: images as a contact sheet, vectors of two features as points, other
    vectors as a histogram of each feature (the first 16), series as lines (the first 16, and of
    each the first 256 steps).

    Args:
        samples: [N, height, width, channels], [N, features] or [N, time, features].
        value_range, columns: of images, see `contact_sheet`.
        real: vectors or series of the data, drawn behind the samples in grey.
        names: of the features, which are then always shown as histograms, without missing numbers.

    Raises:
        ValueError: the samples are neither images nor vectors nor series.
        OSError: the file cannot be written; an existing file stays as it was.
    """
    samples = np.asarray(samples)
    if samples.ndim == 2:
        behind = None if real is None else np.asarray(real, np.float64)
        if names:
            figure = _histograms(samples, behind, names)
        elif samples.shape[1] == 2:
            figure = _points(_finite(samples), None if behind is None else _finite(behind))
        else:
            figure = _histograms(samples, behind)
        drawing.save(figure, path)
        return
    if samples.ndim == 3:
        drawing.save(_lines(samples, None if real is None else np.asarray(real)), path)
        return
    from PIL import Image

    sheet = contact_sheet(samples, columns, value_range=value_range)
    with replacing(path) as draft:
        Image.fromarray(sheet.squeeze(-1) if sheet.shape[-1] == 1 else sheet).save(draft)


def save_history(rows: Sequence[Mapping[str, float]], path: str | os.PathLike) -> None:
    """Writes the logs by epoch as a PNG, with a line for each name.

    Args:
        rows: one mapping per epoch, with `epoch` and the logs; `seconds` is not drawn.
    """
    drawing.save(curves.losses(rows), path, dpi=125)


def save_picture(
    gan: Any,
    path: str | os.PathLike,
    *,
    count: int = 64,
    seed: int = 0,
    real: npt.ArrayLike | Mapping[str, npt.ArrayLike] | None = None,
) -> None:
    """Writes samples of a GAN as a PNG; the same seed shows the same latents.

    If the generator maps given samples, as pix2pix does, these, its outputs and their targets
    stand side by side.

    If the GAN has classes (labels, or InfoGAN's categories), each row shows one class, and all
    classes have the same noise. For vectors at least 2048 samples are drawn. Series are drawn
    without regard to classes.

    Args:
        count: the number of samples, rounded up to whole rows of each class.
        real: vectors or series of the data, drawn behind the samples, or rows of the data by name,
            such as {"source": …, "target": …} for a generator that maps samples.

    Raises:
        ValueError: the generator maps samples, and `real` has none.
    """
    from ganzoo.reporting import mapped

    if gan.given_inputs:
        rows = real if isinstance(real, Mapping) else {}
        mapped.save_mapped(gan, path, rows, count=count, seed=seed)
        return
    if isinstance(real, Mapping):
        real = real.get(gan.output_name)
    if not gan.spec.is_image:
        count = count if gan.spec.is_series else max(count, POINTS)
        samples = gan.spec.as_array(gan.sample(count, seed))
        names = [str(column.name) for column in gan.spec.columns]
        save_samples(samples, path, real=real, names=names)
        return
    samples, columns = _by_class(gan, count, seed)
    save_samples(samples, path, value_range=gan.spec.value_range, columns=columns)


def _by_class(gan: Any, count: int, seed: int) -> tuple[np.ndarray, int | None]:
    name = next((key for key, spec in gan.latent_spec.items() if spec.dtype.is_integer), None)
    if name is None:
        return gan.sample(count, seed), None
    classes = min(gan.latent_classes(name), count)
    each = math.ceil(count / classes)
    columns = min(each, math.ceil(math.sqrt(count)))
    each = columns * math.ceil(each / columns)
    latents = {}
    for key, value in gan.draw_latents(each, seed).items():
        latents[key] = np.tile(value.numpy(), [classes] + [1] * (len(value.shape) - 1))
    latents[name] = np.repeat(np.arange(classes), each)
    return gan.sample(classes * each, **latents), columns if columns > 1 else None


def _finite(vectors: npt.ArrayLike) -> np.ndarray:
    vectors = np.asarray(vectors, np.float64)
    return vectors[np.isfinite(vectors).all(axis=1)]


def _points(samples: np.ndarray, real: np.ndarray | None) -> Figure:
    figure, axes = drawing.new(1, 1, size=(6, 6))
    if real is not None:
        axes.scatter(*real.T, s=40, color="0.75", linewidths=0, label="real")
    axes.scatter(*samples.T, s=4, color="C0", linewidths=0, alpha=0.6, label="generated")
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", markerscale=1.5)
    return figure


def _lines(samples: np.ndarray, real: np.ndarray | None) -> Figure:
    shown, steps = min(len(samples), SERIES), min(samples.shape[1], STEPS)
    columns = math.ceil(math.sqrt(shown))
    rows = math.ceil(shown / columns)
    size = (max(4, 2.2 * columns), max(3, 1.5 * rows))
    figure, axes = drawing.new(rows, columns, size=size, sharex=True, sharey=True, squeeze=False)
    for number, panel in enumerate(np.ravel(axes)):
        if number >= shown:
            panel.axis("off")
            continue
        if real is not None and len(real):
            panel.plot(real[number % len(real), :steps], color="0.75", linewidth=1)
        panel.plot(samples[number, :steps], linewidth=1.2)
        panel.tick_params(labelsize="x-small")
    if steps < samples.shape[1]:
        figure.suptitle(f"the first {steps} of {samples.shape[1]} steps", fontsize="small")
    return figure


def _histograms(
    samples: np.ndarray, real: np.ndarray | None, names: Sequence[str] | None = None
) -> Figure:
    shown = min(samples.shape[1], HISTOGRAMS)
    columns = math.ceil(math.sqrt(shown))
    rows = math.ceil(shown / columns)
    figure, axes = drawing.new(rows, columns, size=(max(4, 2.2 * columns), max(3, 1.8 * rows)))
    for feature, panel in enumerate(np.ravel(axes)):
        if feature >= shown:
            panel.axis("off")
            continue
        both = [samples[:, feature]] + ([] if real is None else [real[:, feature]])
        both = [x[np.isfinite(x)] for x in both]
        bins = np.histogram_bin_edges(np.concatenate(both), 40)
        if real is not None:
            panel.hist(both[1], bins, density=True, color="0.8", label="real")
        panel.hist(both[0], bins, density=True, histtype="step", color="C0", label="generated")
        panel.set_title(names[feature] if names else f"feature {feature}", fontsize="small")
        panel.tick_params(labelsize="x-small")
    np.ravel(axes)[0].legend(fontsize="x-small")
    return figure
