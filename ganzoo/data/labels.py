"""Converts labels, which are integers or names, to class numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.data.checks import CLASSES, check_dtype, refuse_unless
from ganzoo.data.fields import Field

MISSING = -1


def check_label_dtype(dtype: Any, optional: bool = False) -> None:
    """Raises ValueError unless labels of this dtype (None: no labels) can be class numbers."""
    if dtype is None:
        raise ValueError("labels are to be learned, but the data has none: pass (x, y).")
    kind = tf.as_dtype(dtype)
    if not (kind.is_integer or kind == tf.string or (optional and kind.is_floating)):
        raise ValueError(
            f"labels have dtype {kind.name}, but must be integers: pass"
            ' y.astype("int32"), or y.argmax(-1) if they are one-hot.'
        )


def plain(y: np.ndarray | None, optional: bool) -> np.ndarray:
    """Labels as integers (N,) with -1 for a missing one, or as str objects (N,) with "" for it.

    Raises ValueError for anything else.
    """
    if y is None:
        check_label_dtype(None)
    y = np.asarray(y)
    if y.shape[1:] not in ((), (1,)):
        raise ValueError(
            f"labels have shape {y.shape}, but must be (N,): pass y.argmax(-1) if they are one-hot."
        )
    y = y.reshape(-1)
    if y.dtype.kind == "O":
        y = _of_objects(y, optional)
    if y.dtype.kind in "SUT":
        return np.array([_text(label) for label in y.tolist()], object)
    if y.dtype.kind == "O":
        return y
    check_dtype(y.dtype, "labels")
    check_label_dtype(y.dtype, optional)
    if y.dtype.kind != "f":
        return y
    missing = np.isnan(y)
    whole = np.where(missing, MISSING, y)
    if not (np.isfinite(whole).all() and (whole == np.rint(whole)).all()):
        raise ValueError(
            f"labels of dtype {y.dtype} hold fractions, but must be whole numbers, or NaN where a"
            " label is missing."
        )
    return whole.astype("int64")


def _of_objects(y: np.ndarray, optional: bool) -> np.ndarray:
    missing = np.array([_is_missing(label) for label in y], bool)
    known = y[~missing]
    if missing.any() and not optional:
        if all(isinstance(label, str | bytes | int | np.integer) for label in known) and len(known):
            raise ValueError(
                f"{missing.sum()} of {len(y)} labels are missing (None or NaN): pass a label for"
                " every sample, or train a GAN that accepts missing labels."
            )
        check_dtype(y.dtype, "labels")
    if all(isinstance(label, str | bytes) for label in known):
        filled = y.copy()
        filled[missing] = ""
        return np.array([_text(label) for label in filled], object)
    if all(isinstance(label, int | np.integer) and not isinstance(label, bool) for label in known):
        return np.array([MISSING if gone else int(n) for n, gone in zip(y, missing, strict=True)])
    check_dtype(y.dtype, "labels")
    return y


def _is_missing(label: Any) -> bool:
    return label is None or type(label).__name__ == "NAType" or bool(label != label)


def _text(label: str | bytes) -> str:
    return label.decode(errors="replace") if isinstance(label, bytes) else str(label)


def learn(
    chunks: Sequence[np.ndarray],
    dtype: str,
    *,
    optional: bool,
    num_classes: int | None,
    class_names: Sequence[str] | None,
    given: Field | None,
    largest: Callable[[], int],
    names: Callable[[], set[str]],
) -> Field:
    """The Field of labels in chunks from `plain`; or the given Field, if they fit it.

    largest, names: functions of no arguments, called only where nothing else tells the number of
        classes: the largest number, and the set of names, of all the data.
    """
    if chunks[0].dtype == object:
        return _learn_names(chunks, optional, num_classes, class_names, given, names)
    least, most = int(min(y.min() for y in chunks)), int(max(y.max() for y in chunks))
    classes = num_classes or (given and given.classes) or (class_names and len(class_names))
    classes = classes or largest() + 1
    if given is None and classes > CLASSES:
        raise ValueError(
            f"labels make {classes} classes, 0 … {classes - 1}, but at most {CLASSES}"
            " can be learned: renumber them 0, 1, 2, …"
        )
    if classes < 1:
        if optional:
            raise ValueError("all labels are missing (-1, None or NaN): pass some of them.")
        classes = 1
    if given is not None and classes > given.classes:
        raise ValueError(
            f"data has {classes} classes, but the model was built for {given.classes}: pass"
            " labels of those, or build a new model."
        )
    if class_names is not None and len(class_names) != classes:
        class_names = None
    field = given or Field.of_classes(classes, class_names, dtype=dtype, optional=optional)
    bottom = MISSING if optional else 0
    if not bottom <= least <= most < field.classes:
        label = str(least if least < bottom else most)
        raise ValueError("".join(outside(label, field.classes)))
    return field


def _learn_names(
    chunks: Sequence[np.ndarray],
    optional: bool,
    num_classes: int | None,
    class_names: Sequence[str] | None,
    given: Field | None,
    names: Callable[[], set[str]],
) -> Field:
    if given is not None and given.class_names is None:
        raise ValueError(
            f"labels are strings, but the model was built for the numbers 0 …"
            f" {given.classes - 1}: pass these numbers."
        )
    known = given.class_names if given is not None else class_names
    known = tuple(known) if known is not None else tuple(sorted(names() - {""}))
    if not known:
        raise ValueError("all labels are missing (None or empty): pass some of them.")
    if len(known) > CLASSES:
        raise ValueError(
            f"labels hold {len(known)} different names, but at most {CLASSES} classes can be"
            " learned: pass labels with fewer classes."
        )
    if num_classes is not None and num_classes != len(known):
        raise ValueError(
            f"num_classes={num_classes}, but the labels are strings of {len(known)} classes: leave"
            " num_classes out."
        )
    seen = {label for y in chunks for label in y}
    strange = sorted(seen - set(known) - ({""} if optional else set()))
    if strange:
        raise ValueError("".join(unknown(repr(strange[0]), known)))
    return given or Field.of_classes(len(known), known, dtype="str", optional=optional)


def numbers(y: np.ndarray, field: Field) -> np.ndarray:
    """int32 class numbers (N,) of labels from `plain` that `learn` has accepted."""
    if y.dtype != object:
        return y.astype("int32")
    number = {name: i for i, name in enumerate(field.class_names or ())} | {"": MISSING}
    return np.array([number[label] for label in y], "int32")


def asked(labels: Any, field: Field | None) -> Any:
    """The labels of requested samples, with class names replaced by their numbers.

    `labels` is one label or a sequence; numbers are returned unchanged. Raises ValueError for a
    name that is no class of `field`.
    """
    if field is None or field.class_names is None:
        return labels
    try:
        given = np.asarray(labels)
    except ValueError:  # rows of different lengths
        return labels
    if given.dtype.kind not in "UO":
        return labels
    number = {name: i for i, name in enumerate(field.class_names)}
    for label in given.reshape(-1).tolist():
        if label not in number:
            raise ValueError("".join(unknown(repr(label), field.class_names)))
    return np.vectorize(number.__getitem__, otypes=["int32"])(given)


def checked(y: tf.Tensor, rows: tf.Tensor | int, field: Field) -> tf.Tensor:
    """int32 class numbers of one step's labels, in a graph of tf.data. Bad labels fail with a
    sentence for `clear_errors`."""
    if y.dtype.is_floating:
        missing = tf.math.is_nan(y)
        y = tf.where(missing, tf.cast(MISSING, y.dtype), y)
        refuse_unless(
            tf.reduce_all(tf.math.is_finite(y) & (y == tf.round(y))),
            "labels hold fractions, but must be whole numbers, or NaN where a label is missing.",
        )
    y = tf.reshape(y, [rows])
    if y.dtype == tf.string:
        number = field.encode(y)
        fits = (number >= 0) | (field.optional & (y == ""))
        worst = y[tf.argmin(tf.cast(fits, tf.int32))]
        words = unknown(tf.strings.join(["'", worst, "'"]), field.class_names or ())
        refuse_unless(tf.reduce_all(fits), *words)
        return number
    y = tf.cast(y, tf.int64)
    bottom = MISSING if field.optional else 0
    least, largest = tf.reduce_min(y), tf.reduce_max(y)
    worst = tf.strings.as_string(tf.where(least < bottom, least, largest))
    inside = (least >= bottom) & (largest < field.classes)
    refuse_unless(inside, *outside(worst, field.classes))
    return tf.cast(y, tf.int32)


def outside(label: str | tf.Tensor, num_classes: int) -> tuple[str | tf.Tensor, ...]:
    return (
        "labels hold ",
        label,
        f", but must be 0 … {num_classes - 1} (num_classes={num_classes}): renumber them or pass"
        " num_classes=….",
    )


def unknown(label: str | tf.Tensor, names: Sequence[str]) -> tuple[str | tf.Tensor, ...]:
    listed = ", ".join(map(repr, names[:10])) + (" and others" if len(names) > 10 else "")
    return ("labels hold ", label, f", but the classes are {listed}: pass labels of those.")
