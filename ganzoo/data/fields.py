"""Named fields of the data."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from ganzoo.data import batches as _batches
from ganzoo.data.spec import Spec


@dataclasses.dataclass(frozen=True)
class Column:
    kind: str
    optional: bool = False
    paired: bool = True


@dataclasses.dataclass(frozen=True)
class Field(Spec):
    codec: str = "affine"

    @property
    def batch_dtype(self):
        return tf.int32 if self.codec == "classes" else tf.as_dtype(self.dtype)

    def encode(self, x):
        return x if self.codec == "classes" else super().encode(x)


class Batches(NamedTuple):
    dataset: tf.data.Dataset
    fields: dict
    steps_per_epoch: int | None


def batches(x, y=None, *, columns, fields=None, **options):
    spec = None
    if fields:
        sample = next(f for f in fields.values() if f.codec != "classes")
        keep = {k: v for k, v in dataclasses.asdict(sample).items() if k != "codec"}
        spec = Spec(
            **keep | {"num_classes": fields["label"].num_classes if "label" in fields else None}
        )
    found = _batches.batches(x, y, labels="label" in columns, spec=spec, **options)
    s = dataclasses.asdict(found.spec)
    name = "image" if found.spec.is_image else "vector"
    new = {name: Field(**s | {"num_classes": None})}
    if "label" in columns:
        new["label"] = Field((), "int64", num_classes=found.spec.num_classes, codec="classes")
    dataset = found.dataset
    if name != "image":
        dataset = dataset.map(lambda b: {name if k == "image" else k: v for k, v in b.items()})
    return Batches(dataset, new, found.steps_per_epoch)
