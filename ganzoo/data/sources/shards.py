"""Pictures in shards, in a folder or on object storage: TFRecord, ArrayRecord or Parquet.

    ganzoo.data.write_shards(ganzoo.data.load("digits"), "s3://bucket/digits", shards=16)
    digits = ganzoo.data.load("shards:s3://bucket/digits")

A row is a picture as PNG or JPEG and, if there are classes, its label. In TFRecord and ArrayRecord
it is a `tf.train.Example` of the features `image` and `label`, as TensorFlow Datasets writes it; in
Parquet it is a row of the columns `image` (bytes, or the {"bytes": …} of Hugging Face's datasets)
and `label`. `shards.json` in the same folder counts the rows of each shard: the order of the rows
then depends on the seed and the step alone, and no shard is read before its turn.

Of the shards that are being read a copy lies in a temporary file without a name, and none in
memory.
"""

from __future__ import annotations

import fnmatch
import itertools
import json
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.data.checks import check_int, marked
from ganzoo.data.lanes import LANES
from ganzoo.data.records import Element, Records, while_python_runs
from ganzoo.data.sources.pictures import Change
from ganzoo.foundation import files

INDEX = "shards.json"
_PART = 256  # rows that are in memory at once
Rows = Iterator[tuple[list[bytes], np.ndarray]]


def shards(address: str, change: Change) -> tuple[tf.data.Dataset, list[str] | None]:
    """The pictures of the shards of a folder, or of those that a pattern such as
    `s3://bucket/digits/train-*` chooses, in the order of their names; and the class names."""
    folder = files.at(address)
    pattern = "*"
    if set(folder.name) & set("*?["):
        folder, pattern = folder.parent, folder.name
    index = _index_of(folder)
    names = sorted(fnmatch.filter(index["rows"], pattern))
    if not names:
        raise ValueError(f"{folder / INDEX} names no shards {pattern}: {_named(index['rows'])}.")
    counts = [index["rows"][name] for name in names]
    height, width, channels = index["shape"]
    opened = _Opened([folder / name for name in names], counts)

    def find(rows: tf.Tensor) -> Element:
        read = while_python_runs(opened.rows)
        data, label, name = tf.numpy_function(
            read, [rows], [tf.string, tf.int64, tf.string], stateful=False
        )
        for tensor in (data, label, name):
            tensor.set_shape(rows.shape)
        labelled = {} if index["class_names"] is None else {"label": label}
        return {"data": data, "name": name} | labelled

    def decode(element: Element) -> Element:
        image = tf.io.decode_image(element["data"], channels=channels, expand_animations=False)
        rest = {key: element[key] for key in element.keys() - {"data", "name"}}
        return change({"image": tf.ensure_shape(image, (None, None, channels))} | rest)

    shape = (*change.size_of((height, width)), channels)
    records = Records(sum(counts), shape, find, decode, "a picture", tuple(counts))
    return change.of_records(records).dataset(), index["class_names"]


class _Opened:
    """The shards that are being read: the last ones that were asked for."""

    def __init__(self, paths: Sequence[Any], counts: Sequence[int]):
        self.paths, self.counts, self.ends = paths, counts, np.cumsum(counts)
        self.open: dict[int, Future[_Shard]] = {}
        self.lock, self.pool = threading.Lock(), ThreadPoolExecutor(8)

    def rows(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Their pictures, labels and names."""
        shard = np.searchsorted(self.ends, numbers, side="right")
        at_hand = {int(s): self._begun(int(s)) for s in np.unique(shard)}
        data, labels, names = [], [], []
        for s, number in zip(shard.tolist(), numbers.tolist(), strict=True):
            row = number - int(self.ends[s]) + self.counts[s]
            try:
                one = at_hand[s].result()
            except ValueError as error:
                raise ValueError(marked(str(error))) from None
            data.append(one.picture(row))
            labels.append(one.labels[row])
            names.append(os.fsencode(f"row {row} of {self.paths[s]}"))
        return np.array(data, object), np.array(labels, "int64"), np.array(names, object)

    def _begun(self, shard: int) -> Future[_Shard]:
        with self.lock:
            found = self.open.pop(shard, None)
            if found is None:
                found = self.pool.submit(_Shard, self.paths[shard], self.counts[shard])
            self.open[shard] = found  # as the last one
            while len(self.open) > 2 * LANES:
                del self.open[next(iter(self.open))]
            return found


class _Shard:
    """The rows of a shard, as a temporary file."""

    def __init__(self, path: Any, count: int | None = None):
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  closed with its last reader
        lengths, labels = [0], []
        try:
            with files.local(path) as copy:
                for pictures, numbers in _FORMS[str(_form(path.name))][0](copy):
                    self.file.writelines(pictures)
                    lengths += map(len, pictures)
                    labels.append(numbers)
        except Exception as error:  # each storage, TensorFlow and pyarrow have their own
            reason = str(error).split("\n")[0][:200].rstrip(".")
            raise ValueError(f"{path} can't be read ({reason}): repair it.") from error
        self.file.flush()
        self.ends, self.labels = np.cumsum(lengths), np.concatenate([[], *labels]).astype("int64")
        if count is not None and len(self.labels) != count:
            raise ValueError(
                f"{path} has {len(self.labels)} rows, but {INDEX} counts {count}: count anew with "
                "ganzoo.data.index_shards(ADDRESS)."
            )

    def picture(self, row: int) -> bytes:
        first, last = self.ends[row : row + 2].tolist()
        return os.pread(self.file.fileno(), last - first, first)


# ---- the forms


def _examples(records: Any) -> tuple[list[bytes], np.ndarray]:
    features = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64, default_value=-1),
    }
    with tf.device("CPU:0"):
        found = tf.io.parse_example(records, features)
        return found["image"].numpy().tolist(), found["label"].numpy()


def _example(image: bytes, label: int | None) -> bytes:
    features = {"image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))}
    if label is not None:
        features["label"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _read_tfrecord(file: Path) -> Rows:
    options = tf.data.Options()
    options.autotune.enabled = False  # the tuner's thread would hold up the end
    for records in tf.data.TFRecordDataset(str(file)).batch(_PART).with_options(options):
        yield _examples(records)


def _write_tfrecord(file: Path, rows: Rows) -> None:
    with tf.io.TFRecordWriter(str(file)) as writer:
        for pictures, numbers in rows:
            for row in zip(pictures, numbers.tolist() or [None] * len(pictures), strict=True):
                writer.write(_example(*row))


def _read_array_record(file: Path) -> Rows:
    from array_record.python import array_record_module

    reader = array_record_module.ArrayRecordReader(str(file))
    for first in range(0, reader.num_records(), _PART):
        last = min(first + _PART, reader.num_records())
        yield _examples(reader.read(list(range(first, last))))
    reader.close()


def _write_array_record(file: Path, rows: Rows) -> None:
    from array_record.python import array_record_module

    writer = array_record_module.ArrayRecordWriter(str(file), "group_size:1")
    for pictures, numbers in rows:
        for row in zip(pictures, numbers.tolist() or [None] * len(pictures), strict=True):
            writer.write(_example(*row))
    writer.close()


def _read_parquet(file: Path) -> Rows:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(file) as opened:
        kept = [name for name in ("image", "label") if name in opened.schema_arrow.names]
        for batch in opened.iter_batches(_PART, columns=kept):
            found = batch.to_pydict()
            pictures = [p["bytes"] if isinstance(p, dict) else p for p in found["image"]]
            yield pictures, np.array(found.get("label", [-1] * len(pictures)), "int64")


def _write_parquet(file: Path, rows: Rows) -> None:
    import pyarrow.parquet

    fields, writer = {"image": pyarrow.binary(), "label": pyarrow.int64()}, None
    for pictures, numbers in rows:
        columns = {"image": pictures} | ({"label": numbers} if len(numbers) else {})
        schema = pyarrow.schema([(name, fields[name]) for name in columns])
        writer = writer or pyarrow.parquet.ParquetWriter(file, schema, compression="none")
        writer.write_table(pyarrow.table(columns, schema))
    if writer is not None:
        writer.close()


_FORMS: dict[str, tuple[Callable[[Path], Rows], Callable[[Path, Rows], None]]] = {
    "tfrecord": (_read_tfrecord, _write_tfrecord),
    "array_record": (_read_array_record, _write_array_record),
    "parquet": (_read_parquet, _write_parquet),
}


def _form(name: str) -> str | None:
    """The form of a shard, by the ending of its name, after which TensorFlow Datasets writes
    -00000-of-00016."""
    found = re.search(rf"\.({'|'.join(_FORMS)})(-\d+-of-\d+)?$", name)
    return found[1] if found else None


# ---- the index, and writing


def _index_of(folder: Any) -> dict[str, Any]:
    try:
        found = json.loads((folder / INDEX).read_text())
        rows, (height, width, channels) = found["rows"], map(int, found["shape"])
        return {
            "rows": {str(name): int(count) for name, count in rows.items() if int(count)},
            "shape": (height, width, channels),
            "class_names": found.get("class_names"),
        }
    except FileNotFoundError as error:
        raise ValueError(
            f"there is no {folder / INDEX}, which counts the rows of each shard: write shards with "
            "ganzoo.data.write_shards, or count those of others with ganzoo.data.index_shards."
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{folder / INDEX} isn't as ganzoo wrote it: count anew with ganzoo.data.index_shards."
        ) from error
    except Exception as error:  # each storage has errors of its own
        reason = str(error).split("\n")[0][:200].rstrip(".") or type(error).__name__
        raise ValueError(f"{folder / INDEX} can't be read: {reason}.") from error


def _named(names: Any) -> str:
    return "there are " + (", ".join(sorted(names)[:3]) + ", …" if names else "none")


def index_shards(address: str, class_names: Sequence[str] | None = None) -> int:
    """Counts the rows of shards that others wrote, and writes `shards.json`. Each shard is read
    once.

    Args:
        address: a folder, or an address such as `s3://bucket/folder`.
        class_names: of the labels 0, 1, …; by default their numbers.

    Returns:
        How many rows there are.

    Raises:
        ValueError: there are no shards, or one can't be read.
    """
    folder = files.at(address)
    paths = sorted((p for p in folder.iterdir() if _form(p.name)), key=lambda p: p.name)
    if not paths:
        raise ValueError(f"{address} holds no files that end in .{', .'.join(_FORMS)}.")
    counts, first, most = {}, b"", -1
    for path in paths:
        shard = _Shard(path)
        counts[path.name] = len(shard.labels)
        if len(shard.labels):
            first = first or shard.picture(0)
            most = max(most, int(shard.labels.max()))
    try:
        shape = tf.io.decode_image(first, expand_animations=False).shape
    except tf.errors.OpError as error:
        raise ValueError(f"the first row of {address} is no PNG or JPEG: repair it.") from error
    names = list(class_names or map(str, range(most + 1))) if most >= 0 else None
    _write_index(folder, counts, shape, names)
    return sum(counts.values())


def _write_index(folder: Any, counts: dict[str, int], shape: Any, names: Any) -> None:
    index = {"rows": counts, "shape": [int(n) for n in shape], "class_names": names}
    with files.storing(folder / INDEX) as draft:
        draft.write_text(json.dumps(index, indent=1) + "\n")


def write_shards(
    dataset: tf.data.Dataset, address: str, *, shards: int = 16, form: str = "tfrecord"
) -> None:
    """Writes the pictures of a dataset as shards, which `load("shards:ADDRESS")` reads.

    `shards.json` is written last: shards without it are those of a writing that was broken off.

    Args:
        dataset: {"image": uint8 (height, width, 1 or 3)} with or without an integer "label",
            unbatched and of known length, as `ganzoo.data.load` gives it. It is read once, and each
            shard gets the rows that follow: shuffle rows that are sorted, such as by class. Those
            of `folder:PATH` are in a random order already.
        address: a folder, or an address such as `s3://bucket/folder`, that holds no shards yet.
        shards: how many. 16, 32, 48, … can be read by 1, 2, 4, 8 or 16 workers. One of 10 to
            100 MB is read well.
        form: "tfrecord", "array_record" or "parquet".

    Raises:
        ValueError: an argument is not as above.
        OSError: the shards can't be written.
    """
    count = check_int("shards", shards, 1)
    if form not in _FORMS:
        raise ValueError(f"form={form!r} is unknown: pass one of {', '.join(map(repr, _FORMS))}.")
    spec = getattr(dataset, "element_spec", None)
    image = spec.get("image") if isinstance(spec, dict) else None
    if spec is None or image is None or image.dtype != tf.uint8 or image.shape.rank != 3:
        raise ValueError(
            f"the dataset's elements are {spec}: shards hold {{'image': uint8 (height, width, "
            "channels)} with or without an integer 'label', unbatched."
        )
    length = int(dataset.cardinality())
    if length < count:
        raise ValueError(f"a dataset of {length} rows can't fill {count} shards.")
    folder = files.at(address)
    if (folder / INDEX).exists():
        raise ValueError(f"{address} holds shards already: name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    rows = dataset.map(lambda e: e | {"image": tf.io.encode_png(e["image"])}, tf.data.AUTOTUNE)
    iterator, counts = rows.as_numpy_iterator(), {}
    for number, own in enumerate(np.array_split(np.arange(length), count)):
        name = f"{number:05}.{form}"
        with files.storing(folder / name) as draft:
            _FORMS[form][1](draft, _parts(itertools.islice(iterator, len(own))))
        counts[name] = len(own)
    shape = image.shape
    if not shape.is_fully_defined():
        shape = next(iter(dataset))["image"].shape
    names = getattr(dataset, "class_names", None)
    if names is None and "label" in spec:
        most = dataset.reduce(np.int64(0), lambda m, e: tf.maximum(m, tf.cast(e["label"], "int64")))
        names = list(map(str, range(int(most) + 1)))
    _write_index(folder, counts, shape, names)


def _parts(rows: Iterator[dict[str, Any]]) -> Rows:
    while part := list(itertools.islice(rows, _PART)):
        yield [row["image"] for row in part], np.array([r["label"] for r in part if "label" in r])
