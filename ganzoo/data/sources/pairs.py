"""Pictures that belong together in pairs, and sets of pictures without pairs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganzoo.data.checks import check_dtype
from ganzoo.data.fields import Column
from ganzoo.data.records import Element, Records, in_order
from ganzoo.data.sources.folder import pictures, records_of
from ganzoo.data.sources.npz import arrays_of
from ganzoo.data.sources.pictures import Change

_SPLITS = {"train", "test", "val", "valid", "validation"}


class Pairs(NamedTuple):
    """Pairs of pictures on disk, of which any can be read at once.

    records: of the sources and of the targets, which have equal counts; or of pictures that show
        both side by side, the source on the left.
    """

    records: tuple[Records, ...]

    @property
    def count(self) -> int:  # type: ignore[override]
        return self.records[0].count

    @tf.autograph.experimental.do_not_convert
    def read(self, rows: tf.Tensor) -> Element:
        """int64 row numbers (n,) -> {"source": (n, *shape), "target": (n, *shape)}, in a graph."""
        found = [records.read(rows)["image"] for records in self.records]
        if len(found) == 1:
            found = tf.split(found[0], 2, axis=2)
        return {"source": found[0], "target": found[1]}

    def between(self, first: int, last: int) -> Pairs:
        """The pairs from `first` up to `last`, which is not among them."""
        return Pairs(tuple(records.between(first, last) for records in self.records))


class SideBySide(Change):
    """A change of each half of pictures that show two of equal size side by side."""

    @tf.autograph.experimental.do_not_convert
    def __call__(self, element: Element) -> Element:
        both = element.pop("image")
        height, width = tf.unstack(tf.shape(both)[:2])
        with tf.control_dependencies([tf.debugging.assert_equal(width, 2 * height)]):
            halves = {"source": both[:, : width // 2], "target": both[:, width // 2 :]}
        changed = super().__call__(element | halves)
        both = tf.concat([changed.pop("source"), changed.pop("target")], axis=1)
        return changed | {"image": both}

    def check(self, files: Sequence[str], sizes: Sequence[tuple[int, int]]) -> None:
        for file, (height, width) in zip(files, sizes, strict=True):
            if width != 2 * height:
                raise ValueError(
                    f"{file} is {height}×{width} (height×width), but a picture that shows source "
                    "and target side by side is twice as wide as it is high: crop it, or put "
                    "sources and targets into two sub-folders."
                )
        super().check(files, sizes)

    def size_of(self, size: tuple[int, int]) -> tuple[int, int]:
        height, width = super().size_of((size[0], size[1] // 2))
        return height, 2 * width


def pairs(path: Path, change: Change, seed: int) -> tf.data.Dataset:
    """Pairs {"source": …, "target": …} of two sub-folders, of a folder of pictures side by side,
    or of an .npz archive. `ganzoo.data.load` describes the rest."""
    if path.suffix == ".npz":
        return _of_archive(path, change)
    files, labels, names = pictures(path)
    if labels is None or names is None:
        kind = "source and target side by side (twice as wide as high)"
        return in_order(Pairs((records_of(files, SideBySide(*change), seed, kind=kind),)))
    first, second = _two_of(path, files, labels, names)
    sources, targets = _matched(path, first, second)
    return in_order(Pairs((records_of(sources, change, seed), records_of(targets, change, seed))))


def unpaired(path: Path, change: Change, seed: int) -> dict[str, tf.data.Dataset]:
    """The pictures of two sub-folders, {"a": …, "b": …}. `ganzoo.data.load` describes the rest."""
    files, labels, names = pictures(path)
    if labels is None or names is None:
        raise ValueError(
            f"{path} holds pictures, but no sub-folders of them: put the two sets into two "
            "sub-folders, such as trainA and trainB."
        )
    both = _two_of(path, files, labels, names)
    return {
        name: records_of(part, change, seed).dataset()
        for name, part in zip("ab", both, strict=True)
    }


def columns_of(data: Any) -> Mapping[str, Column]:
    """What `ganzoo.data.batches` reads of a data set that `ganzoo.data.load` returned: the source
    and the target, both unpaired sets, or the only sample."""
    if isinstance(data, dict):
        return {name: Column("sample", paired=False) for name in data}
    spec = data.element_spec
    if isinstance(spec, dict) and {"source", "target"} <= set(spec):
        return {name: Column("sample") for name in ("source", "target")}
    if isinstance(spec, dict) and "series" in spec:
        return {"series": Column("sample", ranks=(2,))}
    return {"image": Column("sample")}


def held_out(data: Any, most: int) -> tuple[Any, Any]:
    """A data set that `ganzoo.data.load` returned, cut in two: (the others, the first rows).

    The first rows are `most`, or a tenth of the data if that is less, and an even number, so that
    no mirror image of them is among the others. Of data with fewer than 20 rows, or of unknown
    length, nothing is cut off: both parts are then the whole.
    """
    if isinstance(data, dict):
        cut = {name: held_out(part, most) for name, part in data.items()}
        return tuple({name: parts[i] for name, parts in cut.items()} for i in (0, 1))  # type: ignore[return-value]
    count = int(data.cardinality())
    number = min(most, count // 20 * 2)
    if number < 1:
        return data, data
    rows = getattr(data, "records", None)
    if rows is not None:
        return in_order(rows.between(number, count)), in_order(rows.between(0, number))
    return data.skip(number), data.take(number)


def _of_archive(path: Path, change: Change) -> tf.data.Dataset:
    arrays = arrays_of(path)
    if missing := [name for name in ("source", "target") if name not in arrays]:
        there = ", ".join(arrays) or "none"
        raise ValueError(
            f"{path} has no array {missing[0]!r} (its arrays: {there}): write it with "
            "np.savez(path, source=…, target=…)."
        )
    found = {}
    for name in ("source", "target"):
        x = arrays[name]
        if x.ndim not in (2, 3, 4) or not x.size:
            raise ValueError(
                f"{name} in {path} has shape {x.shape}: images are (N, height, width, channels), "
                "vectors (N, features)."
            )
        check_dtype(x.dtype, f"{name} in {path}")
        found[name] = x[..., None] if x.ndim == 3 else x
    lengths = [len(x) for x in found.values()]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f"{path} holds {lengths[0]} sources, but {lengths[1]} targets: write pairs."
        )
    dataset = tf.data.Dataset.from_tensor_slices(found)
    if change.size is None and not change.flip:
        return dataset
    if any(x.ndim == 2 for x in found.values()):
        given = "flip=True" if change.size is None else f"size={change.size!r}"
        raise ValueError(f"{given} was given, but {path} holds vectors.")
    return change.of_dataset(dataset)


def _two_of(
    root: Path, files: list[str], labels: np.ndarray, names: list[str]
) -> tuple[list[str], list[str]]:
    """The files of the two sub-folders in alphabetical order; of more, those of trainA, trainB."""
    if {"trainA", "trainB"} <= set(names):
        chosen = [names.index("trainA"), names.index("trainB")]
    elif len(names) == 2 and not set(names) <= _SPLITS:
        chosen = [0, 1]
    elif set(names) <= _SPLITS:
        raise ValueError(
            f"{root} holds the splits {', '.join(names)}: name one of them, as in "
            f"{root / names[0]}."
        )
    else:
        raise ValueError(
            f"{root} has {len(names)} sub-folder{'s' * (len(names) > 1)} of pictures "
            f"({', '.join(names[:10])}): it needs two, such as source and target, or trainA and "
            "trainB."
        )
    first, second = ([f for f, n in zip(files, labels, strict=True) if n == k] for k in chosen)
    return first, second


def _matched(root: Path, first: list[str], second: list[str]) -> tuple[list[str], list[str]]:
    """Both lists so that row i of one belongs to row i of the other: by their names without the
    ending or, if they have no name in common, by their alphabetical order."""

    def by_name(files: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for file in files:
            below = os.path.relpath(file, root).partition(os.sep)[2]
            name = os.path.splitext(below)[0]
            if name in found:
                raise ValueError(
                    f"{found[name]} and {file} have the same name, so that their partner is not "
                    "known: rename or remove one of them."
                )
            found[name] = file
        return found

    sources, targets = by_name(first), by_name(second)
    if common := sources.keys() & targets.keys():
        for one, other in ((sources, targets), (targets, sources)):
            if alone := sorted(one.keys() - other.keys()):
                folder = os.path.relpath(next(iter(other.values())), root).partition(os.sep)[0]
                more = f" and {len(alone) - 1} more have" if len(alone) > 1 else " has"
                raise ValueError(
                    f"{one[alone[0]]}{more} no partner of the same name in {root / folder}: add "
                    "it, or remove what has none."
                )
        order = sorted(common)
        return [sources[name] for name in order], [targets[name] for name in order]
    if len(first) != len(second):
        raise ValueError(
            f"{root} holds {len(first)} sources ({first[0]}, …), but {len(second)} targets "
            f"({second[0]}, …): pairs need equally many, or equal names."
        )
    return (
        [sources[name] for name in sorted(sources)],
        [targets[name] for name in sorted(targets)],
    )
