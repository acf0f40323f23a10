"""Named columns: labels by name or missing, pairs, and what is not a pair."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from data_cases import LABELS, PICTURES, WITH_LABELS, N, slices, take

from ganzoo import data
from ganzoo.data import Column, Field, batches

OPTIONAL = {"image": Column("sample"), "label": Column("label", optional=True)}
PAIRED = {"source": Column("sample"), "target": Column("sample")}
UNPAIRED = {"a": Column("sample", paired=False), "b": Column("sample", paired=False)}
NAMES = np.array(["cat", "cow", "dog", "eel"])[LABELS]
LABEL_OF = {row.tobytes(): label for row, label in zip(PICTURES, LABELS, strict=True)}
NUMBER_OF = {row.tobytes(): number for number, row in enumerate(PICTURES)}


def numbers(rows):
    return [NUMBER_OF[row.tobytes()] for row in rows]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (PICTURES, NAMES),
        (PICTURES, NAMES.astype(object)),
        (PICTURES, NAMES.astype("S")),
        (PICTURES, NAMES.tolist()),
        (slices(PICTURES, NAMES), None),
        (slices(PICTURES, NAMES).batch(7), None),
    ],
    ids=["str", "objects", "bytes", "list", "dataset", "batches"],
)
def test_names_are_labels(x, y):
    b = batches(x, y, batch_size=10, columns=WITH_LABELS)
    field = b.fields["label"]
    assert field == Field.of_classes(4, ("cat", "cow", "dog", "eel"), dtype="str")
    for batch in take(b.dataset, 3):
        assert [LABEL_OF[row.tobytes()] for row in batch["image"]] == batch["label"].tolist()
        assert field.decode(batch["label"]).tolist() == NAMES[numbers(batch["image"])].tolist()
    np.testing.assert_array_equal(data.asked_labels(["dog", "cat"], field), [2, 0])
    assert data.asked_labels("dog", field) == 2 and data.asked_labels([1], field) == [1]
    with pytest.raises(ValueError, match="hold 'ox', but the classes are 'cat', 'cow'"):
        data.asked_labels("ox", field)
    few = batches(PICTURES[:8], ["dog"] * 8, batch_size=8, columns=WITH_LABELS, fields=b.fields)
    assert set(take(few.dataset, 1)[0]["label"]) == {2}


@pytest.mark.parametrize("form", ["numbers", "NaN", "None", "names", "dataset", "NaN dataset"])
def test_missing_labels_are_minus_one(form):
    gone = np.arange(N) % 3 == 0
    with_nan = np.where(gone, np.nan, LABELS)
    x, y = {
        "numbers": (PICTURES, np.where(gone, -1, LABELS)),
        "NaN": (PICTURES, with_nan),
        "None": (PICTURES, [None if g else int(n) for g, n in zip(gone, LABELS, strict=True)]),
        "names": (PICTURES, [None if g else n for g, n in zip(gone, NAMES, strict=True)]),
        "dataset": (slices(PICTURES, np.where(gone, -1, LABELS)), None),
        "NaN dataset": (slices(PICTURES, with_nan), None),
    }[form]
    b = batches(x, y, batch_size=8, columns=OPTIONAL)
    assert (b.fields["label"].num_classes, b.fields["label"].optional) == (4, True)
    for batch in take(b.dataset, 4):
        rows = numbers(batch["image"])
        np.testing.assert_array_equal(batch["label"], np.where(gone, -1, LABELS)[rows])
    with pytest.raises(ValueError, match=r"missing|hold -1|must be integers"):
        batches(x, y, batch_size=8, columns=WITH_LABELS)


REFUSED = {
    "an unknown name": ((PICTURES, ["ox"] * N), WITH_LABELS, "'ox'.*classes are 'cat', 'cow'"),
    "halves": ((PICTURES, LABELS / 2), OPTIONAL, "hold fractions"),
    "all missing": ((PICTURES, LABELS * 0 - 1), OPTIONAL, "all labels are missing"),
    "below": ((PICTURES, LABELS - 2), OPTIONAL, "hold -2"),
    "no target": (({"source": PICTURES},), PAIRED, "lacks 'target'"),
    "one array": ((PICTURES,), PAIRED, "source and target are needed"),
    "lengths": ((PICTURES, PICTURES[1:]), PAIRED, "'source' has 40 samples, but 'target' has 39"),
    "lengths of datasets": (
        ({"source": slices(PICTURES), "target": slices(PICTURES[1:])},),
        PAIRED,
        "'source' has 40 elements, but 'target' has 39",
    ),
    "mixed": (({"source": slices(PICTURES), "target": PICTURES},), PAIRED, "mixes arrays and"),
    "NaN": ((PICTURES, PICTURES * np.nan), PAIRED, "'target' holds NaN"),
    "no b": (({"a": PICTURES},), UNPAIRED, "lacks 'b'"),
}


@pytest.mark.parametrize(("args", "columns", "words"), REFUSED.values(), ids=REFUSED)
def test_refused_in_one_sentence(args, columns, words):
    known = {"label": Field.of_classes(2, ("cat", "cow"), dtype="str")} if "ox" in words else {}
    with pytest.raises(ValueError, match=words) as caught:
        batches(*args, columns=columns, batch_size=4, fields=known)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "given",
    [
        (PICTURES, 255 - PICTURES),
        ((PICTURES, 255 - PICTURES),),
        ({"target": 255 - PICTURES, "source": PICTURES},),
        (slices({"source": PICTURES, "target": 255 - PICTURES}),),
        (slices(PICTURES, 255 - PICTURES).batch(9),),
        ({"source": slices(PICTURES), "target": slices({"image": 255 - PICTURES})},),
    ],
    ids=["two", "pair", "dict", "dataset of dicts", "batches of pairs", "dict of datasets"],
)
def test_pairs_stay_together(given):
    b = batches(*given, columns=PAIRED, batch_size=8)
    assert list(b.fields) == ["source", "target"] and b.sample_name == "target"
    assert b.steps_per_epoch == 5
    for batch in take(b.dataset, 6):
        np.testing.assert_array_equal(batch["source"], 255 - batch["target"])


@pytest.mark.parametrize("form", ["arrays", "datasets", "mixed"])
def test_unpaired_columns_have_their_own_order_and_length(form):
    a, b = np.arange(40, dtype="float32")[:, None], np.arange(17, dtype="float32")[:, None]
    first, second = {
        "arrays": (a, b),
        "datasets": (slices(a), slices(b)),
        "mixed": (slices({"vector": a}), b),
    }[form]
    given = {"a": first, "b": second}
    whole = batches(given, columns=UNPAIRED, batch_size=8)
    assert whole.steps_per_epoch == 5
    seen = take(whole.dataset, 12)
    epoch = np.concatenate([batch["a"] for batch in seen[:5]]).ravel()
    assert sorted(epoch) == list(range(40))
    assert sorted(np.concatenate([x["b"] for x in seen[:2]]).ravel()) != sorted(range(16))
    same = batches({"a": a, "b": a}, columns=UNPAIRED, batch_size=8)
    assert any((batch["a"] != batch["b"]).any() for batch in take(same.dataset, 3))
    resumed = take(batches(given, columns=UNPAIRED, batch_size=8, first_step=7).dataset, 3)
    np.testing.assert_equal(resumed, seen[7:10])


def test_blocks_of_steps_change_nothing(monkeypatch):
    from ganzoo.data import arrays

    x = np.arange(50, dtype="float32")[:, None]
    options = {"batch_size": 4, "steps": 2, "seed": 3}
    for shuffle, part in itertools.product((True, False), ((0, 1), (1, 2))):
        options |= {"shuffle": shuffle, "part": part}
        monkeypatch.setattr(arrays, "_BLOCK_STEPS", 1)
        single = take(batches(x, LABELS_OF_ROWS, columns=WITH_LABELS, **options).dataset, 70)
        monkeypatch.setattr(arrays, "_BLOCK_STEPS", 32)
        for first in (0, 1, 7, 33):
            b = batches(x, LABELS_OF_ROWS, columns=WITH_LABELS, first_step=first, **options)
            np.testing.assert_equal(take(b.dataset, 70 - first), single[first:])
    key = [options["seed"], 1]  # step 6 begins the second epoch of 6 steps
    expected = tf.random.experimental.index_shuffle(tf.range(8, dtype=tf.int64), key, 49)
    b = batches(x, batch_size=4, steps=2, seed=3, first_step=6)
    np.testing.assert_array_equal(take(b.dataset, 1)[0]["vector"].ravel(), expected)


LABELS_OF_ROWS = np.arange(50) % 3
