"""Random data: refused in one sentence, or batched rightly."""

import math
import warnings

import ml_dtypes
import numpy as np
import pytest
from cases import FEW, refusal
from data_cases import WITH_LABELS, slices
from hypothesis import given, settings
from hypothesis import strategies as st

from ganzoo import data


def mostly(usual, odd):
    """Odd values are rare enough that several of them seldom meet."""
    return st.integers(0, 5).flatmap(lambda n: st.sampled_from(odd if n == 5 else usual))


@st.composite
def rows(draw):
    """Arrays of any shape, dtype and range."""
    side = st.integers(1, 5)
    inner = draw(mostly([1, 3], [0, 2, 4]))
    shape = (draw(mostly([3, 8, 12], [0, 1, 2])), *(draw(side) for _ in range(inner)))
    shape = (*shape[:-1], 0) if draw(st.integers(0, 15)) == 15 else shape
    low, high = draw(
        mostly([(0, 1), (-1, 1), (0, 255), (-3, 3)], [(7, 7), (0, 1e-42), (-1e38, 1e38), (0, 0)])
    )
    values = np.random.default_rng(draw(st.integers(0, 99))).uniform(low, high, shape)
    if values.size and (odd := draw(mostly([None], [math.nan, math.inf, -math.inf]))):
        values.flat[draw(st.integers(0, values.size - 1))] = odd
    dtype = draw(
        mostly(
            ["float32", "float64", "float16", "uint8", "int8", "int16", "int64", "uint64", "bool",
             ">f4", ml_dtypes.bfloat16],
            ["complex64", "longdouble", "object", "U3", "M8[s]", ml_dtypes.int4,
             ml_dtypes.float8_e4m3fn],
        )
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NaN has no integer
        return values.astype(dtype)


LABELS = mostly(
    [None, lambda n: np.arange(n), lambda n: np.arange(n)[:, None], lambda n: (np.arange(n) % 2)],
    [lambda n: np.arange(n) - 1, lambda n: np.arange(n) * 1.0, lambda n: np.eye(n, 3),
     lambda n: np.arange(n) * 10**17, lambda n: np.arange(n + 1), lambda n: ["a"] * n,
     lambda n: [None] * n, lambda n: "abc", lambda n: np.arange(n).astype("uint64"),
     lambda n: np.arange(n) > 1, lambda n: 3, lambda n: [[1]] * (n - 1) + [[1, 2]],
     lambda n: np.full(n, np.nan), lambda n: {"a": n}],
)  # fmt: skip
RANGES = mostly(
    [None, None, (-300, 300)],
    [(0, 255), (-1, 1), (1, 0), (0, math.nan), (-1e308, 1e308), "ab", 5, (0, 1, 2), (0, 1e-320),
     np.array([-1e39, 1e39])],
)  # fmt: skip
SIZES = mostly([1, 2, 3], [None, 0, -1, 2.0, "2", True, 10**30])


DATA = st.tuples(
    rows(), LABELS, RANGES, SIZES, st.booleans(), st.sampled_from(["array", "rows", "batches"])
)


@settings(max_examples=40, **FEW)
@given(DATA)
def test_any_data_are_refused_in_one_sentence_or_batched_rightly(drawn):
    check(*drawn)


@pytest.mark.slow
@settings(max_examples=600, **FEW)
@given(DATA)
def test_many_more_data(drawn):
    check(*drawn)


def check(x, labels, value_range, batch_size, learned, form):
    y = None if labels is None else labels(len(x))
    given, own = x, y
    if form != "array":
        try:
            given, own = slices(x if y is None else (x, y)), None
        except (ValueError, TypeError):  # TensorFlow has no such dataset
            return
        given = given.batch(4) if form == "batches" else given
    found = []

    def call():
        stream = data.batches(
            given,
            own,
            batch_size=batch_size,
            value_range=value_range,
            columns=WITH_LABELS if learned else None,
            steps_per_epoch=None,
        )
        with data.clear_errors():
            found.append((stream, next(iter(stream.dataset))))

    sentence = refusal(call)
    assert (sentence is None) == bool(found)
    for stream, batch in found:
        images, spec = batch[stream.sample_name].numpy(), stream.spec
        assert np.isfinite(spec.encode(images)).all()
        if x.ndim not in (2, 4):  # a dataset of these has elements of another meaning
            continue
        assert len(images) == (batch_size or (min(4, len(x)) if form == "batches" else 64))
        assert images.dtype.name == spec.dtype == x.dtype.name and images.shape[1:] == spec.shape
        of_row = {row.astype(x.dtype.newbyteorder("=")).tobytes(): n for n, row in enumerate(x)}
        assert {row.tobytes() for row in images} <= of_row.keys()
        encoded = spec.encode(images).numpy()
        assert np.isfinite(encoded).all()
        if spec.value_range is not None:
            assert np.abs(encoded).max() <= 1.01
        assert np.isfinite(spec.decode(encoded).astype("float64")).all()
        if learned:
            classes = np.ravel(y).tolist()
            if isinstance(classes[0], str):  # names are numbered in their order
                classes = np.unique(classes, return_inverse=True)[1].tolist()
            rows_with_class = zip(x, classes, strict=True)
            known = {(row.tobytes(), int(number)) for row, number in rows_with_class}
            seen = zip(images, batch["label"].numpy(), strict=True)
            if x.dtype.byteorder in "=|":
                assert {(row.tobytes(), int(label)) for row, label in seen} <= known
            assert 0 <= batch["label"].numpy().min() <= batch["label"].numpy().max()
            assert batch["label"].numpy().max() < stream.fields["label"].num_classes
