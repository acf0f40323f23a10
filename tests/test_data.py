import itertools
import warnings

import numpy as np
import pytest
import tensorflow as tf
from data_cases import (
    GREY,
    LABELS,
    PICTURES,
    VECTORS,
    WITH_LABELS,
    N,
    generated,
    slices,
    take,
)

from ganzoo import data
from ganzoo.data import Field, batches

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


# ---- every form that is refused

NAN = np.where(np.arange(N)[:, None] == 33, np.nan, VECTORS)
RAGGED = tf.ragged.constant([[1.0], [1.0, 2.0]])
IMAGE_FIELDS = {
    "image": Field((6, 5, 3), "uint8", "affine", 127.5, 127.5),
    "label": Field.of_classes(4),
}
UNIT_FIELDS = {"image": Field((6, 5, 3), "float64", "affine", 0.5, 0.5)}

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
    "batch_size 0": ((PICTURES,), {"batch_size": 0}, "batch_size=0 must be an int of at least 1"),
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
    "PyDataset": ((tf.keras.utils.PyDataset(),), {}, "of the PyDataset can't be read"),
    "object rows": ((np.array([np.zeros(2), np.zeros(3)], object),), {}, "different shapes"),
    "empty batches": ((generated([PICTURES[:0]] * 9, (None, 6, 5, 3)),), {}, "empty"),
    "generator": (((r for r in PICTURES),), {}, "pass steps_per_epoch="),
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
    "one label of a batch": (
        (slices(PICTURES[:, None], LABELS),),
        {"columns": WITH_LABELS},
        "one label each: batch the whole dataset",
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
