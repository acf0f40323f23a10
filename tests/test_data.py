import itertools
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ganzoo import data
from ganzoo.data import Column, Field, batches

RNG = np.random.default_rng(0)
N = 40
PICTURES = RNG.integers(0, 256, (N, 6, 5, 3), dtype="uint8")
VECTORS = RNG.normal((10.0, -3.0), (2.0, 0.1), (N, 2)).astype("float32")
WITH_LABELS = {"image": Column("sample"), "label": Column("label")}
LABELS = RNG.permutation(np.arange(N) % 4)


def slices(*columns):
    return tf.data.Dataset.from_tensor_slices(columns if len(columns) > 1 else columns[0])


def generated(rows, shape, dtype="uint8"):
    """A dataset of unknown length."""
    return tf.data.Dataset.from_generator(
        lambda: iter(rows), output_signature=tf.TensorSpec(shape, dtype)
    )


def take(dataset, count):
    return [{k: v.numpy() for k, v in b.items()} for b in itertools.islice(dataset, count)]


# ---- Spec

SPECS = {
    "uint8": (PICTURES, None),
    "unit": (PICTURES / 255, None),
    "symmetric": ((PICTURES / 127.5 - 1).astype("float32"), None),
    "bfloat16": (tf.constant(PICTURES / 255, tf.bfloat16).numpy(), None),
    "float16": (np.float16(PICTURES / 255), None),
    "int16": (PICTURES.astype("int16") * 4 - 100, (-100, 920)),
    "wide": (PICTURES.astype("float32"), (0, 255)),
    "bool": (PICTURES > 99, None),
    "vectors": (VECTORS, None),
    "int vectors": (RNG.integers(-9, 9, (N, 3)), None),
    "ranged vectors": (VECTORS, (-20, 20)),
    "time stamps": (1_700_000_000_000 + np.arange(2 * N).reshape(N, 2), None),
}


@pytest.mark.parametrize(("x", "value_range"), SPECS.values(), ids=SPECS)
def test_spec_round_trips(x, value_range):
    spec = batches(x, batch_size=8, value_range=value_range).spec
    assert spec == Field.from_config(json.loads(json.dumps(spec.to_config())))
    assert spec.is_image == (x.ndim == 4)
    encoded = tf.function(spec.encode)(x).numpy()
    assert encoded.dtype == np.float32
    if spec.value_range is None:
        np.testing.assert_allclose(encoded.mean(0), 0, atol=1e-4)
        np.testing.assert_allclose(encoded.std(0), 1, atol=1e-4)
    else:
        assert -1 <= encoded.min() <= encoded.max() <= 1
    decoded = spec.decode(encoded)
    assert decoded.dtype == x.dtype and decoded.shape == x.shape
    close = {"rtol": 1e-2 if x.dtype.itemsize == 2 else 1e-6, "atol": 1e-4}
    np.testing.assert_allclose(decoded.astype(float), x.astype(float), **close)
    np.testing.assert_allclose(spec.decode_tensor(encoded), x.astype("float32"), 1e-2, 1e-4)


def test_integers_are_clipped_and_floats_are_not():
    beyond = np.array([-3.0, 3.0], "float32").reshape(1, 2, 1, 1)
    kept = {"uint8": [0, 255], "int16": [-5, 5], "float32": [-15, 15], "bool": [0, 1]}
    for dtype, values in kept.items():
        lo, hi = {"uint8": (0, 300), "bool": (0, 1)}.get(dtype, (-5, 5))
        spec = Field((2, 1, 1), dtype, "affine", (lo + hi) / 2, (hi - lo) / 2)
        assert spec.decode(beyond).ravel().tolist() == values
    assert Field((1,), "uint8", "standardise", (100.0,), (30.0,)).decode(
        [[-9.0], [2.0]]
    ).tolist() == [[0], [160]]


def test_what_becomes_minus_one_and_one():
    for x, expected in (
        (PICTURES, (0, 255)),
        (PICTURES / 255, (0, 1)),
        (PICTURES / 127.5 - 1, (-1, 1)),
        (PICTURES / 255 - 1e-5, (0, 1)),  # the overshoot of a resize
    ):
        assert batches(x, batch_size=4).spec.value_range == expected
    constant = np.full((9, 1), 0.1, "float32")
    assert batches(constant, batch_size=4).spec.scale == (1.0,)


# ---- every form that is accepted

IMAGE_FORMS = {
    "array": PICTURES,
    "list": PICTURES.tolist(),
    "tensor": tf.constant(PICTURES),
    "pair": (PICTURES, LABELS),
    "dict of arrays": {"image": PICTURES, "label": LABELS},
    "dataset": slices(PICTURES),
    "batched": slices(PICTURES).batch(7),
    "static batches": slices(PICTURES).batch(8, drop_remainder=True),
    "pairs": slices(PICTURES, LABELS),
    "batched pairs": slices(PICTURES, LABELS[:, None]).batch(16),
    "dict": slices({"image": PICTURES, "label": LABELS, "id": LABELS}),
    "unknown length": generated(PICTURES, (6, 5, 3)),
    "unknown shape": generated(PICTURES, (None, None, None)),
    "unknown rank": generated(PICTURES, None),
    "unknown batches": generated(PICTURES, (None, None, 3)).batch(9),
    "infinite": slices(PICTURES).repeat(),
}


@pytest.mark.parametrize("x", IMAGE_FORMS.values(), ids=IMAGE_FORMS)
def test_accepted_images(x):
    dtype = "int64" if isinstance(x, list) else "uint8"
    b = batches(
        x,
        batch_size=4,
        steps=2,
        value_range=(0, 255),
        steps_per_epoch=3 if isinstance(x, tf.data.Dataset) and x.cardinality() == -1 else None,
    )
    assert b.spec == Field((6, 5, 3), dtype, "affine", 127.5, 127.5)
    assert b.dataset.element_spec == {"image": tf.TensorSpec((8, 6, 5, 3), dtype)}
    known = {row.tobytes() for row in PICTURES.astype(dtype)}
    for batch in take(b.dataset, 4):
        assert {row.tobytes() for row in batch["image"]} <= known


VECTOR_FORMS = {
    "array": VECTORS,
    "float64": VECTORS.astype("float64"),
    "bytes": PICTURES.reshape(N, -1),
    "dataset": slices(VECTORS),
    "batched": slices(VECTORS).batch(7),
    "dict": slices({"vector": VECTORS}),
    "byte batches": slices(PICTURES.reshape(N, -1)).batch(7),
    "unknown": generated(VECTORS, (None,), "float32"),
}


@pytest.mark.parametrize("x", VECTOR_FORMS.values(), ids=VECTOR_FORMS)
def test_accepted_vectors(x):
    b = batches(x, batch_size=8)
    features = len(b.spec.offset)
    assert b.spec.shape == (features,) and b.spec.value_range is None
    (batch,) = take(b.dataset, 1)
    assert batch["vector"].shape == (8, features) and batch["vector"].dtype == b.spec.dtype


LABELLED = {
    "pair": ((PICTURES, LABELS), None),
    "y": (PICTURES, LABELS),
    "column": (PICTURES, LABELS[:, None].astype("uint8")),
    "list": (PICTURES, LABELS.tolist()),
    "dict of arrays": ({"image": PICTURES, "label": LABELS}, None),
    "dataset": (slices(PICTURES, LABELS), None),
    "column dataset": (slices(PICTURES, LABELS[:, None]), None),
    "batched": (slices(PICTURES, LABELS[:, None]).batch(7), None),
    "dict": (slices({"image": PICTURES, "label": LABELS.astype("uint8")}), None),
}


@pytest.mark.parametrize(("x", "y"), LABELLED.values(), ids=LABELLED)
def test_labels_stay_with_their_rows(x, y):
    b = batches(x, y, batch_size=10, columns=WITH_LABELS)
    assert b.fields["label"].num_classes == 4
    assert b.dataset.element_spec["label"] == tf.TensorSpec((10,), "int32")
    label_of = {row.tobytes(): label for row, label in zip(PICTURES, LABELS, strict=True)}
    for batch in take(b.dataset, 5):
        assert [label_of[row.tobytes()] for row in batch["image"]] == batch["label"].tolist()


def test_number_of_classes():
    dataset = slices(PICTURES, LABELS)
    dataset.class_names = list("abcdef")
    assert batches(dataset, columns=WITH_LABELS, batch_size=4).fields["label"].num_classes == 6
    assert (
        batches(dataset, columns=WITH_LABELS, batch_size=4, num_classes=9)
        .fields["label"]
        .num_classes
        == 9
    )
    ordered = slices(np.zeros((500, 1, 1, 1), "uint8"), np.arange(500))
    assert batches(ordered, columns=WITH_LABELS, batch_size=4).fields["label"].num_classes == 500
    spec = {
        "image": Field((6, 5, 3), "uint8", "affine", 127.5, 127.5),
        "label": Field.of_classes(7),
    }
    assert batches(dataset, columns=WITH_LABELS, batch_size=4, fields=spec).fields == spec
    assert "label" not in batches(dataset, batch_size=4).dataset.element_spec
    words = np.array(["cat"] * N)  # labels that aren't learned may be anything
    for x in ((PICTURES, words), slices(PICTURES, words)):
        assert "label" not in batches(x, batch_size=4).dataset.element_spec


def test_batch_size():
    def rows(x, **options):
        return batches(x, **options).dataset.element_spec["image"].shape[0]

    many = np.zeros((300, 1, 1, 1), "uint8")
    assert rows(many) == rows(slices(many)) == 64
    assert rows(many, steps=3) == 192
    assert rows(slices(many).batch(30)) == 30
    assert rows(slices(many).batch(30), steps=2) == 60
    assert rows(slices(many).batch(30), batch_size=50) == 50


# ---- epochs, order, resumption

ROWS = np.arange(50, dtype="float32")[:, None]
EPOCHS = {
    "array": (ROWS, 6),
    "dataset": (slices(ROWS), 6),
    "batched, a part left": (slices(ROWS).batch(7), 6),
    "batched, prefetched": (slices(ROWS).shuffle(9).batch(7).prefetch(1), 6),
    "static": (slices(ROWS).batch(7, drop_remainder=True), 6),
    "no random access": (
        generated(ROWS, (1,), "float32")
        .apply(tf.data.experimental.assert_cardinality(50))
        .batch(10),
        5,  # at least 41 rows
    ),
    "unknown": (slices(ROWS).filter(lambda x: True), None),
}


@pytest.mark.parametrize(("x", "steps"), EPOCHS.values(), ids=EPOCHS)
def test_steps_per_epoch(x, steps):
    b = batches(x, batch_size=4, steps=2)
    assert b.steps_per_epoch == steps
    assert len(take(b.dataset, 20)) == (20 if steps else 6)
    b = batches(x, batch_size=4, steps_per_epoch=3)
    assert b.steps_per_epoch == 3 and len(take(b.dataset, 20)) == 20


@pytest.mark.parametrize("count", [1, 2, 3, 10, 37, 64, 101])
def test_an_epoch_is_a_permutation(count):
    x = np.arange(count, dtype="float32")[:, None]
    order = [b["vector"].item() for b in take(batches(x, batch_size=1).dataset, 2 * count)]
    first, second = order[:count], order[count:]
    assert sorted(first) == sorted(second) == list(range(count))
    if count > 9:
        assert len({tuple(first), tuple(second), tuple(range(count))}) == 3


def test_the_remainder_is_another_in_each_epoch():
    dropped = set()
    b = batches(ROWS, batch_size=16)
    stream = iter(b.dataset)
    for _ in range(8):
        seen = {v for batch in take(stream, b.steps_per_epoch) for v in batch["vector"].ravel()}
        assert len(seen) == 48
        dropped |= set(range(50)) - seen
    assert len(dropped) > 4


def test_only_seed_and_step_decide_the_order():
    b = batches(slices(ROWS), batch_size=5)
    first = take(b.dataset, 30)
    tf.random.set_seed(99)
    try:
        for again in (b, batches(slices(ROWS), batch_size=5)):
            np.testing.assert_equal(take(again.dataset, 30), first)
        assert tf.random.uniform([]) == (tf.random.set_seed(99), tf.random.uniform([]))[1]
    finally:
        tf.keras.utils.set_random_seed(0)
    epochs = np.reshape([b["vector"].ravel() for b in first], (3, 50)).tolist()
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_shuffle_and_seed():
    def order(x, **options):
        return [b["vector"].ravel().tolist() for b in take(batches(x, **options).dataset, 9)]

    for x in (ROWS, slices(ROWS)):
        assert order(x, batch_size=5) == order(x, batch_size=5)
        assert order(x, batch_size=5) != order(x, batch_size=5, seed=1)
        plain = order(x, batch_size=5, shuffle=False)
        assert np.ravel(plain).tolist() == list(range(45))
    assert order(slices(ROWS).batch(5)) == plain


@pytest.mark.parametrize("x", [ROWS, slices(ROWS), slices(ROWS).batch(7)], ids=str)
def test_resumed_stream_is_the_uninterrupted_one(x):
    whole = take(batches(x, batch_size=4, steps=3, seed=7).dataset, 15)
    for first_step in (1, 4, 11):
        resumed = batches(x, batch_size=4, steps=3, seed=7, first_step=first_step)
        for a, b in zip(whole[first_step:], resumed.dataset, strict=False):
            np.testing.assert_array_equal(a["vector"], b["vector"])


@pytest.mark.parametrize("x", [ROWS, slices(ROWS), slices(ROWS).batch(7)], ids=str)
def test_each_replica_gets_its_contiguous_half(x):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        b = batches(x, batch_size=4, steps=2, replicas=2)
    shared = strategy.experimental_distribute_dataset(b.dataset)
    for batch, whole in zip(itertools.islice(shared, 10), b.dataset, strict=False):
        halves = strategy.experimental_local_results(batch["vector"])
        assert [h.shape for h in halves] == [(4, 1), (4, 1)]
        np.testing.assert_array_equal(tf.concat(halves, 0), whole["vector"])


def test_a_stream_is_shuffled_within_the_bytes_that_it_may_hold(monkeypatch):
    monkeypatch.setattr(sys.modules["ganzoo.data.streams"], "_HELD_BYTES", 80)  # 20 of the rows
    rows = np.arange(400, dtype="float32")[:, None]
    order = [
        int(b["vector"].item()) for b in take(batches(slices(rows), batch_size=1).dataset, 400)
    ]
    ahead = np.array(order) - range(400)
    assert sorted(order) == list(range(400)) and 10 < ahead.max() <= 20


def test_arrays_are_no_graph_constants():
    b = batches(np.zeros((10_000, 32, 32, 1), "uint8"))
    graph = tf.function(lambda: next(iter(b.dataset))).get_concrete_function().graph
    assert graph.as_graph_def().ByteSize() < 100_000


# ---- every form that is refused

NAN = np.where(np.arange(N)[:, None] == 33, np.nan, VECTORS)
RAGGED = tf.ragged.constant([[1.0], [1.0, 2.0]])
IMAGE_FIELDS = {
    "image": Field((6, 5, 3), "uint8", "affine", 127.5, 127.5),
    "label": Field.of_classes(4),
}
UNIT_FIELDS = {"image": Field((6, 5, 3), "float64", "affine", 0.5, 0.5)}
GREY = np.zeros((N, 8, 8), "uint8")

REFUSED = {
    "empty array": ((PICTURES[:0],), {}, "empty"),
    "empty list": (([],), {}, r"shape \(0,\)"),
    "no pixels": ((PICTURES[:, :0],), {}, "empty"),
    "empty dataset": ((slices(PICTURES).take(0),), {}, "empty"),
    "empty in the end": ((slices(PICTURES).filter(lambda x: False),), {}, "empty"),
    "too few": (
        (PICTURES[:12],),
        {"steps": 2},
        r"12 samples, but one step needs 128 \(batch_size 64 × 2 critic steps\): pass more data or"
        " a batch_size of at most 6",
    ),
    "too few of a dataset": ((slices(PICTURES),), {}, "40 samples.*at most 40"),
    "too few, unknown length": ((generated(PICTURES, (6, 5, 3)),), {}, "40 samples.*needs 64"),
    "too few in batches": ((slices(PICTURES).batch(32),), {"steps": 2}, "40 samples.*at most 20"),
    "too few for replicas": (
        (PICTURES,),
        {"replicas": 16, "steps": 3},
        r"\(batch_size 64 × 3 critic steps, on 16 replicas\): pass more data\.",
    ),
    "batch_size 0": ((PICTURES,), {"batch_size": 0}, "batch_size=0 is not a positive int"),
    "batch_size float": ((PICTURES,), {"batch_size": 8.0}, "batch_size=8.0"),
    "batch_size bool": ((PICTURES,), {"batch_size": True}, "batch_size=True"),
    "replicas": ((PICTURES,), {"batch_size": 9, "replicas": 2}, "9 can't.* 2 replicas.* 8 or 10"),
    "nan": ((NAN,), {"batch_size": 4}, "NaN or Inf"),
    "inf": ((np.full((N, 2), np.inf),), {"batch_size": 4}, "NaN or Inf"),
    "nan pictures": ((PICTURES * np.nan,), {"batch_size": 4}, "NaN or Inf"),
    "nan in the first rows": ((slices(NAN),), {"batch_size": 4}, "NaN or Inf"),
    "floats to 255": ((PICTURES * 1.0,), {"batch_size": 4}, r"to 255.*\[0, 1\].*value_range="),
    "floats below -1": ((PICTURES / 99 - 2,), {"batch_size": 4}, r"from -2 .*value_range="),
    "int16": ((PICTURES.astype("int16"),), {"batch_size": 4}, "int16 images.*value_range="),
    "outside value_range": ((PICTURES,), {"value_range": (0, 9), "batch_size": 4}, "outside value"),
    "bad value_range": ((PICTURES,), {"value_range": (9, 0), "batch_size": 4}, r"\(9, 0\) is not"),
    "odd value_range": ((PICTURES,), {"value_range": 255, "batch_size": 4}, "255 is not a pair"),
    "complex": ((VECTORS * 1j,), {}, "complex64"),
    "string": ((np.array([["a"], ["b"]]),), {}, "dtype <?str"),
    "object": ((np.array([[None], [1]]),), {}, "dtype object"),
    "dates": ((np.zeros((9, 2), "datetime64[s]"),), {}, "datetime64"),
    "string dataset": ((slices(np.array(["a", "b"])),), {}, "dtype string"),
    "lengths": ((PICTURES, LABELS[:-1]), {}, r"40 samples, but labels have shape \(39,\)"),
    "ragged list": (([[1.0], [1.0, 2.0]],), {}, "different shapes.*resize or crop"),
    "ragged tensor": ((RAGGED,), {}, "different shapes"),
    "ragged dataset": ((tf.data.Dataset.from_tensors(RAGGED),), {}, "different shapes"),
    "mixed sizes": (
        (generated([PICTURES[0], PICTURES[1][:4]], (None, None, 3)),),
        {"batch_size": 1, "steps": 2},
        r"\(6, 5, 3\) and \(4, 5, 3\): resize or crop to one size.*tf.image.resize",
    ),
    "mixed sizes in a batch": (
        (generated([PICTURES[0], PICTURES[1][:4]], (None, None, 3)).batch(2),),
        {},
        "different shapes: resize or crop",
    ),
    "grey": ((GREY,), {}, r"\(40, 8, 8\).*x\[\.\.\., None\]"),
    "grey dataset": ((slices(GREY),), {}, r"\(8, 8\).*x\[\.\.\., None\]"),
    "grey pairs": ((slices(GREY / 255, LABELS),), {}, r"\(8, 8\).*x\[\.\.\., None\]"),
    "grey batches": ((slices(GREY).batch(9),), {}, r"\(9, 8, 8\).*x\[\.\.\., None\]"),
    "rank 1": ((LABELS,), {}, r"shape \(40,\).*NHWC"),
    "rank 5": ((PICTURES[None],), {}, r"shape \(1, 40, 6, 5, 3\).*NHWC"),
    "scalars": ((slices(LABELS),), {}, r"shape \(\).*NHWC"),
    "videos": ((slices(PICTURES[None]).batch(1),), {}, r"shape \(1, 40, 6, 5, 3\)"),
    "None": ((None,), {}, "of type NoneType"),
    "path": (("photos/",), {}, "of type str"),
    "keras tensor": ((tf.keras.Input((6, 5, 3)),), {}, "of type KerasTensor"),
    "PyDataset": ((tf.keras.utils.PyDataset(),), {}, "of type PyDataset"),
    "object rows": ((np.array([np.zeros(2), np.zeros(3)], object),), {}, "different shapes"),
    "empty batches": ((generated([PICTURES[:0]] * 9, (None, 6, 5, 3)),), {}, "empty"),
    "generator": (((r for r in PICTURES),), {}, "of type generator"),
    "triple": (((PICTURES, LABELS, LABELS),), {}, "tuple of 3"),
    "triples": ((slices(PICTURES, LABELS, LABELS),), {}, "tuple of 3"),
    "dict": (({"img": PICTURES},), {}, r"keys \['img'\].*needs 'image'"),
    "dict dataset": ((slices({"text": LABELS}),), {}, r"keys \['text'\].*needs 'image'"),
    "nested": ((slices({"image": {"left": PICTURES}}),), {}, "is a dict"),
    "labels twice": (((PICTURES, LABELS), LABELS), {}, "its own labels"),
    "y with dataset": ((slices(PICTURES), LABELS), {}, r"dataset of \(x, y\)"),
    "infinite": ((slices(PICTURES).repeat(),), {"batch_size": 4}, "infinite.*steps_per_epoch="),
    "steps_per_epoch": ((PICTURES,), {"steps_per_epoch": 0}, "steps_per_epoch=0"),
    "spec shape": (
        (PICTURES[:, :5],),
        {"fields": IMAGE_FIELDS},
        r"\(5, 5, 3\).*uint8.*\(6, 5, 3\)",
    ),
    "spec dtype": ((PICTURES / 255,), {"fields": IMAGE_FIELDS}, "float64 .*uint8"),
    "spec range": ((PICTURES / 127.5 - 1,), {"fields": UNIT_FIELDS}, r"from -1 .*\(0.0, 1.0\)"),
    "spec value_range": (
        (PICTURES / 255,),
        {"fields": UNIT_FIELDS, "value_range": (0, 2)},
        r"\(0, 2\).*\(0.0, 1.0\)",
    ),
    "spec classes": (
        (PICTURES, LABELS),
        {"fields": IMAGE_FIELDS, "columns": WITH_LABELS, "num_classes": 9},
        "9 classes.* 4:",
    ),
    "no labels": ((PICTURES,), {"columns": WITH_LABELS}, r"has none: pass \(x, y\)"),
    "no labels in a dataset": ((slices(PICTURES),), {"columns": WITH_LABELS}, r"pass \(x, y\)"),
    "float labels": ((PICTURES, LABELS * 1.0), {"columns": WITH_LABELS}, r'y\.astype\("int32"\)'),
    "float labels in a dataset": (
        (slices(PICTURES, LABELS * 1.0),),
        {"columns": WITH_LABELS},
        "float64",
    ),
    "one-hot": (
        (PICTURES, np.eye(4, dtype=int)[LABELS]),
        {"columns": WITH_LABELS},
        r"y\.argmax\(-1\)",
    ),
    "one-hot dataset": (
        (slices(PICTURES, np.eye(4, dtype=int)[LABELS]),),
        {"columns": WITH_LABELS},
        r"y\.argmax\(-1\)",
    ),
    "negative label": ((PICTURES, LABELS - 1), {"columns": WITH_LABELS}, "hold -1, but must be 0"),
    "label beyond": (
        (slices(PICTURES, LABELS),),
        {"columns": WITH_LABELS, "num_classes": 3},
        r"hold 3, but must be 0 … 2 \(num_classes=3\)",
    ),
    "infinite labels": (
        (slices(PICTURES, LABELS).repeat(),),
        {"columns": WITH_LABELS, "steps_per_epoch": 3},
        "num_classes=",
    ),
}


@pytest.mark.parametrize(("args", "options", "words"), REFUSED.values(), ids=REFUSED)
def test_refused_in_one_sentence(args, options, words):
    options = options if "columns" not in options else {"batch_size": 4} | options
    options = options if "fields" not in options else {"batch_size": 4} | options
    with warnings.catch_warnings(), pytest.raises(ValueError, match=words) as caught:
        warnings.simplefilter("ignore")
        batches(*args, **options)
    assert "\n" not in str(caught.value) and str(caught.value).endswith((".", "…"))


def late(first, other, count=3000):
    """Rows of which only the last ones show their nature."""
    return generated([first] * count + [other] * 4, np.shape(first), np.asarray(first).dtype)


LATE = {
    "nan": (late(VECTORS[0], VECTORS[0] * np.nan), {}, "NaN or Inf"),
    "range": (late(PICTURES[0] / 255, PICTURES[0] / 255 - 1, 100), {}, r"from -1.*\[0, 1\]"),
    "int range": (
        late(np.ones((2, 2, 1), "int16"), 9 * np.ones((2, 2, 1), "int16"), 100),
        {"value_range": (0, 2)},
        r"to 9, but.*\[0, 2\]",
    ),
    "byte range": (
        late(np.ones((2, 2, 1), "uint8"), 9 * np.ones((2, 2, 1), "uint8"), 100),
        {"value_range": (0, 2)},
        r"to 9, but.*\[0, 2\]",
    ),
    "shape": (
        generated([PICTURES[0]] * 99 + [PICTURES[0][:2]], (None, None, 3)),
        {},
        r"\(6, 5, 3\) and \(2, 5, 3\): resize or crop.*tf\.image\.resize\(x",
    ),
    "shape of batches": (
        generated([PICTURES[:50]] * 3 + [PICTURES[:50, :2]], (None, None, None, 3)),
        {},
        r"\(6, 5, 3\) and \(2, 5, 3\)",
    ),
    "label": (
        slices(np.zeros((100, 2, 2, 1), "uint8"), np.arange(100) // 99 * 9),
        {"columns": WITH_LABELS, "num_classes": 3},
        r"hold 9, but must be 0 … 2",
    ),
    "negative label": (
        slices(np.zeros((100, 2, 2, 1), "uint8"), np.arange(100) // 99 * -9),
        {"columns": WITH_LABELS, "num_classes": 3},
        "hold -9, but must be 0",
    ),
}


@pytest.mark.parametrize(("x", "options", "words"), LATE.values(), ids=LATE)
def test_what_only_the_stream_shows(x, options, words):
    b = batches(x, batch_size=4, shuffle=False, **options)
    with pytest.raises(data.DataError, match=words) as caught, data.clear_errors():
        for _ in itertools.islice(b.dataset, 800):
            pass
    assert "\n" not in str(caught.value) and caught.value.__suppress_context__


def test_clear_errors_from_a_strategy_and_of_others():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    x, options, words = LATE["range"]
    b = batches(x, batch_size=4, replicas=2, **options)
    with pytest.raises(data.DataError, match=words), data.clear_errors():
        for _ in strategy.experimental_distribute_dataset(b.dataset):
            pass
    with pytest.raises(tf.errors.InvalidArgumentError), data.clear_errors():
        tf.debugging.assert_equal(1, 2)


# ---- toys


@pytest.mark.parametrize("name", ["ring", "grid", "gaussian"])
def test_mixtures(name):
    from scipy.stats import multivariate_normal

    mixture = getattr(data.toys, name)()
    assert mixture.num_modes == {"ring": 8, "grid": 25, "gaussian": 1}[name]
    x, mode = mixture.sample(2000, seed=3)
    assert (x.dtype, x.shape, mode.dtype) == ("float32", (2000, 2), "int32")
    np.testing.assert_array_equal(x, mixture.sample(2000, seed=3)[0])
    assert set(mode) == set(range(mixture.num_modes))
    np.testing.assert_allclose((x - mixture.means[mode]).std(0), mixture.sigma, rtol=0.1)

    modes = [multivariate_normal(m, mixture.sigma**2).pdf(x) for m in mixture.means]
    np.testing.assert_allclose(mixture.log_density(x), np.log(np.mean(modes, 0)), atol=1e-8)

    # The trapezoidal rule is exact to rounding on a Gaussian once its step is below sigma.
    step = mixture.sigma / 2
    around = np.arange(-8, 8.01, 0.5) * mixture.sigma
    patch = np.stack(np.meshgrid(around, around), -1).reshape(-1, 2)
    mass = sum(np.exp(mixture.log_density(m + patch)).sum() for m in mixture.means) * step**2
    np.testing.assert_allclose(mass, 1, atol=1e-9)
    assert np.isfinite(mixture.log_density([[1e3, 1e3]])).all()


# ---- load


def test_bundled():
    for name, shape, count in (("digits", (8, 8, 1), 1797), ("mnist5k", (28, 28, 1), 5000)):
        dataset = data.load(name)
        assert dataset.class_names == list("0123456789")
        assert dataset.cardinality() == count
        assert dataset.element_spec["image"] == tf.TensorSpec(shape, "uint8")
        everything = next(iter(dataset.batch(count)))
        assert np.ptp(everything["image"]) == 255
        assert set(np.unique(everything["label"])) == set(range(10))
    resized = data.load("digits", size=(12, 10))
    assert resized.element_spec["image"] == tf.TensorSpec((12, 10, 1), "uint8")
    assert resized.class_names == dataset.class_names
    points = data.load("ring", seed=2)
    x, mode = next(iter(points.batch(10)))
    np.testing.assert_array_equal(x, data.toys.ring().sample(50_000, 2)[0][:10])
    assert (points.cardinality(), len(points.class_names), mode.dtype) == (50_000, 8, tf.int32)
    assert batches(points, columns=WITH_LABELS).fields["label"].num_classes == 8


def test_available():
    names = [name for name, description in data.available()]
    assert {"digits", "mnist5k", "ring", "grid", "gaussian", "folder:PATH"} <= set(names)
    for wrong, hint in (("mnist", "mnist5k"), ("digit", "digits"), ("rings", "ring")):
        with pytest.raises(ValueError, match=f"no data set '{wrong}' .*did you mean '{hint}'"):
            data.load(wrong)
    for wrong in ("", "folder:", "tfds", 3):
        with pytest.raises(ValueError, match="there are digits, mnist5k"):
            data.load(wrong)
    for name, size in (("ring", (8, 8)), ("digits", (8,)), ("digits", (0, 8)), ("digits", 8)):
        with pytest.raises(ValueError, match="size="):
            data.load(name, size=size)


def picture(path, shape, seed=0, **options):
    path.parent.mkdir(exist_ok=True, parents=True)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype="uint8")
    Image.fromarray(pixels).save(path, **options)
    return pixels


def test_folder_of_classes(tmp_path):
    pixels = {}
    for i, name in enumerate(["b/1.png", "b/sub/2.PNG", "a/1.png", "a/2.png", "a/3.jpg"]):
        pixels[i] = picture(tmp_path / name, (6, 5, 3), seed=i)
    picture(tmp_path / ".hidden/1.png", (9, 9, 3))
    (tmp_path / "empty").mkdir()
    (tmp_path / "a/notes.txt").write_text("no picture")
    dataset = data.load(f"folder:{tmp_path}")
    assert dataset.class_names == ["a", "b"] and dataset.cardinality() == 5
    assert dataset.element_spec["image"] == tf.TensorSpec((6, 5, 3), "uint8")
    found = {e["image"].numpy().tobytes(): int(e["label"]) for e in dataset}
    assert sorted(found.values()) == [0, 0, 0, 1, 1]
    assert [found[pixels[i].tobytes()] for i in range(4)] == [1, 1, 0, 0]
    assert batches(dataset, columns=WITH_LABELS, batch_size=2).fields["label"].num_classes == 2


def test_flat_folder(tmp_path):
    grey = [picture(tmp_path / f"{i}.png", (6, 5), seed=i) for i in range(3)]
    dataset = data.load(f"folder:{tmp_path}")
    assert dataset.element_spec == {"image": tf.TensorSpec((6, 5, 1), "uint8")}
    assert not hasattr(dataset, "class_names")
    found = {e["image"].numpy().tobytes() for e in dataset}
    assert found == {pixels.tobytes() for pixels in grey}
    firsts = [next(iter(data.load(f"folder:{tmp_path}", seed=seed)))["image"] for seed in range(9)]
    assert len({first.numpy().tobytes() for first in firsts}) > 1

    picture(tmp_path / "colour.jpg", (6, 5, 3))
    assert data.load(f"folder:{tmp_path}").element_spec["image"].shape == (6, 5, 3)

    picture(tmp_path / "large.png", (9, 5))
    with pytest.raises(ValueError, match=r"0\.png is 6×5, but \S*large\.png is 9×5.*size="):
        data.load(f"folder:{tmp_path}")
    mixed = data.load(f"folder:{tmp_path}", size=(4, 8))
    assert mixed.element_spec["image"] == tf.TensorSpec((4, 8, 3), "uint8")
    assert [e["image"].shape for e in mixed] == [(4, 8, 3)] * 5


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_of_picture_decodes(tmp_path, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype="uint8")
    if mode == "I;16":
        image = Image.fromarray(pixels[..., 0].astype("uint16") * 257)
    else:
        image = Image.fromarray(pixels).convert(mode)
    image.save(tmp_path / ("x.jpg" if mode == "CMYK" else "x.png"))
    (element,) = data.load(f"folder:{tmp_path}")
    if mode == "I;16":
        expected = pixels[..., :1]
    elif mode in ("1", "L", "LA"):
        expected = np.asarray(image.convert("L"))[..., None]
    else:
        expected = np.asarray(image.convert("RGB"))
    if mode != "CMYK":
        np.testing.assert_array_equal(element["image"], expected)
    assert element["image"].shape == expected.shape


def test_broken_folders(tmp_path):
    picture(tmp_path / "good.png", (32, 32, 3))
    for name, shape in (("cut.png", (32, 32, 3)), ("cut.jpg", (32, 32, 3))):
        file = tmp_path / name
        picture(file, shape)
        file.write_bytes(file.read_bytes()[:-400])
        with pytest.raises(ValueError, match=f"{name} can't be read as PNG or JPEG: repair"):
            data.load(f"folder:{tmp_path}")
        file.unlink()
    picture(tmp_path / "gif.png", (8, 8), format="GIF")
    (tmp_path / "nothing.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"gif\.png can't be read .*, nor can 1 other"):
        data.load(f"folder:{tmp_path}")
    picture(tmp_path / "class/x.png", (8, 8))
    with pytest.raises(ValueError, match="pictures of its own and sub-folders"):
        data.load(f"folder:{tmp_path}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no PNG or JPEG"):
        data.load(f"folder:{tmp_path}/empty")
    with pytest.raises(ValueError, match="nowhere is not a folder"):
        data.load(f"folder:{tmp_path}/nowhere")


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
    "broken": (lambda file: file.write_bytes(file.read_bytes()[:-20]), "can't be read as PNG or J"),
    "gone": (lambda file: file.unlink(), "can't be read as PNG or JPEG: repair or remove it"),
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


def test_npz(tmp_path):
    for arrays, spec in (
        ({"x": PICTURES, "y": LABELS}, {"image": (6, 5, 3), "label": ()}),
        ({"images": PICTURES, "labels": LABELS}, {"image": (6, 5, 3), "label": ()}),
        ({"x_train": GREY, "y_train": LABELS, "x_test": GREY}, {"image": (8, 8, 1), "label": ()}),
        ({"anything": VECTORS}, {"vector": (2,)}),
        ({"x": VECTORS, "unrelated": LABELS}, {"vector": (2,)}),
    ):
        np.savez(tmp_path / "data.npz", **arrays)
        dataset = data.load(f"npz:{tmp_path}/data.npz")
        assert {k: s.shape for k, s in dataset.element_spec.items()} == spec
        assert batches(dataset, batch_size=8).steps_per_epoch == 5
    for arrays, words in (
        ({"a": LABELS, "b": LABELS}, "holds the arrays a, b: name them x/y"),
        ({"x": PICTURES, "y": LABELS[1:]}, r"x \(40, 6, 5, 3\) and y \(39,\)"),
        ({"x": LABELS}, r"x \(40,\)"),
        ({"x": np.array([None, "a"])}, "can't be read as .npz"),
    ):
        np.savez(tmp_path / "data.npz", **arrays)
        with pytest.raises(ValueError, match=words):
            data.load(f"npz:{tmp_path}/data.npz")
    (tmp_path / "junk.npz").write_bytes(b"junk")
    for name in ("junk.npz", "nowhere.npz"):
        with pytest.raises(ValueError, match=f"{name} can't be read"):
            data.load(f"npz:{tmp_path}/{name}")


def test_tfds(tmp_path, monkeypatch):
    import requests
    import tensorflow_datasets as tfds

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    features = {
        "image": tfds.features.Image(shape=(6, 5, 3)),
        "label": tfds.features.ClassLabel(names=list("abcd")),
        "id": np.int64,
    }
    rows = {"image": PICTURES, "label": LABELS, "id": LABELS}
    text = tfds.features.FeaturesDict({"words": tfds.features.Text()})
    for name, split, kind, dataset in (
        ("tiny_pictures", "train", tfds.features.FeaturesDict(features), slices(rows)),
        ("only_tested", "test", tfds.features.FeaturesDict(features), slices(rows)),
        ("only_words", "train", text, slices({"words": ["a", "b"]})),
    ):
        tfds.dataset_builders.store_as_tfds_dataset(
            name=name,
            version="1.0.0",
            features=kind,
            split_datasets={split: dataset},
            data_dir=tmp_path,
            disable_shuffling=True,
        )
    dataset = data.load("tfds:tiny_pictures")
    assert dataset.class_names == list("abcd")
    assert dataset.cardinality() == N and set(dataset.element_spec) == {"image", "label"}
    both = next(iter(dataset.batch(N)))
    np.testing.assert_array_equal(both["image"], PICTURES)
    np.testing.assert_array_equal(both["label"], LABELS)
    assert batches(dataset, columns=WITH_LABELS, batch_size=8).fields["label"].num_classes == 4
    small = data.load("tfds:tiny_pictures", size=(3, 4))
    assert small.element_spec["image"] == tf.TensorSpec((3, 4, 3), "uint8") and len(small) == N
    both = take(batches(small, batch_size=N, shuffle=False).dataset, 1)[0]
    assert both["image"].shape == (N, 3, 4, 3)

    def unplugged(*args, **kwargs):
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", unplugged)
    for name, words in (
        ("only_tested", "no train split, but test"),
        ("only_words", "no 'image'.*words"),
        ("mnits", "no 'mnits'.*did you mean 'mnist'"),
        ("mnist:9.9.9", "refuses 'mnist:9.9.9'"),
        ("mnist", "not prepared in .*ConnectionError.*TFDS_DATA_DIR"),
    ):
        with pytest.raises(ValueError, match=words):
            data.load(f"tfds:{name}")


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


def test_nobody_waits_for_a_tuner_but_who_asked_for_one():
    options = tf.data.Options()
    options.autotune.enabled = True
    for given, expected in (
        (PICTURES, False),
        (slices(PICTURES), False),
        (slices(PICTURES).with_options(options), True),
    ):
        assert batches(given, batch_size=8).dataset.options().autotune.enabled is expected


@pytest.mark.parametrize("kind", ["arrays", "records", "stream"])
def test_workers_share_the_rows_of_each_step(kind, tmp_path):
    x, y = np.arange(40 * 3, dtype="uint8").reshape(40, 3), np.arange(40)
    if kind == "records":
        for i in range(40):
            Image.fromarray(np.full((8, 8), i, "uint8")).save(tmp_path / f"{i:02}.png")
        given = (data.load(f"folder:{tmp_path}"),)
    else:
        given = (x, y) if kind == "arrays" else (tf.data.Dataset.from_tensor_slices((x, y)),)

    def rows(part):
        found = data.batches(*given, batch_size=6, steps=2, seed=3, first_step=2, part=part)
        return [batch[found.sample_name].numpy() for batch in found.dataset.take(4)]

    for whole, *parts in zip(rows((0, 1)), *(rows((i, 3)) for i in range(3)), strict=True):
        assert [len(mine) for mine in parts] == [4, 4, 4]
        np.testing.assert_array_equal(whole, np.concatenate(parts))
