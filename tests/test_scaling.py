"""The cost model of benchmarks/scaling.py against closed forms and published step times."""

import importlib.util
import math
from pathlib import Path

import pytest

FILE = Path(__file__).parent.parent / "benchmarks" / "scaling_model.py"
SPEC = importlib.util.spec_from_file_location("scaling_model", FILE)
MODEL = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MODEL)


def test_two_workers_exchange_all_bytes_once_and_wait_two_round_trips():
    assert MODEL.predicted(2, 0.01, 0.0, 2, 5e6, 1, 0.003, 1e6) == pytest.approx((0.01, 5.006))


def test_many_workers_exchange_twice_the_bytes():
    _, exchange = MODEL.predicted(10_000, 0, 0, math.inf, 1e6, 1, 0.0, 1e6)
    assert exchange == pytest.approx(2, rel=1e-3)


def test_workers_share_the_cores():
    assert MODEL.predicted(1, 0.010, 0.012, 2, 0, 0, 0, 1)[0] == 0.010
    assert MODEL.predicted(4, 0.010, 0.012, 2, 0, 0, 0, 1)[0] == pytest.approx(0.024)


def test_published_steps_on_several_gpus_follow_from_that_of_one():
    known = [row for row in MODEL.paper() if row["published"]]
    assert [row["workers"] for row in known] == [1, 2, 4]
    for row in known:
        assert row["predicted"] == pytest.approx(row["published"], rel=0.02)
