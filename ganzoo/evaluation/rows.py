"""The rows of the data that samples are compared with."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np

from ganzoo import data


def by_hash(
    gan: Any,
    x: Any,
    y: Any,
    value_range: tuple[float, float] | None,
    most: int,
    all_columns: bool,
) -> dict[str, np.ndarray]:
    """At most `most` rows of each column, ordered by their hashes: the samples that the generator
    makes, or all columns that the GAN plays on, and labels if there are any."""
    size = math.prod(gan.spec.shape) * np.dtype(gan.spec.dtype).itemsize
    most = max(1, min(most, 2**30 // size))  # large images may not all fit in memory
    if gan.spec.is_table:  # its batches hold rare categories more often
        rows = gan.spec.as_array(x)
        some = np.random.default_rng(0).permutation(len(rows))[:most]
        return _ordered({gan.output_name: rows[some]})
    for labelled in (True, False):  # the second time without labels, if y cannot be used as labels
        try:
            ranks = next(c.ranks for c in gan.columns.values() if c.kind != "label")
            columns = {"image": data.Column("sample", ranks=ranks)}
            fields = {gan.output_name: gan.spec}
            if all_columns:
                columns, fields = dict(gan.columns), dict(gan.fields)
            elif labelled:
                columns["label"] = data.Column("label")
                unlimited = data.Field.of_classes(np.iinfo("int32").max)
                fields["label"] = gan.fields.get("label", unlimited)
            stream = data.batches(
                x, y, columns=columns, fields=fields, batch_size=1, value_range=value_range
            )
            count = min(most, stream.steps_per_epoch or most)
            with data.clear_errors():
                batches = list(stream.dataset.take(count).rebatch(1024).as_numpy_iterator())
            break
        except ValueError:
            if not labelled or all_columns:
                raise
    found = {key: np.concatenate([b[key] for b in batches]) for key in batches[0]}
    if gan.output_name not in found:
        found[gan.output_name] = found.pop(stream.sample_name)
    return _ordered(found)


def _ordered(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The columns with their rows ordered by hashes."""
    rows = zip(*columns.values(), strict=True)
    keys = [hashlib.sha256(b"".join(part.tobytes() for part in row)).digest() for row in rows]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return {name: column[order] for name, column in columns.items()}
