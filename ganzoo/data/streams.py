"""A tf.data.Dataset: the first rows are checked before training, the others as they pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.data import labels
from ganzoo.data.arrays import (
    AT_ONCE,
    Batch,
    Order,
    by_number,
    channels_first,
    is_channels_first,
    row_bytes,
)
from ganzoo.data.checks import (
    FORMS,
    LONGEST,
    RESIZE,
    check_dtype,
    clear_errors,
    not_finite,
    refuse_unless,
)
from ganzoo.data.fields import SLACK, Column, Field
from ganzoo.data.forms import (
    NAMES,
    Columns,
    final_name,
    forms_of,
    learns,
    named,
    samples_of,
    what_of,
)
from ganzoo.data.iterables import OnePass
from ganzoo.data.lanes import by_lane
from ganzoo.data.records import Encoded, Records, in_order

# What a shuffle buffer, and what batches made ahead, may take: little of a laptop's memory.
_HELD_BYTES = 2**28
Check = Callable[[Batch], Batch]


def held(fields: Mapping[str, Field], rows: int, most: int) -> int:
    """How many blocks of `rows` fit the memory budget, at most `most`."""
    return max(1, min(_HELD_BYTES // (rows * row_bytes(fields)), most))


class Stream:
    """The columns of a dataset's elements, batched or not.

    columns: by their names in a batch.
    worker: (i, n) for the i-th of n workers, which looks at its own shards only.
    """

    def __init__(
        self, dataset: tf.data.Dataset, columns: Columns, worker: tuple[int, int] = (0, 1)
    ):
        spec = named(dataset.element_spec, columns)
        asked = {name: spec.get(name) for name in columns}
        for name, part in asked.items():
            what, dtype = what_of(name, columns), getattr(part, "dtype", None)
            if isinstance(part, tf.RaggedTensorSpec):
                raise ValueError(f"{what} has rows of different shapes: {RESIZE}.")
            if part is not None and not isinstance(part, tf.TensorSpec):
                kind = type(part).__name__
                raise ValueError(f"{what} of the dataset is a {kind}: {forms_of(columns)}.")
            if columns[name].kind == "sample":
                check_dtype(dtype, what)
            else:
                labels.check_label_dtype(dtype, columns[name].optional)
        final = {name: name for name in columns}

        @tf.autograph.experimental.do_not_convert
        def parts(*element: Any) -> Batch:
            found = named(element[0] if len(element) == 1 else element, columns)
            return {final[name]: found[name] for name in columns}

        self.class_names: list[str] | None = getattr(dataset, "class_names", None)
        self.records: Records | None = getattr(dataset, "records", None)
        if self.records is not None and self._shards:
            dataset = in_order(self.records.of_worker(worker))
        self.encoded: Encoded | None = getattr(dataset, "encoded", None)
        self.rows: int | None = getattr(dataset, "rows", None)
        self.one_pass: OnePass | None = getattr(dataset, "one_pass", None)
        self.parts = parts
        self.cardinality = int(dataset.cardinality())
        self.iterator = iter(dataset.map(parts))
        with clear_errors():
            first = next(self.iterator, None)
        if first is None or any(0 in first[name].shape for name in samples_of(columns)):
            raise ValueError(f"data is empty (the dataset yields nothing): {forms_of(columns)}.")
        shapes = {name: tuple(first[name].shape) for name in samples_of(columns)}
        batched = {
            name: _is_batched(
                shapes[name],
                asked[name],
                spec.get("label"),
                what_of(name, columns),
                columns[name],
            )
            for name in shapes
        }
        self.batched = next(iter(batched.values()))
        if len(set(batched.values())) > 1:
            raise ValueError(
                f"the dataset's elements have the shapes {shapes}, of which some are batches and"
                " some are not: batch the whole dataset, or nothing of it."
            )
        for name in first.keys() - shapes.keys():
            if self.batched and first[name].shape.rank == 0:
                raise ValueError(
                    f"the dataset's elements have shape {next(iter(shapes.values()))}, which is a"
                    f" batch, but one {name} each: batch the whole dataset, or nothing of it, with"
                    " images of (height, width, channels)."
                )
        for name, shape in shapes.items():
            final[name] = final_name(name, columns, len(shape) - self.batched)
        self.columns = {final[name]: column for name, column in columns.items()}
        self.samples = samples_of(self.columns)
        self._final = final
        self.first = {final[name]: value for name, value in first.items()}
        self.dataset = dataset.map(parts)
        self.batch_size = next(iter(shapes.values()))[0] if self.batched else 64
        self.is_image = any(len(shape) - self.batched > 2 for shape in shapes.values())

    @property
    def _shards(self) -> tuple[int, ...]:
        return getattr(self.records, "shards", ())

    def look(self, rows: int, built: bool) -> dict[str, list[np.ndarray]]:
        """Reads the first rows: at least one step if there are so many, and enough of them to
        estimate the range and the moments, which a model that is built has already."""
        if rows > LONGEST:
            raise ValueError(
                f"a step of {rows} rows of a dataset is too large: pass a batch_size that makes it"
                f" at most {LONGEST}."
            )
        enough, count = max(rows, 64 if self.is_image or built else 2048), 0
        seen: dict[str, list[np.ndarray]] = {name: [] for name in self.columns}
        element: Batch | None = self.first
        while element is not None and count < enough:
            for name, value in element.items():
                value = value.numpy()
                value = np.asarray(value if self.batched else np.asarray(value)[None])
                known = seen[name]
                if name in self.samples and known and value.shape[1:] != known[0].shape[1:]:
                    shapes = f"{known[0].shape[1:]} and {value.shape[1:]}"
                    what = what_of(name, self.columns)
                    raise ValueError(f"{what} has rows of different shapes, {shapes}: {RESIZE}.")
                if len(value):
                    optional = self.columns[name].optional
                    is_label = name not in self.samples
                    known.append(labels.plain(value, optional) if is_label else value)
            count = sum(map(len, seen[self.samples[0]]))
            element = self._next() if count < enough else None
        del self.iterator
        if self.one_pass is not None:
            self.one_pass.looking = False
        return seen

    def _next(self) -> Batch | None:
        with clear_errors():
            element = next(self.iterator, None)
        return element and {self._final.get(k, k): v for k, v in element.items()}

    def label_facts(self, name: str) -> dict[str, Any]:
        """What `labels.learn` asks of all the data."""
        dtype = self.dataset.element_spec[name].dtype

        def whole_pass(dataset: tf.data.Dataset) -> tf.data.Dataset:
            if self.one_pass is not None:
                raise ValueError("a generator doesn't tell its classes: pass num_classes=….")
            if self.cardinality == tf.data.INFINITE_CARDINALITY:
                raise ValueError(
                    "an infinite dataset doesn't tell its classes: pass num_classes=…."
                )
            return dataset

        def largest() -> int:
            @tf.autograph.experimental.do_not_convert
            def larger(most: tf.Tensor, element: Batch) -> tf.Tensor:
                y = element[name]
                if y.dtype.is_floating:
                    y = tf.where(tf.math.is_nan(y), tf.cast(labels.MISSING, y.dtype), y)
                return tf.maximum(most, tf.reduce_max(tf.cast(y, tf.int64)))

            start = np.int64(-1 if self.columns[name].optional else 0)
            return int(whole_pass(self.dataset).reduce(start, larger))

        def names() -> set[str]:
            flat = self.dataset.map(lambda element: tf.reshape(element[name], [-1])).unbatch()
            return {label.decode() for label in whole_pass(flat).unique().as_numpy_iterator()}

        return {
            "dtype": "str" if dtype == tf.string else dtype.name,
            "class_names": self.class_names,
            "largest": largest,
            "names": names,
        }

    def stream(
        self, fields: Mapping[str, Field], order: Order
    ) -> tuple[tf.data.Dataset, int | None]:
        """A dataset of checked steps, and the steps per epoch or None if they are unknown."""
        if (records := self.records) is not None:

            def read(row: tf.Tensor) -> Batch:
                return self.parts(records.read(row))

            if self._shards and order.shuffle:
                dataset, length = by_lane(read, self._shards, order)
            else:
                dataset, length = by_number(read, records.count, order)
            return dataset.map(_checked(fields, self.columns), AT_ONCE), length
        steps_per_epoch = order.steps_per_epoch
        endless = self.cardinality != tf.data.UNKNOWN_CARDINALITY or steps_per_epoch is not None
        if endless and steps_per_epoch is None:
            steps_per_epoch = max(self._count() // order.rows, 1)
        if self.encoded is not None:
            dataset = self._decoded(self.encoded, fields, order)
            dataset = dataset.batch(order.rows, drop_remainder=True)
        else:
            dataset = self._replayed(fields, order, endless)

        @tf.autograph.experimental.do_not_convert
        def part(element: Batch) -> Batch:
            return {name: column[order.mine] for name, column in element.items()}

        dataset = dataset.map(part)
        return dataset.map(_checked(fields, self.columns), AT_ONCE), steps_per_epoch

    def _decoded(
        self, encoded: Encoded, fields: Mapping[str, Field], order: Order
    ) -> tf.data.Dataset:
        """Endless rows from the first step on. Rows before it are not decoded, and epochs before it
        are not read."""
        epoch, begun = divmod(order.rows * order.first_step, self.cardinality)
        dataset, decode = encoded
        if order.shuffle:
            size = held(fields, 1, min(self.cardinality, 10_000))
            dataset = _reshuffled(dataset, size, order.seed, epoch)
        else:
            dataset = dataset.repeat()
        one_shape = _one_shape(fields, self.samples, batched=False)

        def decoded(element: Any) -> Batch:
            return one_shape(self.parts(decode(element)))

        return dataset.skip(begun).map(decoded, AT_ONCE)

    def _replayed(
        self, fields: Mapping[str, Field], order: Order, endless: bool
    ) -> tf.data.Dataset:
        """Steps from the first one on. All rows before it are read too, because the elements of an
        unknown dataset may depend on how often it was read. A generator can't be read again, so it
        continues where it is."""
        dataset, seed, first_step = self.dataset, order.seed, order.first_step
        inner = [dataset.element_spec[n].shape[int(self.batched) :] for n in self.samples]
        if not all(shape.is_fully_defined() for shape in inner):
            dataset = dataset.map(_one_shape(fields, self.samples, self.batched))
        if self.one_pass is not None:
            first_step = 0
        elif order.shuffle and not self.batched:
            most = self.cardinality if 0 < self.cardinality < 10_000 else 10_000
            size = held(fields, 1, most)
            dataset = _reshuffled(dataset, size, seed) if endless else dataset.shuffle(size, seed)
        elif endless:
            dataset = dataset.repeat()
        join = dataset.rebatch if self.batched else dataset.batch
        dataset = join(order.rows, drop_remainder=True)
        return dataset.skip(first_step) if endless else dataset

    def _count(self) -> int:
        """Rows in one pass."""
        if self.cardinality == tf.data.INFINITE_CARDINALITY:
            raise ValueError("the dataset is infinite: pass steps_per_epoch=… to end an epoch.")
        if self.rows is not None:
            return self.rows
        if not self.batched:
            return self.cardinality
        name = self.samples[0]
        last = self.dataset.element_spec[name].shape[0]
        try:
            last = last or len(tf.data.experimental.at(self.dataset, self.cardinality - 1)[name])
        except tf.errors.OpError:  # no random access: the last batch has at least one row
            last = 1
        return (self.cardinality - 1) * self.batch_size + last


def _is_batched(
    shape: tuple[int, ...], spec: tf.TensorSpec, label: Any, what: str, column: Column
) -> bool:
    """Whether the elements are batches, if the first one has this shape."""
    rank = len(shape)
    if column.is_series:
        if rank not in (2, 3):
            raise ValueError(f"the dataset's elements have shape {shape}, but {learns(column)}.")
        return rank == 3
    if rank in (3, 4) and is_channels_first(shape[rank - 3 :]):
        axes = "[0, 2, 3, 1]" if rank == 4 else "[1, 2, 0]"
        mend = f"dataset.map(lambda x: tf.transpose(x, {axes}))"
        raise ValueError(channels_first(what, shape, mend))
    single_label = isinstance(label, tf.TensorSpec) and label.shape.rank == 0
    # Batches of byte vectors rarely have a static length; grey pictures nearly always do.
    static_bytes = spec.dtype == tf.uint8 and spec.shape.is_fully_defined()
    if (rank == 2 and (single_label or static_bytes)) or (rank == 3 and not 1 <= shape[-1] <= 4):
        raise ValueError(
            f"the dataset's elements have shape {shape}, but images are (height, width, channels),"
            " batched or not: give grey images a channel axis with"
            " dataset.map(lambda x: x[..., None]), or cast batches of byte vectors to float32."
        )
    if rank not in (1, 2, 3, 4):
        raise ValueError(f"the dataset's elements have shape {shape}: {FORMS}.")
    return rank in (2, 4)


def _reshuffled(
    dataset: tf.data.Dataset, size: int, seed: int, first_epoch: int = 0
) -> tf.data.Dataset:
    """Endless epochs. The order of each depends only on (seed, epoch).

    In contrast, a second iterator over shuffle().repeat() has another order than the first one.
    """

    @tf.autograph.experimental.do_not_convert
    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        # While a function is traced this seeds its graph only; the user's global seed would
        # otherwise be mixed into the order. TensorFlow takes it modulo 2³¹ - 1, but not as 0.
        tf.compat.v1.set_random_seed(seed % (2**31 - 2) + 1)
        return dataset.shuffle(size, number, reshuffle_each_iteration=False)

    return tf.data.Dataset.range(first_epoch, np.iinfo("int64").max).flat_map(epoch)


def _one_shape(fields: Mapping[str, Field], samples: list[str], batched: bool) -> Check:
    """A check that every element has the shape of the first ones, which it makes static."""

    @tf.autograph.experimental.do_not_convert
    def one_shape(element: Batch) -> Batch:
        for name in samples:
            x, shape = element[name], fields[name].shape
            seen = tf.shape(x)[int(batched) :]
            words = tf.strings.reduce_join(tf.strings.as_string(seen), separator=", ")
            what = "data" if name in NAMES.values() and len(samples) == 1 else repr(name)
            refuse_unless(
                tf.reduce_all(seen == shape),
                f"{what} has rows of different shapes, {shape} and (",
                words,
                f"): {RESIZE}.",
            )
            x.set_shape([None] * batched + list(shape))
        return element

    return one_shape


def _checked(fields: Mapping[str, Field], columns: Columns) -> Check:
    """A check of all rows of a step, for errors that the first rows didn't have."""

    @tf.autograph.experimental.do_not_convert
    def checked(element: Batch) -> Batch:
        found = {}
        for name, x in element.items():
            field, what = fields[name], what_of(name, columns)
            if field.is_label:
                rows = element[samples_of(columns)[0]].shape[0]
                found[name] = labels.checked(x, rows, field)
                continue
            _check_values(x, field, what)
            found[name] = x
        return found

    return checked


def _check_values(x: tf.Tensor, field: Field, what: str) -> None:
    if x.dtype.is_floating:
        refuse_unless(tf.reduce_all(tf.math.is_finite(x)), not_finite(what))
    exact = x.dtype == tf.bool or (x.dtype.is_integer and field.admits(x.dtype.min, x.dtype.max))
    if field.value_range is None or exact:
        return
    lo, hi = field.value_range
    wide = tf.cast(x, tf.float64)
    refuse_unless(
        tf.reduce_all(tf.abs(wide - (lo + hi) / 2) <= (1 + SLACK) * (hi - lo) / 2),
        f"{what} holds values from ",
        tf.strings.as_string(tf.reduce_min(wide), shortest=True),
        " to ",
        tf.strings.as_string(tf.reduce_max(wide), shortest=True),
        f", but its first rows (or the model) were in [{lo:g}, {hi:g}]: pass"
        " value_range=(lo, hi), or rescale the data.",
    )
