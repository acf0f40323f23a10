"""The one place that turns user data into batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganzoo.data import forms, labels
from ganzoo.data.arrays import Arrays, Order
from ganzoo.data.checks import check_enough, check_int, not_finite
from ganzoo.data.fields import Column, Field, checked_range, main_sample
from ganzoo.data.forms import Columns
from ganzoo.data.iterables import as_dataset
from ganzoo.data.streams import Stream, held
from ganzoo.data.training_by_sampling import Table

Source = Arrays | Stream | Table


class Batches(NamedTuple):
    """What `batches` returns.

    Attributes:
        dataset: yields {name: rows}: samples in the user's dtype, labels as int32 class numbers (-1
            where one is missing); the number of rows is static.
        fields: what was learned of each column, by the same names.
        steps_per_epoch: None where only running through the dataset tells.
    """

    dataset: tf.data.Dataset
    fields: dict[str, Field]
    steps_per_epoch: int | None

    @property
    def sample_name(self) -> str:
        """The name of the samples that a generator makes: "image", "series", "target", …"""
        return main_sample(self.fields)

    @property
    def spec(self) -> Field:
        """The Field of these samples."""
        return self.fields[self.sample_name]


def batches(
    x: Any,
    y: Any = None,
    *,
    columns: Columns | None = None,
    fields: Mapping[str, Field] | None = None,
    batch_size: int | None = None,
    steps: int = 1,
    num_classes: int | None = None,
    value_range: tuple[float, float] | None = None,
    replicas: int = 1,
    shuffle: bool = True,
    seed: int = 0,
    first_step: int = 0,
    steps_per_epoch: int | None = None,
    part: tuple[int, int] = (0, 1),
) -> Batches:
    """Turns data in any form that Keras users have into endless, checked batches of equal size.

    Args:
        x: an array (N, height, width, channels) or (N, features), an (x, y) pair, a dict {"image":
            x, "label": y} ("vector" for vectors, other keys are ignored), or for columns of series
            (N, time, features), an (x, y) pair or {"series": x, "label": y}; or a tf.data.Dataset
            of such elements, batched or not; also a DataFrame of numbers, a matrix of scipy.sparse,
            and batches of a keras.utils.PyDataset, a torch DataLoader or a generator. Keras's ((x,
            y), (x_test, y_test)) is its first pair, which a warning says. Where the columns hold
            several samples, a dict of arrays or of tf.data.Datasets, {"source": …, "target": …}, a
            tuple of them in that order, or a dataset of such elements. A table is a DataFrame of
            mixed columns; its rows are drawn by a category that they have, see
            `ganzoo.data.training_by_sampling`.
        y: labels (N,) or (N, 1), integers or strings, if x is an array.
        columns: what to read, by name (`Column`); one sample without labels by default. The only
            sample of a game is called "image" in the batches, or "vector" or "series" if it is one.
        fields: those of a model already built, which the data must then fit. A column that is not
            among them is learned from the data.
        batch_size: samples per update over all replicas; by default that of a batched dataset, up
            to 500 for a table, and 64 for other data.
        steps: critic steps; each element holds batch_size × steps rows.
        num_classes: how many classes the labels have. It is otherwise that of `fields`, the length
            of the dataset's `class_names`, the number of different strings, or the largest label +
            1.
        value_range: the (lo, hi) that becomes [-1, 1]. Not needed for uint8, for float images in
            [0, 1] or [-1, 1], nor for vectors and series, which are standardised per feature
            without it.
        first_step: where to start. The order depends on (seed, step) alone, so a run resumed at
            step n sees what the uninterrupted run sees. Arrays, and the folders and ArrayRecords of
            `load`, get a fresh permutation of all rows per epoch, of which those that don't fill a
            step are left out, and start at any step at once. Another dataset is shuffled within a
            buffer of at most 10,000 rows and 256 MiB, and replayed up to there: those of TFDS from
            the beginning of the epoch, without decoding, others from their first epoch.
        steps_per_epoch: needed for infinite datasets. A dataset of unknown length is repeated if it
            is given; otherwise one pass is one epoch, and first_step is ignored.
        part: (i, n) for the i-th of n workers, which gets the i-th n-th of each step's rows.
            Arrays, folders and ArrayRecords read no others. Of shards each worker reads its own,
            see `ganzoo.data.lanes`.

    Unpaired columns each have their own rows and their own permutation; an epoch is that of the
    longest.

    Of a dataset no more is held in memory than that buffer, 256 MiB of batches made ahead, and
    those in the making, two per core and 16 at most.

    Raises:
        ValueError: the data can't be trained on. Only the first rows of a dataset are checked here;
            the others raise `ganzoo.data.DataError` as they are read (see `clear_errors`).
    """
    for name, value in (
        ("batch_size", batch_size),
        ("num_classes", num_classes),
        ("steps_per_epoch", steps_per_epoch),
    ):
        if value is not None:
            check_int(name, value, 1)
    columns = columns or {"image": Column("sample")}
    x = as_dataset(x)
    if hasattr(x, "one_pass") and steps_per_epoch is None:
        raise ValueError("a generator doesn't tell how long an epoch is: pass steps_per_epoch=….")
    data = forms.joined(x, y, columns)
    sources = [_source(one, group, part) for one, group in forms.groups(data, columns)]
    batch_size = int(batch_size or sources[0].batch_size)
    rows = batch_size * steps
    mine = slice(part[0] * rows // part[1], (part[0] + 1) * rows // part[1])
    learned: dict[str, Field] = {}
    for source in sources:
        built = all(name in (fields or {}) for name in forms.samples_of(source.columns))
        seen = source.look(rows, built)
        count = sum(map(len, next(iter(seen.values()))))
        if isinstance(source, Stream) and source.records is not None:
            count = source.records.count  # of which a worker sees its own shards only
        check_enough(count, batch_size, steps, replicas)
        learned |= _learn(source, seen, value_range, fields or {}, num_classes, seed)
    streams = [
        source.stream(
            {name: learned[name] for name in source.columns},
            Order(rows, mine, shuffle, _seed_of(seed, place), first_step, steps_per_epoch),
        )
        for place, source in enumerate(sources)
    ]
    dataset = streams[0][0]
    if len(streams) > 1:
        dataset = tf.data.Dataset.zip(tuple(stream for stream, _ in streams)).map(_merged)
    lengths = [length for _, length in streams if length is not None]
    # Autotuned, it may grow to half of the machine's memory.
    if any(isinstance(source, Stream) for source in sources):
        dataset = dataset.prefetch(held(learned, rows, 16))
    # Without tuning unless the user asked for it: the tuner's thread sleeps for up to a minute, and
    # an iterator's end often waits for it.
    options = tf.data.Options()
    options.autotune.enabled = bool(forms.is_stream(x) and x.options().autotune.enabled)
    known = max(lengths) if len(lengths) == len(streams) else None
    return Batches(dataset.with_options(options), learned, known)


def _source(data: Any, columns: Columns, part: tuple[int, int]) -> Source:
    if not forms.samples_of(columns):
        return Table(data)
    return Stream(data, columns, part) if forms.is_stream(data) else Arrays(data, columns)


@tf.autograph.experimental.do_not_convert
def _merged(*parts: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {name: value for part in parts for name, value in part.items()}


def _seed_of(seed: int, place: int) -> int:
    """The seed of the unpaired column at this place."""
    if place == 0:
        return seed
    return int(np.random.SeedSequence([seed, place]).generate_state(1, np.uint64)[0] >> 1)


def _learn(
    source: Source,
    seen: Mapping[str, list[Any]],
    value_range: tuple[float, float] | None,
    given: Mapping[str, Field],
    num_classes: int | None,
    seed: int,
) -> dict[str, Field]:
    """The Fields of a source's columns, by their names in a batch."""
    if isinstance(source, Table):
        return source.learn(given.get("table"), seed)
    fields: dict[str, Field] = {}
    for name, column in source.columns.items():
        if column.kind == "label":
            fields[name] = labels.learn(
                seen[name],
                optional=column.optional,
                num_classes=num_classes,
                given=given.get(name),
                **source.label_facts(name),
            )
            continue
        # A field of the other kind is passed on too, so that the error can name it.
        others = forms.NAMES.values() if name in forms.NAMES.values() else ()
        known = next((given[key] for key in (name, *others) if key in given), None)
        what = forms.what_of(name, source.columns)
        frame = getattr(source, "frames", {}).get(name)
        chunks = seen[name] if frame is None else [frame.values(known)]
        fields[name] = _learn_samples(chunks, value_range, known, what)
        if frame is not None and known is None:
            fields[name] = frame.described(fields[name])
    return fields


def _learn_samples(
    chunks: Sequence[np.ndarray],
    value_range: tuple[float, float] | None,
    given: Field | None,
    what: str,
) -> Field:
    """The Field of the rows seen, or the given one, of a built model, if they fit it."""
    shape, dtype = chunks[0].shape[1:], chunks[0].dtype.name
    if value_range is not None:
        checked_range(value_range)
    # min and max propagate NaN, so one pass without a copy sees what is not finite too.
    low = float(np.min([np.min(chunk) for chunk in chunks]))
    high = float(np.max([np.max(chunk) for chunk in chunks]))
    if not np.isfinite([low, high]).all():
        raise ValueError(not_finite(what))
    if given is None:
        moments = None
        if len(shape) < 3 and value_range is None:
            rows = np.concatenate(chunks) if len(chunks) > 1 else chunks[0]
            axes = tuple(range(rows.ndim - 1))
            moments = rows.mean(axes, dtype="float64"), rows.std(axes, dtype="float64")
        return Field.learn(
            shape, dtype, low, high, moments=moments, value_range=value_range, what=what
        )
    if (shape, dtype) != (given.shape, given.dtype):
        raise ValueError(
            f"{what} is {dtype} of shape {shape}, but the model was built for {given.dtype} of"
            f" shape {given.shape}: pass data of that kind, or build a new model."
        )
    if not given.admits(low, high) or (
        value_range is not None and not np.allclose(value_range, given.value_range or np.nan)
    ):
        raise ValueError(
            f"{what} holds values from {low:g} to {high:g}"
            + ("" if value_range is None else f" with value_range={tuple(value_range)}")
            + f", but the model was built for the value range {given.value_range}: rescale the"
            " data, or build a new model."
        )
    return given
