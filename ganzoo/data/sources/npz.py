"""Arrays of a NumPy archive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from ganzoo.data.checks import check_dtype

_KEYS = (
    ("x", "y"),
    ("image", "label"),
    ("series", "label"),
    ("images", "labels"),
    ("x_train", "y_train"),
)


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an archive by name. Raises ValueError if it holds anything else."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
    except Exception as error:  # zipfile, zlib and NumPy have errors of their own
        reason = str(error).split("\n")[0].rstrip(".")
        if "pickle" in reason:  # NumPy's own advice is to run what is in it
            reason = "it is no archive, or holds Python objects"
        elif "context manager" in reason:
            reason = "it is a single array, write it with np.savez(path, x=array)"
        raise ValueError(f"{path} can't be read as .npz of plain arrays: {reason}.") from error
    if foreign := [key for key, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise ValueError(f"{path} holds {foreign[0]}, which is no array: write it with np.savez.")
    return arrays


def npz(path: Path) -> tuple[tf.data.Dataset, None]:
    arrays = arrays_of(path)
    pairs = [pair for pair in _KEYS if pair[0] in arrays]
    if not pairs and len(arrays) != 1:
        wanted = " or ".join(map("/".join, _KEYS))
        there = f"the arrays {', '.join(arrays)}" if arrays else "no arrays"
        raise ValueError(f"{path} holds {there}: name them {wanted}.")
    x_key, y_key = pairs[0] if pairs else (next(iter(arrays)), None)
    x, y = arrays[x_key], None if y_key is None else arrays.get(y_key)
    if x.ndim not in (2, 3, 4) or (y is not None and x.shape[:1] != y.shape[:1]):
        shapes = f"{x_key} {x.shape}" + ("" if y is None else f" and {y_key} {y.shape}")
        raise ValueError(
            f"{path} holds {shapes}: images are (N, height, width, channels), vectors (N,"
            " features), series (N, time, features), labels (N,)."
        )
    for key, array in ((x_key, x), (y_key, y)):
        if array is not None and (array.dtype.kind not in "SU" or array is x):
            check_dtype(array.dtype, f"{key} in {path}")
    is_series = x_key == "series"
    if is_series and x.ndim != 3:
        raise ValueError(f"{path} holds series {x.shape}: series are (N, time, features).")
    if x.ndim == 3 and not is_series:  # grey images, as in keras.datasets.mnist
        x = x[..., None]
    columns = {"series" if is_series else "image" if x.ndim == 4 else "vector": x} | (
        {} if y is None else {"label": y}
    )
    return tf.data.Dataset.from_tensor_slices(columns), None
