"""Animations, as WebP files that every browser plays."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ganzoo.foundation.files import replacing
from ganzoo.reporting import plots

BAR = 4  # pixels of the bar below each frame that shows how far training is
LAST = 3  # times as long as the others the last frame is shown


def webp(frames: Sequence[Image.Image], milliseconds: int = 400, bar: bool = True) -> bytes:
    """The frames as the bytes of an animated WebP file, which repeats without end.

    Args:
        frames: pictures of one size, at least two.
        milliseconds: how long a frame is shown; the last one three times as long.
        bar: whether a bar below each frame grows from the first frame to the last.

    Raises:
        ValueError: there are fewer than two frames, or their sizes differ.
    """
    if len(frames) < 2:
        raise ValueError(f"an animation needs at least 2 frames, and there are {len(frames)}.")
    if len({frame.size for frame in frames}) > 1:
        raise ValueError("the frames of an animation must have one size.")
    shown = [frame.convert("RGB") for frame in frames]
    if bar:
        shown = [_with_bar(frame, (n + 1) / len(shown)) for n, frame in enumerate(shown)]
    times = [milliseconds] * (len(shown) - 1) + [LAST * milliseconds]
    with io.BytesIO() as file:
        shown[0].save(
            file, "WEBP", save_all=True, append_images=shown[1:], duration=times, loop=0,
            quality=70,
        )  # fmt: skip
        return file.getvalue()


def save(frames: Sequence[Image.Image], path: str | os.PathLike, milliseconds: int = 400) -> None:
    """Writes an animated WebP, whole or not at all; see `webp`.

    Raises:
        ValueError: as `webp` raises it, or the path doesn't end in .webp.
    """
    if Path(path).suffix != ".webp":
        raise ValueError(f"{path} must end in .webp, the format of animations.")
    content = webp(frames, milliseconds)
    with replacing(path) as draft:
        draft.write_bytes(content)


def of_pictures(paths: Sequence[Path], most: int = 60) -> bytes | None:
    """The animation of pictures in files, such as those of `callbacks.SamplePictures`, in the order
    of their names; None if there are fewer than two of one size.

    Args:
        paths: PNG files. Of more than `most`, so many are shown, at equal distances.

    Raises:
        ValueError: a file can't be read as a picture.
    """
    paths = sorted(paths)
    if len(paths) > most:
        paths = [paths[n] for n in np.linspace(0, len(paths) - 1, most).round().astype(int)]
    frames = [plots.opened(path).convert("RGB") for path in paths]
    frames = [frame for frame in frames if frame.size == frames[-1].size]
    return webp(frames) if len(frames) > 1 else None


def _with_bar(frame: Image.Image, share: float) -> Image.Image:
    framed = Image.new("RGB", (frame.width, frame.height + 2 * BAR), "white")
    framed.paste(frame)
    top = frame.height + BAR
    draw = ImageDraw.Draw(framed)
    draw.rectangle((0, top, frame.width, top + BAR), fill=(225, 225, 225))
    draw.rectangle((0, top, round(share * frame.width) - 1, top + BAR), fill=(70, 70, 70))
    return framed
