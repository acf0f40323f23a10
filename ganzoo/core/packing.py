"""PacGAN: a discriminator that sees several samples at once notices a lack of variety.

Lin, Khetan, Fanti, Oh 2018, arXiv:1712.04086, section 2: D(x₁, …, x_m) takes m samples of one kind,
all real or all fake, joined along the last axis.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def pack(samples: Any, size: int) -> Any:
    """Rows in groups of `size`, side by side in the last axis: [n, …, c] -> [n // size, …, size·c],
    for a tensor, a nest of them or None; rows that fill no group are left out."""
    if samples is None or size == 1:
        return samples
    return tf.nest.map_structure(lambda x: _pack(x, size), samples)


def packed_shape(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """The shape of one group of samples of `shape`."""
    return (*shape[:-1], shape[-1] * size)


def _pack(x: tf.Tensor, size: int) -> tf.Tensor:
    rows, *inner, last = [s if s is not None else tf.shape(x)[i] for i, s in enumerate(x.shape)]
    groups = rows // size
    x = tf.reshape(x[: groups * size], [groups, size, *inner, last])
    x = tf.transpose(x, [0, *range(2, x.shape.rank - 1), 1, x.shape.rank - 1])
    return tf.reshape(x, [groups, *inner, size * last])
