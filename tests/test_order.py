import itertools
import sys

import numpy as np
import pytest
import tensorflow as tf
from data_cases import (
    PICTURES,
    generated,
    slices,
    take,
)
from PIL import Image

from ganzoo import data
from ganzoo.data import batches

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
