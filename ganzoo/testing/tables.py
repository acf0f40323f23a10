"""What the checks ask of a GAN on tables."""

from __future__ import annotations

from typing import Any

from ganzoo import data
from ganzoo.core.gan import GAN


def assert_rows_are_alike(gan: GAN, real: Any) -> None:
    """Sampled rows have the columns, dtypes, categories and ranges of the table."""
    rows: Any = gan.sample(50, 3)
    assert list(rows.columns) == list(real.columns) and (rows.dtypes == real.dtypes).all()
    assert rows.equals(gan.sample(50, 3)) and not rows.equals(gan.sample(50, 4))
    assert len(rows) == 50
    for name, made in rows.items():
        if made.dtype.kind in "OSb" or made.dtype == "category":
            assert set(made.dropna()) <= set(real[name]), name
        else:
            assert made.dropna().between(real[name].min(), real[name].max()).all(), name


def assert_learned(gan: GAN) -> None:
    """The shares of segments, and the mean age of each, are those of the customers."""
    real = data.toys.customers(2000)
    gan.fit(real, batch_size=100, steps_per_epoch=400, verbose=0)
    rows: Any = gan.sample(2000, seed=0)
    far = (rows["segment"].value_counts(normalize=True)
           - real["segment"].value_counts(normalize=True)).abs().sum() / 2  # fmt: skip
    assert far < 0.1, f"the total variation of segments is {far}"
    ages = [table.groupby("segment", observed=True)["age"].mean() for table in (real, rows)]
    assert ages[1]["retired"] > 55 and ages[1]["student"] < 35, f"the mean ages are {ages[1]}"
