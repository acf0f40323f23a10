import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from data_cases import (
    LABELS,
    PICTURES,
    WITH_LABELS,
    N,
    picture,
    slices,
    take,
)
from PIL import Image

from ganzoo import data
from ganzoo.data import batches

# ---- pictures that are read by their number


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """3,000 grey pictures 8×8 in three classes, whose first two pixels are their number."""
    root = tmp_path_factory.mktemp("größer")
    for label in "abc":
        (root / label).mkdir()
    for number in range(3000):
        pixels = np.zeros((8, 8), "uint8")
        pixels[0, :2] = divmod(number, 256)
        Image.fromarray(pixels).save(root / "abc"[number % 3] / f"{number}.png")
    return root


def numbers(batch):
    return batch["image"][:, 0, 0, 0].astype(int) * 256 + batch["image"][:, 0, 1, 0]


def names(dataset, rows):
    return [name.decode() for name in dataset.records.find(tf.constant(rows))["name"].numpy()]


def rows_of(dataset, batch):
    """The files that a batch was read from."""
    path = {int(Path(name).stem): name for name in names(dataset, range(3000))}
    return [path[number] for number in numbers(batch)]


def test_an_epoch_of_a_folder_is_a_permutation(crowd):
    dataset = data.load(f"folder:{crowd}")
    b = batches(dataset, batch_size=100, columns=WITH_LABELS)
    assert b.steps_per_epoch == 30 and b.fields["label"].num_classes == 3
    seen = take(b.dataset, 60)
    assert all((numbers(batch) % 3 == batch["label"]).all() for batch in seen)
    first, second = (
        np.concatenate([numbers(batch) for batch in seen[i : i + 30]]) for i in (0, 30)
    )
    for epoch in (first, second):
        assert sorted(epoch) == list(range(3000))
        # a buffer that is smaller than the folder would keep rows near their place
        assert abs(np.corrcoef(epoch, range(3000))[0, 1]) < 0.1
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    by_number = np.arange(3000, dtype="float32")[:, None]
    same_order = take(batches(by_number, batch_size=100).dataset, 1)[0]["vector"][:, 0].astype(int)
    assert rows_of(dataset, seen[0]) == names(dataset, same_order)
    plain = np.concatenate([numbers(x) for x in take(batches(dataset, shuffle=False).dataset, 3)])
    assert list(plain) == [int(Path(name).stem) for name in names(dataset, range(192))]


def test_a_folder_is_resumed_without_the_files_before(crowd, tmp_path):
    dataset = data.load(f"folder:{shutil.copytree(crowd, tmp_path / 'crowd')}", seed=1)
    options = {"batch_size": 8, "steps": 2, "seed": 3}
    whole = take(batches(dataset, **options).dataset, 400)
    for first_step in (186, 187, 399):
        resumed = take(batches(dataset, **options, first_step=first_step).dataset, 1)[0]
        np.testing.assert_equal(resumed, whole[first_step])
    kept = set(names(dataset, range(80)))  # the first tell the range of values
    kept |= set(rows_of(dataset, whole[300]))
    for name in set(names(dataset, range(3000))) - kept:
        Path(name).unlink()
    resumed = take(batches(dataset, **options, first_step=300).dataset, 1)[0]
    np.testing.assert_equal(resumed, whole[300])


def test_few_files_are_opened_before_the_first_step(crowd, monkeypatch):
    looked_at, read, look, read_file = [], [], Image.open, tf.io.read_file

    def counted(name):
        with tf.control_dependencies([tf.numpy_function(read.append, [name], [])]):
            return read_file(name)

    monkeypatch.setattr(Image, "open", lambda file, **o: looked_at.append(file) or look(file, **o))
    monkeypatch.setattr(tf.io, "read_file", counted)
    dataset = data.load(f"folder:{crowd}")
    assert len(set(looked_at)) == len(looked_at) == 2000 and not read
    take(batches(dataset, batch_size=4).dataset, 1)
    assert 68 <= len(read) < 600  # some of them ahead


BAD = {
    "broken": (lambda file: file.write_bytes(file.read_bytes()[:-20]), "can't be read as a p"),
    "gone": (lambda file: file.unlink(), "can't be read as a picture: repair or remove it"),
    "large": (
        lambda file: Image.new("L", (9, 7)).save(file),
        r"is 7×9, but the first ones are 8×8: pass size=\(",
    ),
}


@pytest.fixture
def harmed(crowd):
    """Does things to files of the crowd that are undone afterwards."""
    before = {}

    def harm(name, change):
        file = Path(name)
        before[file] = file.read_bytes()
        change(file)

    yield harm
    for file, content in before.items():
        file.write_bytes(content)


@pytest.mark.parametrize(("change", "words"), BAD.values(), ids=BAD)
def test_one_bad_file_of_many_is_named_when_its_turn_comes(crowd, harmed, change, words):
    dataset = data.load(f"folder:{crowd}")
    bad = names(dataset, [2500])[0]
    harmed(bad, change)
    if Path(bad).exists():
        dataset = data.load(f"folder:{crowd}")  # it isn't one of those that are looked at
    ways = {
        "by number": batches(dataset, batch_size=50, seed=2),
        "unshuffled": batches(dataset, batch_size=50, shuffle=False),
        "a stream": batches(dataset.map(lambda e: e["image"]), batch_size=50),
    }
    for way, b in ways.items():
        with pytest.raises(data.DataError, match=words) as caught, data.clear_errors():
            for done, _ in enumerate(b.dataset, start=1):
                assert done < 60
        assert bad in str(caught.value) and "\n" not in str(caught.value), way
        if way == "unshuffled":
            assert done == 50


def test_a_folder_that_vanishes(tmp_path):
    for number in range(9):
        picture(tmp_path / f"x/{number}.png", (8, 8))
    dataset = data.load(f"folder:{tmp_path}/x")
    shutil.rmtree(tmp_path / "x")
    with pytest.raises(data.DataError, match=r"x/\d\.png can't be read"):
        batches(dataset, batch_size=9)


def test_what_no_look_at_a_large_folder_shows(crowd, harmed):
    red, large = names(data.load(f"folder:{crowd}"), [2998, 2999])
    harmed(red, Image.new("RGB", (8, 8), (255, 0, 0)).save)
    harmed(large, Image.new("L", (9, 7)).save)
    dataset = data.load(f"folder:{crowd}", size=(8, 8))
    b = batches(dataset, batch_size=100, shuffle=False, first_step=29)
    assert b.spec.shape == (8, 8, 1)
    colour = take(b.dataset, 1)[0]["image"][-2]
    assert np.ptp(colour) == 0 and 50 < colour[0, 0, 0] < 100  # the brightness of red


def test_replicas_share_the_pictures_of_a_step(crowd):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    b = batches(data.load(f"folder:{crowd}"), batch_size=8, replicas=2)
    shared = strategy.experimental_distribute_dataset(b.dataset)
    for batch, whole in zip(itertools.islice(shared, 5), b.dataset, strict=False):
        halves = strategy.experimental_local_results(batch["image"])
        np.testing.assert_array_equal(tf.concat(halves, 0), whole["image"])


def test_a_stream_of_tfds_goes_on_without_decoding_what_it_skips(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    decoded = []

    decode = tfds.features.Image.decode_example

    def watched(self, example):
        tf.numpy_function(lambda: decoded.append(1), [], [])
        return decode(self, example)

    features = {"image": tfds.features.Image(shape=(6, 5, 3)), "label": np.int64}
    tfds.dataset_builders.store_as_tfds_dataset(
        name="stream",
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={"train": slices({"image": PICTURES, "label": LABELS})},
        data_dir=tmp_path,
    )
    monkeypatch.setattr(tfds.features.Image, "decode_example", watched)
    dataset = data.load("tfds:stream")
    options = {"batch_size": 7, "columns": WITH_LABELS, "num_classes": 4}
    for order in ({"shuffle": False}, {"seed": 5}):
        whole = take(batches(dataset, **options, **order).dataset, 40)  # seven epochs
        rows = np.concatenate([batch["image"] for batch in whole])[: N * 7].reshape(7, N, -1)
        for epoch in rows:
            assert sorted(map(bytes, epoch)) == sorted(map(bytes, PICTURES))
        assert (rows[0] == rows[1]).all() == ("shuffle" in order)
        for first_step in (3, 6, 34):
            b = batches(dataset, **options, **order, first_step=first_step)
            decoded.clear()
            resumed = take(b.dataset, 1)[0]
            assert 7 <= len(decoded) < 7 * 34
            np.testing.assert_equal(resumed, whole[first_step])


def array_records(folder, name, shape, rows):
    import tensorflow_datasets as tfds

    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(shape=shape),
                "label": tfds.features.ClassLabel(names=list("abcd")),
                "id": np.int64,
            }
        ),
        split_datasets={"train": rows},
        data_dir=folder,
        disable_shuffling=True,
        file_format="array_record",
    )
    return next((folder / name).rglob("*.array_record-*"))


def test_array_records(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    rows = {"image": PICTURES, "label": LABELS, "id": LABELS}
    file = array_records(tmp_path, "pictures", (6, 5, 3), slices(rows))
    dataset = data.load("tfds:pictures")
    assert dataset.class_names == list("abcd") and dataset.cardinality() == N
    assert dataset.element_spec["image"] == tf.TensorSpec((6, 5, 3), "uint8")
    both = next(iter(dataset.batch(N)))
    assert set(both) == {"image", "label"}
    np.testing.assert_array_equal(both["image"], PICTURES)
    np.testing.assert_array_equal(both["label"], LABELS)
    options = {"batch_size": 8, "columns": WITH_LABELS, "seed": 5}
    whole = take(batches(dataset, **options).dataset, 10)
    np.testing.assert_equal(whole, take(batches(PICTURES, LABELS, **options).dataset, 10))
    for first_step in (4, 5, 9):
        resumed = take(batches(dataset, **options, first_step=first_step).dataset, 1)[0]
        np.testing.assert_equal(resumed, whole[first_step])
    small = data.load("tfds:pictures", size=(3, 4))
    assert small.element_spec["image"] == tf.TensorSpec((3, 4, 3), "uint8")
    assert small.class_names == dataset.class_names and len(list(small)) == N

    content = file.read_bytes()
    file.write_bytes(content[:400] + bytes(99) + content[499:])
    broken = r"row \d+ of tfds:pictures/1\.0\.0 can't be read as an image of TensorFlow Datasets"
    with pytest.raises(data.DataError, match=broken):
        batches(data.load("tfds:pictures"))


@pytest.mark.slow
def test_python_ends_while_array_records_are_read(tmp_path):
    rows = slices({"image": PICTURES, "label": LABELS, "id": LABELS}).repeat(50)
    array_records(tmp_path, "pictures", (6, 5, 3), rows)
    program = """
from ganzoo import data
stream = iter(data.batches(data.load("tfds:pictures"), batch_size=1000).dataset)
for _ in range(50):
    next(stream)
print("read")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"TFDS_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout) == (0, "read\n"), ended.stderr[-500:]


def test_array_records_of_different_sizes(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    sizes = [(6, 5)] * 50 + [(4, 7)]

    def rows():
        for i, size in enumerate(sizes):
            yield i, {"image": np.full((*size, 3), i, "uint8"), "label": i % 4, "id": i}

    array_records(tmp_path, "mixed", (None, None, 3), rows())
    dataset = data.load("tfds:mixed")
    assert dataset.element_spec["image"].shape == (6, 5, 3)
    words = r"row 50 of tfds:mixed/1\.0\.0 is 4×7, but the first ones are 6×5: pass size=\("
    with pytest.raises(data.DataError, match=words), data.clear_errors():
        take(batches(dataset, batch_size=3).dataset, 18)
    resized = take(batches(data.load("tfds:mixed", size=(2, 2)), batch_size=51).dataset, 1)
    assert sorted(resized[0]["image"].mean((1, 2, 3))) == list(range(51))
