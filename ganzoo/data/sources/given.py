"""Pictures for a generator that maps them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganzoo.data.checks import clear_errors
from ganzoo.data.fields import Field
from ganzoo.data.sources.folder import pictures, records_of
from ganzoo.data.sources.pictures import Change


def pictures_for(
    field: Field, path: str | os.PathLike, *, fit: str = "crop", count: int | None = None
) -> np.ndarray:
    """A picture, or those of a folder in alphabetical order, as samples of a field: in its size,
    its channels (1 or 3), its units and its dtype, [N, height, width, channels].

        sources = ganzoo.data.pictures_for(gan.fields["source"], "photographs")
        gan.sample(source=sources)

    Args:
        fit: how pictures of other proportions get that size, see `ganzoo.data.load`.
        count: at most so many are read.

    Raises:
        ValueError: the field holds no pictures, or the files can't be read.
    """
    path = Path(path)
    if not field.is_image or field.shape[-1] not in (1, 3):
        raise ValueError(
            f"pictures are grey or have three channels, but the GAN learned samples of shape "
            f"{field.shape}: pass an array."
        )
    if not path.exists():
        raise ValueError(f"{path} doesn't exist: name a picture or a folder of pictures.")
    files = pictures(path)[0] if path.is_dir() else [str(path)]
    change = Change(field.shape[:2], fit)
    records = records_of(files[:count], change, None, channels=field.shape[-1])
    with clear_errors():
        found = records.read(tf.range(records.count, dtype=tf.int64))["image"].numpy()
    return field.decode(found.astype("float32") / 127.5 - 1)
