"""The one place that turns user data into batches."""

from __future__ import annotations

import contextlib
import os
import re
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganzoo.data.spec import SLACK, Spec, checked_range

CLASSES = 65_536  # that can be learned: each is a column of weights

_RESIZE = (
    "resize or crop to one size, e.g. dataset.map(lambda x: tf.image.resize(x, (64, 64)))"
    " or ganzoo.data.load('folder:PATH', size=(64, 64))"
)
_FORMS = (
    "pass a numpy array, an (x, y) pair, or a tf.data.Dataset of x, (x, y) or"
    " {'image': …, 'label': …}; images are NHWC, vectors (N, features)"
)
_DTYPES = {
    "bool", "bfloat16", "float16", "float32", "float64", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64",
}  # fmt: skip
_LONGEST = 2**20  # rows of a step that a dataset is read for before it is known to have them
_NOT_FINITE = "data holds NaN or Inf: remove or replace those samples."
# TensorFlow wraps the words of an assertion in its own; the brackets find ours again.
_OPEN, _CLOSE = "[ganzoo.data:", ":ganzoo.data]"
# What a shuffle buffer, and what batches made ahead, may take: little of a laptop's memory.
_HELD_BYTES = 2**28
# Steps that are read at once, as waiting for files alternates with decoding.
_AT_ONCE = min(2 * (os.cpu_count() or 1), 16)


class DataError(ValueError):
    """Data found unusable while training ran, after what could be checked up front had passed."""


@contextlib.contextmanager
def clear_errors():
    """Within it, a failed check of the stream raises DataError with its one sentence only."""
    try:
        yield
    except tf.errors.OpError as error:
        found = re.search(re.escape(_OPEN) + "(.*?)" + re.escape(_CLOSE), str(error), re.DOTALL)
        if found is None and "Iterator" not in str(error):
            raise
        if found is None and "different shapes" in error.message:
            raise DataError(f"data has rows of different shapes: {_RESIZE}.") from error
        if found is None:
            raise DataError(_unreadable(error)) from error
        raise DataError(found[1].replace("\\", "").strip()) from None


def _unreadable(error):
    """The sentence for a dataset that fails: a file is gone, a picture damaged, a map wrong."""
    reason = re.sub(r"^.*Iterator::\S*: |\{\{.*?\}\} ?", "", error.message.split("\n")[0])
    return f"the dataset can't be read ({reason[:200].rstrip('. ')}): mend what it reads or does."


class Batches(NamedTuple):
    """What `batches` returns.

    dataset: yields {"image": rows in the user's dtype} and, where labels are learned,
        {"label": int32 rows}; the number of rows is static.
    spec: shape, dtype and units of the data.
    steps_per_epoch: None where only running through the dataset tells.
    """

    dataset: tf.data.Dataset
    spec: Spec
    steps_per_epoch: int | None


def batches(
    x,
    y=None,
    *,
    batch_size: int | None = None,
    steps: int = 1,
    labels: bool = False,
    num_classes: int | None = None,
    value_range: tuple[float, float] | None = None,
    spec: Spec | None = None,
    replicas: int = 1,
    shuffle: bool = True,
    seed: int = 0,
    first_step: int = 0,
    steps_per_epoch: int | None = None,
    part: tuple[int, int] = (0, 1),
) -> Batches:
    """Turns what a Keras user has at hand into an endless stream of checked, equal batches.

    x: an array (N, height, width, channels) or (N, features), an (x, y) pair, a dict
        {"image": x, "label": y} ("vector" for vectors, other keys are ignored), or a
        tf.data.Dataset of such elements, batched or not.
    y: integer labels (N,) or (N, 1), if x is an array.
    batch_size: samples per update over all replicas; 64, or that of a batched dataset.
    steps: critic steps; each element holds batch_size × steps rows.
    labels: whether to learn labels, 0 … num_classes − 1. `num_classes` is otherwise that of
        `spec`, the length of the dataset's `class_names`, or the largest label + 1.
    value_range: the (lo, hi) that becomes [-1, 1]. Not needed for uint8, for float images in
        [0, 1] or [-1, 1], nor for vectors, which are standardised per feature without it.
    spec: that of a model already built, which the data must then fit.
    first_step: where to start. The order depends on (seed, step) alone, so a run resumed at step
        n sees what the uninterrupted run sees. Arrays, and the folders and ArrayRecords of `load`,
        get a fresh permutation of all rows per epoch, of which those that don't fill a step are
        left out, and start at any step at once. Another dataset is shuffled within a buffer of at
        most 10,000 rows and 256 MiB, and replayed up to there: those of TFDS from the beginning of
        the epoch, without decoding, others from their first epoch.
    steps_per_epoch: needed for infinite datasets. A dataset of unknown length is repeated if it
        is given; otherwise one pass is one epoch, and first_step is ignored.
    part: (i, n) for the i-th of n workers, which gets the i-th n-th of each step's rows. Arrays,
        folders and ArrayRecords read no others.

    Of a dataset no more is held in memory than that buffer, 256 MiB of batches made ahead, and
    those in the making, two per core and 16 at most.

    Raises ValueError, in one sentence, for data that can't be trained on. Of a dataset only the
    first rows can be checked here: the rest is checked as it streams (see `clear_errors`).
    """
    _check_positive("batch_size", batch_size)
    _check_positive("num_classes", num_classes)
    _check_positive("steps_per_epoch", steps_per_epoch)
    source = (_Stream if isinstance(x, tf.data.Dataset) else _Arrays)(x, y, labels)
    batch_size = int(batch_size or source.batch_size)
    rows = batch_size * steps
    x_seen, y_seen = source.look(rows)
    _check_enough(sum(map(len, x_seen)), batch_size, steps, replicas)
    if labels:
        least, largest = _check_labels(y_seen)
        num_classes = num_classes or (spec and spec.num_classes) or source.num_classes()
        if spec is None and num_classes > CLASSES:
            raise ValueError(
                f"labels make {num_classes} classes, 0 … {num_classes - 1}, but at most {CLASSES}"
                " can be learned: renumber them 0, 1, 2, …"
            )
    learned = _learn(x_seen, value_range, spec, num_classes if labels else None)
    if labels and not 0 <= least <= largest < learned.num_classes:
        label = str(least if least < 0 else largest)
        raise ValueError("".join(_outside(label, learned.num_classes)))
    mine = slice(part[0] * rows // part[1], (part[0] + 1) * rows // part[1])
    dataset, per_epoch = source.stream(
        rows, mine, learned, shuffle, seed, first_step, steps_per_epoch, labels
    )
    # Autotuned, it may grow to half of the machine's memory.
    dataset = dataset.prefetch(_held(learned, rows, 16))
    options = tf.data.Options()
    # The tuner's thread sleeps for up to a minute, and an iterator's end often waits for it.
    asked = isinstance(x, tf.data.Dataset) and x.options().autotune.enabled
    options.autotune.enabled = bool(asked)
    return Batches(dataset.with_options(options), learned, per_epoch)


class _Arrays:
    """Arrays: every row is checked up front, and read in any order."""

    batch_size = 64

    def __init__(self, x, y, labels):
        x, own_y = _pair(x)
        if y is not None and own_y is not None:
            raise ValueError("y= was given, but the data brings its own labels: pass one of them.")
        self.x = x = _array(x, "data")
        if x.ndim == 3:
            raise ValueError(
                f"data has shape {x.shape}, but images are (N, height, width, channels): give grey"
                " images a channel axis with x[..., None]."
            )
        if x.ndim not in (2, 4):
            raise ValueError(f"data has shape {x.shape}: {_FORMS}.")
        if x.size == 0:
            raise ValueError(f"data is empty (shape {x.shape}): {_FORMS}.")
        y = own_y if y is None else y
        if y is not None:
            y = _array(y, "labels") if labels else y
            shape = y.shape if labels else _outer_shape(y)
            if tuple(shape[:1]) != x.shape[:1]:
                raise ValueError(
                    f"data has {len(x)} samples, but labels have shape {tuple(shape)}: pass"
                    " one label per sample."
                )
        self.y = y if labels else None

    def look(self, rows):
        return [self.x], [self.y]

    def num_classes(self):
        return max(int(self.y.max()), 0) + 1

    def stream(self, rows, mine, spec, shuffle, seed, first_step, steps_per_epoch, labels):
        # On a machine with a GPU the whole data set would else be copied to its memory.
        with tf.device("CPU:0"):
            columns = {"image": tf.constant(self.x)}
            if labels:
                columns["label"] = tf.constant(self.y.reshape(-1).astype("int32"))

        @tf.autograph.experimental.do_not_convert
        def read(row):
            return {name: tf.gather(column, row) for name, column in columns.items()}

        count = len(self.x)
        dataset, per_epoch = _by_number(read, count, rows, mine, shuffle, seed, first_step)
        return dataset, steps_per_epoch or per_epoch


def _by_number(read, count, rows, mine, shuffle, seed, first_step):
    """Endless steps of what `read` makes of a slice of their row numbers, int64 (rows,); steps per
    epoch."""
    per_epoch = count // rows

    @tf.autograph.experimental.do_not_convert
    def step_of(step):
        row = step % per_epoch * rows + tf.range(rows, dtype=tf.int64)
        if shuffle:
            key = tf.stack([tf.constant(seed, tf.int64), step // per_epoch])
            last = tf.constant(count - 1, tf.int64)
            row = tf.random.experimental.index_shuffle(row, key, last)
        return read(row[mine])

    numbers = tf.data.Dataset.range(first_step, np.iinfo("int64").max)
    return numbers.map(step_of, _AT_ONCE), per_epoch


def _held(spec, rows, most):
    """How many times that many rows may be held in memory."""
    size = rows * int(np.prod(spec.shape)) * tf.as_dtype(spec.dtype).size
    return max(1, min(_HELD_BYTES // size, most))


class _Stream:
    """A tf.data.Dataset: the first rows are checked up front, the others as they pass."""

    def __init__(self, dataset, y, labels):
        if y is not None:
            raise ValueError("y= was given with a dataset: pass a dataset of (x, y).")
        spec, label = _pair(dataset.element_spec)
        if isinstance(spec, tf.RaggedTensorSpec):
            raise ValueError(f"data has rows of different shapes: {_RESIZE}.")
        for part, what in ((spec, "data"), (label if labels else None, "labels")):
            if part is not None and not isinstance(part, tf.TensorSpec):
                raise ValueError(f"{what} of the dataset is a {type(part).__name__}: {_FORMS}.")
        check_dtype(spec.dtype, "data")
        if labels:
            _check_label_dtype(label and label.dtype)

        @tf.autograph.experimental.do_not_convert
        def parts(*element):
            x, y = _pair(element[0] if len(element) == 1 else element)
            return {"image": x, "label": y} if labels else {"image": x}

        self.class_names = getattr(dataset, "class_names", None)
        self.records = getattr(dataset, "records", None)
        self.encoded = getattr(dataset, "encoded", None)
        self.parts = parts
        self.dataset = dataset.map(parts)
        self.cardinality = int(dataset.cardinality())
        self.iterator = iter(self.dataset)
        self.first = first = self._next()
        if first is None or 0 in first["image"].shape:
            raise ValueError(f"data is empty (the dataset yields nothing): {_FORMS}.")
        shape = tuple(first["image"].shape)
        self.batched = _is_batched(shape, spec, label)
        self.batch_size = shape[0] if self.batched else 64
        self.is_image = len(shape) > 2

    def look(self, rows):
        """At least one step's rows, if there are, and enough to tell range and moments from."""
        if rows > _LONGEST:
            raise ValueError(
                f"a step of {rows} rows of a dataset won't do: pass a batch_size that makes it at"
                f" most {_LONGEST}."
            )
        enough, count = max(rows, 64 if self.is_image else 2048), 0
        xs, ys, element = [], [], self.first
        while element is not None and count < enough:
            x, y = (element[k].numpy() if k in element else None for k in ("image", "label"))
            if not self.batched:
                x, y = x[None], None if y is None else y[None]
            if xs and x.shape[1:] != xs[0].shape[1:]:
                shapes = f"{xs[0].shape[1:]} and {x.shape[1:]}"
                raise ValueError(f"data has rows of different shapes, {shapes}: {_RESIZE}.")
            if len(x):
                xs.append(x)
                ys.append(y)
            count += len(x)
            element = self._next()
        return xs, ys

    def _next(self):
        with clear_errors():
            return next(self.iterator, None)

    def num_classes(self):
        if self.class_names is not None:
            return len(self.class_names)
        if self.cardinality == tf.data.INFINITE_CARDINALITY:
            raise ValueError("an infinite dataset doesn't tell its classes: pass num_classes=….")

        @tf.autograph.experimental.do_not_convert
        def larger(largest, element):
            return tf.maximum(largest, tf.reduce_max(tf.cast(element["label"], tf.int64)))

        return int(self.dataset.reduce(np.int64(0), larger)) + 1

    def stream(self, rows, mine, spec, shuffle, seed, first_step, steps_per_epoch, labels):
        if self.records is not None:

            def read(row):
                return self.parts(self.records.read(row))

            count = self.records.count
            dataset, per_epoch = _by_number(read, count, rows, mine, shuffle, seed, first_step)
            steps_per_epoch = steps_per_epoch or per_epoch
            return dataset.map(_checked(spec, labels), _AT_ONCE), steps_per_epoch
        endless = self.cardinality != tf.data.UNKNOWN_CARDINALITY or steps_per_epoch is not None
        if endless and steps_per_epoch is None:
            steps_per_epoch = max(self._count() // rows, 1)
        if self.encoded is not None:
            dataset = self._decoded(rows * first_step, spec, shuffle, seed)
            dataset = dataset.batch(rows, drop_remainder=True)
        else:
            dataset = self._replayed(rows, spec, shuffle, seed, first_step, endless)

        @tf.autograph.experimental.do_not_convert
        def part(element):
            return {name: column[mine] for name, column in element.items()}

        dataset = dataset.map(part)
        return dataset.map(_checked(spec, labels), _AT_ONCE), steps_per_epoch

    def _decoded(self, begun, spec, shuffle, seed):
        """Endless rows from that one on; those before are not decoded, nor earlier epochs read."""
        epoch, begun = divmod(begun, self.cardinality)
        dataset, decode = self.encoded
        if shuffle:
            held = _held(spec, 1, min(self.cardinality, 10_000))
            dataset = _reshuffled(dataset, held, seed, epoch)
        else:
            dataset = dataset.repeat()

        def decoded(element):
            return one_shape(self.parts(decode(element)))

        one_shape = _one_shape(spec.shape, batched=False)
        return dataset.skip(begun).map(decoded, _AT_ONCE)

    def _replayed(self, rows, spec, shuffle, seed, first_step, endless):
        """Steps from that one on. What a foreign dataset gives may depend on how often it was read,
        so that all before is read."""
        dataset = self.dataset
        if not dataset.element_spec["image"].shape[int(self.batched) :].is_fully_defined():
            dataset = dataset.map(_one_shape(spec.shape, self.batched))
        if shuffle and not self.batched:
            held = _held(spec, 1, self.cardinality if 0 < self.cardinality < 10_000 else 10_000)
            dataset = _reshuffled(dataset, held, seed) if endless else dataset.shuffle(held, seed)
        elif endless:
            dataset = dataset.repeat()
        dataset = (dataset.rebatch if self.batched else dataset.batch)(rows, drop_remainder=True)
        return dataset.skip(first_step) if endless else dataset

    def _count(self):
        """Rows in one pass."""
        if self.cardinality == tf.data.INFINITE_CARDINALITY:
            raise ValueError("the dataset is infinite: pass steps_per_epoch=… to end an epoch.")
        if not self.batched:
            return self.cardinality
        last = self.dataset.element_spec["image"].shape[0]
        try:
            last = last or len(tf.data.experimental.at(self.dataset, self.cardinality - 1)["image"])
        except tf.errors.OpError:  # no random access: only one row of the last batch is sure
            last = 1
        return (self.cardinality - 1) * self.batch_size + last


def _pair(data):
    """x and y (or None) of x, (x, y) or {"image": x, "label": y}."""
    if isinstance(data, dict):
        key = next((k for k in ("image", "vector") if k in data), None)
        if key is None:
            raise ValueError(
                f"data is a dict with the keys {sorted(data, key=str)}: it needs 'image' (or"
                " 'vector') and, for labels, 'label'."
            )
        return data[key], data.get("label")
    if not isinstance(data, tuple):
        return data, None
    if len(data) not in (1, 2):
        raise ValueError(f"data is a tuple of {len(data)}: {_FORMS}.")
    return data if len(data) == 2 else (data[0], None)


def _array(value, what):
    ragged = isinstance(value, tf.RaggedTensor)
    array = None
    # NumPy would read any sequence, such as a keras PyDataset, to its end.
    if not ragged and (isinstance(value, list | tuple) or hasattr(value, "__array__")):
        try:
            array = value.numpy() if tf.is_tensor(value) else np.asarray(value)
        except Exception:  # whatever a foreign __array__ raises
            ragged = isinstance(value, list | tuple)
    if ragged:
        raise ValueError(f"{what} has rows of different shapes: {_RESIZE}.")
    if array is None:
        raise ValueError(f"{what} is of type {type(value).__name__}: {_FORMS}.")
    if array.dtype == object and array.size and isinstance(array.flat[0], np.ndarray):
        raise ValueError(f"{what} has rows of different shapes: {_RESIZE}.")
    check_dtype(array.dtype, what)
    return array


def _outer_shape(value):
    """The shape of what won't be learned, and may be anything."""
    try:
        return np.shape(value)
    except ValueError:  # rows of different lengths
        return (len(value),)


def _is_batched(shape, spec, label):
    """Whether elements whose first is of this shape are batches."""
    rank = len(shape)
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
        raise ValueError(f"the dataset's elements have shape {shape}: {_FORMS}.")
    return rank in (2, 4)


def _reshuffled(dataset, held, seed, first_epoch=0):
    """Endless epochs, the order of each a function of (seed, epoch) alone.

    shuffle().repeat() would go on, in a second iterator, from where the first one stopped.
    """

    @tf.autograph.experimental.do_not_convert
    def epoch(number):
        # While a function is traced this seeds its graph only; the user's global seed would
        # otherwise be mixed into the order. TensorFlow takes it modulo 2³¹ − 1, but not as 0.
        tf.compat.v1.set_random_seed(seed % (2**31 - 2) + 1)
        return dataset.shuffle(held, number, reshuffle_each_iteration=False)

    return tf.data.Dataset.range(first_epoch, np.iinfo("int64").max).flat_map(epoch)


def _one_shape(shape, batched):
    """Gives every element the shape of the first ones, or says that it has another."""

    @tf.autograph.experimental.do_not_convert
    def one_shape(element):
        x = element["image"]
        seen = tf.shape(x)[int(batched) :]
        words = tf.strings.reduce_join(tf.strings.as_string(seen), separator=", ")
        refuse_unless(
            tf.reduce_all(seen == shape),
            f"data has rows of different shapes, {shape} and (",
            words,
            f"): {_RESIZE}.",
        )
        x.set_shape([None] * batched + list(shape))
        return element | {"image": x}

    return one_shape


def _checked(spec, labels):
    """Checks of a whole step's rows, for what the first rows couldn't show."""

    @tf.autograph.experimental.do_not_convert
    def checked(element):
        x = element["image"]
        if x.dtype.is_floating:
            refuse_unless(tf.reduce_all(tf.math.is_finite(x)), _NOT_FINITE)
        exact = x.dtype == tf.bool or (x.dtype.is_integer and spec.admits(x.dtype.min, x.dtype.max))
        if spec.value_range is not None and not exact:
            lo, hi = spec.value_range
            wide = tf.cast(x, tf.float64)
            refuse_unless(
                tf.reduce_all(tf.abs(wide - (lo + hi) / 2) <= (1 + SLACK) * (hi - lo) / 2),
                "data holds values from ",
                tf.strings.as_string(tf.reduce_min(wide), shortest=True),
                " to ",
                tf.strings.as_string(tf.reduce_max(wide), shortest=True),
                f", but its first rows (or the model) were in [{lo:g}, {hi:g}]: pass"
                " value_range=(lo, hi), or rescale the data.",
            )
        if not labels:
            return element
        y = tf.reshape(tf.cast(element["label"], tf.int64), x.shape[:1])
        least, largest = tf.reduce_min(y), tf.reduce_max(y)
        worst = tf.strings.as_string(tf.where(least < 0, least, largest))
        inside = (least >= 0) & (largest < spec.num_classes)
        refuse_unless(inside, *_outside(worst, spec.num_classes))
        return element | {"label": tf.cast(y, tf.int32)}

    return checked


def refuse_unless(condition, *words):
    """In a graph of tf.data: fails with the words (str or string tensors) as the one sentence that
    `clear_errors` raises, unless the condition is true."""
    tf.debugging.Assert(condition, [tf.strings.join([_OPEN, *words, _CLOSE])])


def _check_positive(name, value):
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1
    ):
        raise ValueError(f"{name}={value!r} is not a positive int.")


def check_dtype(dtype, what):
    """Raises ValueError for what TensorFlow can't hold or can't compute with."""
    try:
        usable = tf.as_dtype(dtype).name in _DTYPES
    except TypeError:
        usable = False
    if not usable:
        name = getattr(dtype, "name", dtype)
        raise ValueError(
            f"{what} has dtype {name}: pass real numbers, floats of 16 to 64 bits or integers of 8"
            " to 64."
        )


def _check_enough(count, batch_size, steps, replicas):
    if batch_size % replicas:
        below = batch_size // replicas * replicas
        near = f"{below} or {below + replicas}" if below else f"{replicas}"
        raise ValueError(
            f"batch_size {batch_size} can't be divided among {replicas} replicas: pass a batch_size"
            f" of {near}."
        )
    if count < batch_size * steps:
        size = f"batch_size {batch_size}" + (f" × {steps} critic steps" if steps > 1 else "")
        size += f", on {replicas} replicas" if replicas > 1 else ""
        most = count // steps // replicas * replicas
        mend = f"more data or a batch_size of at most {most}" if most else "more data"
        raise ValueError(
            f"data has {count} samples, but one step needs {batch_size * steps} ({size}):"
            f" pass {mend}."
        )


def _check_label_dtype(dtype):
    if dtype is None:
        raise ValueError("labels are to be learned, but the data has none: pass (x, y).")
    if not tf.as_dtype(dtype).is_integer:
        raise ValueError(
            f"labels have dtype {tf.as_dtype(dtype).name}, but must be integers: pass"
            ' y.astype("int32"), or y.argmax(-1) if they are one-hot.'
        )


def _check_labels(chunks):
    """The least and the largest of integer labels (N,) or (N, 1)."""
    for y in chunks:
        _check_label_dtype(None if y is None else y.dtype)
        if y.shape[1:] not in ((), (1,)):
            raise ValueError(
                f"labels have shape {y.shape}, but must be (N,): pass y.argmax(-1) if they are"
                " one-hot."
            )
    return int(min(y.min() for y in chunks)), int(max(y.max() for y in chunks))


def _outside(label, num_classes):
    return (
        "labels hold ",
        label,
        f", but must be 0 … {num_classes - 1} (num_classes={num_classes}): renumber them or pass"
        " num_classes=….",
    )


def _learn(chunks, value_range, given, num_classes):
    """The Spec of the rows seen, or the given one if they fit it."""
    shape, dtype = chunks[0].shape[1:], chunks[0].dtype.name
    if value_range is not None:
        checked_range(value_range)
    # min and max propagate NaN, so one pass without a copy sees what is not finite too.
    low = float(np.min([np.min(chunk) for chunk in chunks]))
    high = float(np.max([np.max(chunk) for chunk in chunks]))
    if not np.isfinite([low, high]).all():
        raise ValueError(_NOT_FINITE)
    if given is None:
        moments = None
        if len(shape) == 1 and value_range is None:
            rows = np.concatenate(chunks) if len(chunks) > 1 else chunks[0]
            moments = rows.mean(0, dtype="float64"), rows.std(0, dtype="float64")
        return Spec.learn(
            shape,
            dtype,
            low,
            high,
            moments=moments,
            value_range=value_range,
            num_classes=num_classes,
        )
    if (shape, dtype) != (given.shape, given.dtype):
        raise ValueError(
            f"data is {dtype} of shape {shape}, but the model was built for {given.dtype} of shape"
            f" {given.shape}: pass data of that kind, or build a new model."
        )
    if not given.admits(low, high) or (
        value_range is not None and not np.allclose(value_range, given.value_range or np.nan)
    ):
        raise ValueError(
            f"data holds values from {low:g} to {high:g}"
            + ("" if value_range is None else f" with value_range={tuple(value_range)}")
            + f", but the model was built for the value range {given.value_range}: rescale the"
            " data, or build a new model."
        )
    if num_classes is not None and num_classes > (given.num_classes or 0):
        raise ValueError(
            f"data has {num_classes} classes, but the model was built for"
            f" {given.num_classes or 'none'}: pass labels of those, or build a new model."
        )
    return given
