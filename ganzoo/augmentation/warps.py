"""Warps of images by `tf.gather`, whose first and second derivatives are exact.

A warp is linear in the image, and the gradient of a gather is its exact adjoint. The gradients of
TensorFlow's `ImageProjectiveTransformV3` are not.
"""

from __future__ import annotations

import tensorflow as tf


def translate(images: tf.Tensor, down: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Moves each image by whole pixels. What comes in from outside is 0.

    Args:
        images: float32 [batch, H, W, C].
        down, right: int32 [batch], how many rows and columns each image is moved by.
    """
    for axis, by in ((1, down), (2, right)):
        size = images.shape[axis]
        places = tf.range(size) - by[:, None]
        # A row of zeros is added on both sides, and all places outside are read there.
        padding = [[1, 1] if axis == i else [0, 0] for i in range(4)]
        places = tf.clip_by_value(places + 1, 0, size + 1)
        images = tf.gather(tf.pad(images, padding), places, axis=axis, batch_dims=1)
    return images


def affine(images: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """Reads each image at affinely mapped places, with bilinear interpolation. Outside of the image
    it is continued by its mirror image.

    Args:
        images: float32 [batch, H, W, C].
        matrices: float32 [batch, 3, 3], which map (column, row, 1) of the output to (column, row,
            1) of the input, in pixels from the middle of the image.
    """
    height, width, channels = images.shape[1:]
    half = tf.constant([(width - 1) / 2, (height - 1) / 2])
    rows, columns = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
    grid = tf.cast(tf.reshape(tf.stack([columns, rows], -1), [-1, 2]), tf.float32) - half
    places = tf.einsum("bij,pj->bpi", matrices[:, :2, :2], grid)
    places += matrices[:, None, :2, 2] + half
    low = tf.floor(places)
    part = places - low
    corners = tf.constant([[0, 0], [1, 0], [0, 1], [1, 1]])
    weights = tf.where(corners == 1, part[:, :, None], 1.0 - part[:, :, None])
    x, y = tf.unstack(tf.cast(low, tf.int32)[:, :, None] + corners, axis=-1)
    places = _mirrored(y, height) * width + _mirrored(x, width)
    flat = tf.reshape(images, [-1, height * width, channels])
    # One gather of all corners: four would give a sum of four gradients, whose order may vary.
    values = tf.gather(flat, places, axis=1, batch_dims=1)
    values = tf.reduce_sum(tf.reduce_prod(weights, -1, keepdims=True) * values, axis=2)
    return tf.reshape(values, tf.shape(images))


def _mirrored(places: tf.Tensor, size: int) -> tf.Tensor:
    """Returns places within 0 to size − 1; the first and the last one are mirrors."""
    period = max(2 * (size - 1), 1)
    places = tf.math.floormod(places, period)
    return tf.minimum(places, period - places) if size > 1 else places
