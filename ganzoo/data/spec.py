"""What a model must know of the data it learns, and the way between its units and the user's."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import tensorflow as tf

# In network units. A bilinear resize or a division leaves floats a rounding error outside
# their range, which is no reason to refuse them or to read [0, 1] as [-1, 1].
SLACK = 1e-3


@dataclasses.dataclass(frozen=True)
class Spec:
    """Shape, dtype and units of the data: network value = (data − offset) / scale.

    shape: (height, width, channels) of an image or (features,) of a vector, without batch.
    dtype: name of the user's dtype, such as "uint8" or "float32".
    offset, scale: a float each where a value range is mapped to [-1, 1]; a tuple of one float
        per feature where vectors are standardised.
    num_classes: labels are 0 … num_classes − 1; None where the labels aren't learned.
    """

    shape: tuple[int, ...]
    dtype: str
    offset: float | tuple[float, ...] = 0.0
    scale: float | tuple[float, ...] = 1.0
    num_classes: int | None = None

    @classmethod
    def learn(cls, shape, dtype, low, high, *, moments=None, value_range=None, num_classes=None):
        """The Spec of data whose values lie in [low, high].

        moments: (mean, standard deviation) per feature; used for vectors without value_range.
        Raises ValueError where the range that becomes [-1, 1] is neither given nor evident.
        """
        if value_range is None and len(shape) == 1:
            mean, deviation = (np.asarray(m, "float64") for m in moments)
            # A constant feature has a deviation of 0, or of the rounding of its mean.
            deviation = np.where(deviation > 1e-12 * np.abs(mean), deviation, 1.0)
            offset, scale = tuple(mean.tolist()), tuple(deviation.tolist())
            return cls(tuple(shape), dtype, offset, scale, num_classes)._computable(low, high)
        if value_range is None:
            value_range = _evident_range(dtype, low, high)
        lo, hi = checked_range(value_range)
        spec = cls(tuple(shape), dtype, (lo + hi) / 2, (hi - lo) / 2, num_classes)
        spec._computable(lo, hi)
        if not spec.admits(low, high):
            raise ValueError(
                f"data holds values from {low:g} to {high:g}, outside value_range=({lo:g}, {hi:g}):"
                " pass the range that the values have, or clip them."
            )
        return spec

    def _computable(self, low, high):
        """Itself, if its numbers are neither too large nor too small to be divided by."""
        limits, scale = np.finfo(self._wide), np.asarray(self.scale)
        if not (
            (np.abs(self.offset) <= limits.max).all()
            and (limits.tiny <= scale).all()
            and (scale <= limits.max).all()
        ):
            raise ValueError(
                f"values from {low:g} to {high:g} are too large or too close together for"
                f" {limits.dtype}: rescale the data."
            )
        return self

    @property
    def is_image(self) -> bool:
        return len(self.shape) == 3

    @property
    def value_range(self) -> tuple[float, float] | None:
        """The (lo, hi) that becomes [-1, 1]; None for standardised vectors, which have none."""
        if isinstance(self.offset, tuple):
            return None
        return self.offset - self.scale, self.offset + self.scale

    def admits(self, low: float, high: float) -> bool:
        """Whether data from low to high lies in the value range."""
        if self.value_range is None:
            return True
        lo, hi = self.value_range
        return lo - SLACK * self.scale <= low and high <= hi + SLACK * self.scale

    def encode(self, x):
        """Data in the user's units and dtype -> float32 network units, in the graph."""
        # float32 would cancel the digits of, say, int64 time stamps before they are centred.
        x = tf.cast(x, self._wide)
        return tf.cast((x - self._of(self.offset)) / self._of(self.scale), tf.float32)

    def decode(self, y) -> np.ndarray:
        """Network units -> the user's units and dtype, in numpy.

        Integers are rounded, and clipped to the value range (standardised ones to the range of
        their dtype); floats are cast only.
        """
        kind = tf.as_dtype(self.dtype)
        x = np.asarray(y, self._wide) * self._of(self.scale) + self._of(self.offset)
        if not kind.is_floating:
            lo, hi = (0, 1) if kind == tf.bool else (kind.min, kind.max)
            if self.value_range is not None:
                lo, hi = max(lo, self.value_range[0]), min(hi, self.value_range[1])
            x = np.clip(np.rint(x), math.ceil(lo), math.floor(hi))
        return x.astype(kind.as_numpy_dtype)

    def decode_tensor(self, y):
        """Network units -> the user's units as a float32 tensor, in the graph."""
        x = tf.cast(y, self._wide) * self._of(self.scale) + self._of(self.offset)
        return tf.cast(x, tf.float32)

    def to_config(self) -> dict:
        """JSON-able; `Spec.from_config` is its inverse."""
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict) -> Spec:
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in config.items()})

    @property
    def _wide(self):
        return np.result_type(tf.as_dtype(self.dtype).as_numpy_dtype, np.float32)

    def _of(self, value):
        return np.asarray(value, self._wide)


def _evident_range(dtype, low, high):
    kind = tf.as_dtype(dtype)
    if kind == tf.uint8:
        return 0, 255
    if kind == tf.bool:
        return 0, 1
    if kind.is_integer:
        raise ValueError(
            f"{dtype} images from {low:g} to {high:g} don't tell which values are black and white:"
            " pass value_range=(lo, hi), or uint8 in [0, 255]."
        )
    for lo, hi in ((0, 1), (-1, 1)):
        if Spec((1, 1, 1), dtype, (lo + hi) / 2, (hi - lo) / 2).admits(low, high):
            return lo, hi
    raise ValueError(
        f"{dtype} images hold values from {low:g} to {high:g}, but floats must be in [0, 1] or"
        " [-1, 1]: rescale them, or pass value_range=(lo, hi)."
    )


def checked_range(value_range):
    """(lo, hi) as floats, of whatever a user gave."""
    try:
        lo, hi = (float(v) for v in value_range)
    except (TypeError, ValueError, OverflowError):
        lo = hi = math.nan
    if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
        raise ValueError(
            f"value_range={' '.join(repr(value_range).split())} is not a pair of finite numbers"
            " lo < hi: pass the values that become -1 and 1, such as (0, 255)."
        )
    return lo, hi
