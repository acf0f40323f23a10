"""Resizes pictures to one size, and adds their mirror images."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from ganzoo.data.records import Encoded, Records

FITS = ("crop", "pad", "squash")
Element = dict[str, tf.Tensor]
_MIRRORED = "mirrored"


class DifferentSizes(ValueError):
    """Pictures have different sizes, and no size was given."""


class Change(NamedTuple):
    """A change of the pictures (height, width, channels) of an element, such as {"image": …} or
    {"source": …, "target": …}.

    size: (height, width) to resize to with antialiasing, or None.
    fit: "crop" cuts the longer sides equally, "pad" fills the shorter ones with zeros, "squash"
        ignores the proportions.
    flip: whether each picture is followed by its mirror image (left and right exchanged).
    """

    size: Sequence[int] | None = None
    fit: str = "crop"
    flip: bool = False

    @tf.autograph.experimental.do_not_convert
    def __call__(self, element: Element) -> Element:
        """The element with its pictures in that size, and mirrored if it is marked so."""
        mirrored = element.get(_MIRRORED)
        element = {key: value for key, value in element.items() if key != _MIRRORED}
        for key in pictures_of(element):
            image = element[key]
            if self.size is not None:
                image = self._resized(image, *map(int, self.size))
            if mirrored is not None:
                image = tf.where(mirrored, tf.reverse(image, [1]), image)
            element[key] = image
        return element

    def check(self, files: Sequence[str], sizes: Sequence[tuple[int, int]]) -> None:
        """Raises DifferentSizes unless files of these sizes, (height, width), become one size."""
        other = next((i for i, s in enumerate(sizes) if s != sizes[0]), None)
        if self.size is None and other is not None:
            first, second = ("×".join(map(str, sizes[i])) for i in (0, other))
            raise DifferentSizes(
                f"pictures have different sizes (height×width): {files[0]} is {first}, but"
                f" {files[other]} is {second}: pass size=(height, width), or --size HEIGHTxWIDTH."
            )

    def size_of(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size, (height, width), that files of this size get."""
        return size if self.size is None else (int(self.size[0]), int(self.size[1]))

    def _resized(self, image: tf.Tensor, height: int, width: int) -> tf.Tensor:
        kind = image.dtype
        if self.fit == "crop":
            image = _cropped(image, height, width)
        same = self.fit == "pad"
        resized = tf.image.resize(
            image, (height, width), antialias=True, preserve_aspect_ratio=same
        )
        if same:
            resized = tf.image.resize_with_crop_or_pad(resized, height, width)
        resized = tf.saturate_cast(resized if kind.is_floating else tf.round(resized), kind)
        return tf.ensure_shape(resized, (height, width, image.shape[-1]))

    def of_dataset(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """The changed elements of a dataset of known length."""
        if self.flip:
            dataset = _doubled(dataset, lambda element, mirrored: element | {_MIRRORED: mirrored})
        return dataset.map(self, tf.data.AUTOTUNE)

    def of_records(self, records: Records) -> Records:
        """Records whose odd rows are mirror images of the even rows before them, if `flip`. Their
        `decode` already ends in a call of this change."""
        if not self.flip:
            return records

        def find(rows: tf.Tensor) -> Element:
            return records.find(rows // 2) | {_MIRRORED: rows % 2 == 1}

        shards = tuple(2 * count for count in records.shards)
        return dataclasses.replace(records, count=2 * records.count, find=find, shards=shards)

    def of_encoded(self, encoded: Encoded) -> Encoded:
        """Encoded rows, each followed by its mirror image if `flip`."""
        if not self.flip:
            return encoded

        @tf.autograph.experimental.do_not_convert
        def decode(pair: dict[str, Any]) -> Element:
            element = encoded.decode(pair["row"])
            image = tf.where(pair[_MIRRORED], tf.reverse(element["image"], [1]), element["image"])
            return element | {"image": image}

        pair = lambda element, mirrored: {"row": element, _MIRRORED: mirrored}  # noqa: E731
        return Encoded(_doubled(encoded.rows, pair), decode)


def pictures_of(element: dict[str, Any]) -> list[str]:
    """The keys of the pictures of an element, or of its specification."""
    return [key for key, value in element.items() if value.shape.rank == 3]


def _doubled(dataset: tf.data.Dataset, join: Any) -> tf.data.Dataset:
    count = int(dataset.cardinality())

    @tf.autograph.experimental.do_not_convert
    def twice(element: Any) -> tf.data.Dataset:
        sides = tf.data.Dataset.from_tensor_slices([False, True])
        return sides.map(lambda mirrored: join(element, mirrored))

    return dataset.flat_map(twice).apply(tf.data.experimental.assert_cardinality(2 * count))


def _cropped(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The largest central part with the proportions height : width."""
    shape = tf.shape(image)
    rows, columns = shape[0], shape[1]

    def rounded(side: tf.Tensor, to: int, of: int) -> tf.Tensor:
        exact = tf.round(tf.cast(side, tf.float64) * to / of)
        return tf.maximum(tf.cast(exact, tf.int32), 1)

    tall = tf.minimum(rows, rounded(columns, height, width))
    wide = tf.minimum(columns, rounded(rows, width, height))
    top, left = (rows - tall) // 2, (columns - wide) // 2
    return image[top : top + tall, left : left + wide]
