"""Pictures in shards on object storage: each worker reads its own, in an order of seed and step."""

import importlib
import json
import sys

import numpy as np
import pytest
import tensorflow as tf
from data_cases import LABELS, PICTURES, WITH_LABELS, slices, take

import ganzoo
from ganzoo import data
from ganzoo.data import batches
from ganzoo.data.arrays import Order
from ganzoo.data.lanes import by_lane
from ganzoo.data.sources.shards import _example, _write_tfrecord

FORMS = ("tfrecord", "array_record", "parquet")
ROWS = slices({"image": PICTURES, "label": LABELS})  # 40
OPTIONS = {"columns": WITH_LABELS, "batch_size": 8, "seed": 3}


def numbers(shards, steps, mine=None, **more):
    """Row numbers, as `by_lane` orders them."""
    rows = more.pop("rows", 8)
    order = Order(rows, mine or slice(0, rows), True, **{"seed": 1, "first_step": 0} | more,
                  steps_per_epoch=None)  # fmt: skip
    dataset, length = by_lane(lambda row: {"row": row}, shards, order)
    return [batch["row"] for batch in take(dataset, steps)], length


# ---- the order


@pytest.mark.parametrize("shards", [[10] * 8, [9, 11, 10, 10, 12, 8, 3, 17], [80], [1] * 64])
def test_an_epoch_takes_each_row_once_and_the_next_in_another_order(shards):
    (steps, length) = numbers(shards, 40)
    lanes = np.gcd.reduce([len(shards), 8, 16])
    assert length == np.reshape(shards, (lanes, -1)).sum(1).min() // (8 // lanes)
    first, second = np.concatenate(steps[:length]), np.concatenate(steps[length : 2 * length])
    for epoch in (first, second):
        assert len(set(epoch)) == len(epoch) == 8 * length
        assert min(epoch) >= 0 and max(epoch) < sum(shards)
    assert (first != second).mean() > 0.5
    assert not np.array_equal(np.concatenate(numbers(shards, length, seed=2)[0]), first)


def test_all_rows_of_long_lanes_are_seen_in_time():
    steps, _ = numbers([5, 5, 5, 25], 300, rows=4)
    assert len(set(np.concatenate(steps))) == 40


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
def test_workers_read_their_shards_and_make_the_same_steps(workers):
    shards, rows = [7, 9, 8, 8] * 4, 16
    ends = np.cumsum(shards)
    whole, _ = numbers(shards, 20, rows=rows)
    share, own = rows // workers, len(shards) // workers
    for i in range(workers):
        mine = slice(i * share, (i + 1) * share)
        steps, _ = numbers(shards, 15, mine, rows=rows, first_step=5)
        for here, there in zip(steps, whole[5:], strict=True):
            np.testing.assert_array_equal(here, there[mine])
        opened = set(np.searchsorted(ends, np.concatenate(steps), side="right"))
        assert opened == set(range(i * own, (i + 1) * own))


def test_a_lane_has_few_shards_at_hand():
    """Of 32 shards in 8 lanes a lane's steps read one at a time, and begin the next at its end."""
    shards = [20] * 32
    steps, length = numbers(shards, 80)
    assert length == 80
    for lane, of_lane in enumerate(np.transpose(steps) // 20):
        assert (np.diff(of_lane) != 0).sum() == 3
        assert set(of_lane) == set(range(4 * lane, 4 * lane + 4))


@pytest.mark.parametrize(
    ("shards", "rows", "mine", "words"),
    [
        ([8] * 3, 6, slice(0, 3), "3 shards and 6 rows per step can't be divided among 2 workers"),
        ([8] * 6, 6, slice(0, 2), "among 3 workers: use 2, 4, 8 or 16"),
        ([1] * 8, 64, slice(0, 64), "has 1 rows, but a step takes 8 of each"),
    ],
)
def test_shards_that_cannot_be_shared_get_a_sentence(shards, rows, mine, words):
    with pytest.raises(ValueError, match=words):
        numbers(shards, 1, mine, rows=rows)


# ---- on object storage


@pytest.mark.parametrize("form", FORMS)
def test_shards_on_s3(s3, form):
    address = "s3://bucket/pictures"
    data.write_shards(ROWS, address, shards=8, form=form)
    dataset = data.load(f"shards:{address}")
    assert dataset.class_names == list("0123") and dataset.cardinality() == len(PICTURES)
    assert dataset.element_spec["image"] == tf.TensorSpec((6, 5, 3), "uint8")
    both = next(iter(dataset.batch(len(PICTURES))))
    np.testing.assert_array_equal(both["image"], PICTURES)
    np.testing.assert_array_equal(both["label"], LABELS)
    b = batches(dataset, **OPTIONS)
    assert b.steps_per_epoch == 5 and b.fields["label"].num_classes == 4
    whole = take(b.dataset, 12)
    epoch = np.concatenate([batch["image"] for batch in whole[:5]])
    assert sorted(map(bytes, epoch)) == sorted(map(bytes, PICTURES))
    label = dict(zip(map(bytes, PICTURES), LABELS, strict=True))
    assert [label[bytes(x)] for x in epoch] == [y for s in whole[:5] for y in s["label"]]
    for i in (0, 1):
        dataset = data.load(f"shards:{address}")  # a worker is a process of its own
        s3.seen.clear()
        half = take(batches(dataset, **OPTIONS, first_step=7, part=(i, 2)).dataset, 5)
        for here, there in zip(half, whole[7:], strict=True):
            for key, rows in here.items():
                np.testing.assert_array_equal(rows, there[key][4 * i : 4 * i + 4])
        assert s3.read() == {f"pictures/{n:05}.{form}" for n in range(4 * i, 4 * i + 4)}


def test_sizes_mirrors_patterns_and_unlabelled_rows(tmp_path):
    data.write_shards(ROWS.map(lambda e: {"image": e["image"]}), str(tmp_path / "a"), shards=4)
    name = f"shards:{tmp_path}/a"
    assert set(data.load(name).element_spec) == {"image"}
    part = data.load(f"{name}/0000[12]*", size=(3, 4), flip=True)
    assert part.element_spec["image"].shape == (3, 4, 3) and part.cardinality() == 40
    pairs = np.stack([e["image"] for e in part.as_numpy_iterator()])
    np.testing.assert_array_equal(pairs[0::2], pairs[1::2, :, ::-1])
    steps = take(batches(part, batch_size=8).dataset, 5)
    seen = sorted(x.tobytes() for step in steps for x in step["image"])
    assert seen == sorted(x.tobytes() for x in pairs)


def test_shards_of_others_are_counted(tmp_path):
    """Those of TensorFlow Datasets, and the Parquet files of Hugging Face's datasets."""
    import pyarrow
    import pyarrow.parquet

    png = [tf.io.encode_png(x).numpy() for x in PICTURES]
    images = [{"bytes": p, "path": f"{i}.png"} for i, p in enumerate(png)]
    for i in (0, 1):
        half = slice(20 * i, 20 * i + 20)
        table = {"image": images[half], "label": LABELS[half], "more": list("x" * 20)}
        pyarrow.parquet.write_table(pyarrow.table(table), tmp_path / f"train-{i}-of-2.parquet")
    name = tmp_path / "tfds-train.tfrecord-00000-of-00001"
    with tf.io.TFRecordWriter(str(name)) as writer:
        writer.write(_example(png[0], 9))
    (tmp_path / "README.md").write_text("not a shard")
    assert data.index_shards(str(tmp_path)) == 41
    assert data.load(f"shards:{tmp_path}").class_names == list("0123456789")
    dataset = data.load(f"shards:{tmp_path}/*.parquet")
    np.testing.assert_array_equal([e["image"] for e in dataset.as_numpy_iterator()], PICTURES)


@pytest.mark.slow
def test_a_gan_trains_on_them_and_goes_on(s3, tmp_path):
    data.write_shards(data.load("digits").take(256), "s3://bucket/digits", shards=4)
    digits = data.load("shards:s3://bucket/digits")

    def trained(epochs, folder=None):
        gan = ganzoo.get("lsgan", width=8)
        gan.fit(digits, batch_size=32, epochs=epochs, verbose=0, checkpoint=folder)
        return gan

    whole = trained(2)
    trained(1, tmp_path)
    for a, b in zip(trained(2, tmp_path).get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# ---- what can't be read


@pytest.fixture
def folder(tmp_path):
    data.write_shards(ROWS, str(tmp_path), shards=2)
    return tmp_path


def index(folder, **change):
    path = folder / "shards.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


BAD = {
    "no index": (lambda f: (f / "shards.json").unlink(), "there is no .*index_shards"),
    "no json": (lambda f: (f / "shards.json").write_text("{"), "isn't as ganzoo wrote it"),
    "no shape": (lambda f: index(f, shape=None), "isn't as ganzoo wrote it"),
    "no shards": (lambda f: index(f, rows={}), r"names no shards \*: there are none"),
    "gone": (lambda f: (f / "00000.tfrecord").unlink(), r"00000\.tfrecord"),
    "cut": (
        lambda f: (f / "00000.tfrecord").write_bytes((f / "00000.tfrecord").read_bytes()[:-9]),
        r"00000\.tfrecord can't be read \(.*\): repair it",
    ),
    "longer": (
        lambda f: index(f, rows={"00000.tfrecord": 19, "00001.tfrecord": 20}),
        "has 20 rows, but shards.json counts 19: count anew",
    ),
    "no picture": (
        lambda f: _write_tfrecord(f / "00000.tfrecord", iter([([b"?"] * 20, LABELS[:20])])),
        r"row \d+ of .*00000\.tfrecord can't be read as a picture: repair or remove it",
    ),
}


@pytest.mark.parametrize(("harm", "words"), BAD.values(), ids=BAD)
def test_bad_shards_get_a_sentence(folder, harm, words):
    harm(folder)
    with pytest.raises(ValueError, match=words), data.clear_errors():
        take(batches(data.load(f"shards:{folder}"), **OPTIONS).dataset, 1)


def test_a_bucket_that_cannot_be_read(s3):
    with pytest.raises(ValueError, match=r"s3://nobucket/x/shards\.json"):
        data.load("shards:s3://nobucket/x")


@pytest.mark.parametrize("package", ["upath", "s3fs"])
def test_packages_that_are_missing_are_named(monkeypatch, package):
    registry = importlib.import_module("fsspec.registry")
    monkeypatch.delitem(registry._registry, "s3", raising=False)
    for name in [n for n in sys.modules if n.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ValueError, match=r"s3://b/c can't be reached .*pip install universal_pathlib"
    ):
        data.load("shards:s3://b/c")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dataset": ROWS.batch(2)}, "shards hold"),
        ({"dataset": slices(PICTURES)}, "shards hold"),
        ({"shards": 41}, "40 rows can't fill 41 shards"),
        ({"shards": 0}, "at least 1"),
        ({"form": "zip"}, "form='zip' is unknown"),
        ({"address": "again"}, "holds shards already"),
    ],
)
def test_what_cannot_be_written(folder, tmp_path, given, words):
    given = dict(given)
    address = str(folder if given.pop("address", None) else tmp_path / "new")
    with pytest.raises(ValueError, match=words):
        data.write_shards(**{"dataset": ROWS, "address": address} | given)


def test_no_shards_to_count(tmp_path):
    with pytest.raises(ValueError, match=r"holds no files that end in \.tfrecord"):
        data.index_shards(str(tmp_path))
