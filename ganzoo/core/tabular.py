"""What games on tables share: their inputs, and samples that are DataFrames with asked values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo import data
from ganzoo.core.inputs import Category, Input, Normal
from ganzoo.core.sampling import MOST, Sampling
from ganzoo.data import tables
from ganzoo.data.checks import check_int
from ganzoo.foundation.randomness import Noise

DRAWN = 4  # rows for each of those that a balanced sample keeps
LEAST = 1000  # rows that are drawn at once where values are asked for
ROUNDS = 50  # of drawing rows until enough have the asked values


@dataclasses.dataclass(frozen=True)
class Condition(Category):
    """One category of one column of a table, int32 [count]: a number among the categories of all
    columns. Training uses those of the real rows. Sampling draws a column, and a category of it as
    often as it is in the data. Networks see it one-hot.

    Attributes:
        shares: the probability of each condition.
    """

    shares: tuple[float, ...] = ()

    @property
    def distribution(self) -> str:
        return f"0..{self.classes - 1}, as frequent as in the data"

    def make(self, noise: Noise, count: int | tf.Tensor, given: tf.Tensor | None) -> tf.Tensor:
        if given is not None:
            return given
        bounds = tf.constant(np.cumsum(self.shares)[:-1], tf.float32)
        return tf.searchsorted(bounds, noise.uniform([count]), side="right")


@dataclasses.dataclass(frozen=True)
class Gumbel(Input):
    """Standard Gumbel noise −log(−log u), u ~ U(0, 1), float32 [count, width]. A generator adds it
    to logits to draw categories."""

    width: int = 1

    @property
    def distribution(self) -> str:
        return "standard Gumbel, -log(-log(u)) of u uniform in (0, 1)"

    def make(self, noise: Noise, count: int | tf.Tensor, given: tf.Tensor | None) -> tf.Tensor:
        tiny = float(np.finfo("float32").tiny)
        return -tf.math.log(-tf.math.log(noise.uniform([count, self.width], tiny, 1.0)))


class Tabular(Sampling):
    """A game on tables of mixed columns. It comes before `GAN` among the bases."""

    columns: Mapping[str, data.Column] = {"table": data.Column("table")}
    checked_shapes: Mapping[str, tuple[int, ...]] = {}

    @property
    def table(self) -> tables.Columns:
        """What was learned of each column."""
        return self.fields["table"].columns

    def _no_labels(self) -> str:
        return "whose conditions are the categories of the table"

    def make_inputs(self) -> dict[str, Input]:
        inputs: dict[str, Input] = {"latent": Normal(width=self.latent_dim)}
        if "condition" in self.fields:
            shares = tables.shares(self.table)
            both = ("generator", "discriminator")
            inputs["condition"] = Condition(both, len(shares), tuple(shares.tolist()))
        one_hot = sum(column.choices for column in self.table)
        return inputs | {"gumbel": Gumbel(width=one_hot)}

    def sample(
        self,
        count: int | None = None,
        seed: int = 0,
        labels: Any = None,
        *,
        conditions: Mapping[Any, Any] | None = None,
        balance: bool = True,
        truncation: float | None = None,
        batch_size: int = 1000,
        **inputs: Any,
    ) -> Any:
        """A DataFrame of `count` rows with the columns, dtypes, categories, ranges and missing
        values of the training data.

            gan.sample(1000)
            gan.sample(100, conditions={"sex": "F", "island": "Biscoe"})

        Args:
            count: rows; at most 250,000, or 1,000,000 with `balance=False` or with conditions.
            seed: at least 0; the same seed gives the same rows.
            truncation, batch_size, inputs: as for other GANs.
            labels: refused, since a table has none: use `conditions`.
            balance: without conditions, four times as many rows are drawn, half of them with rare
                categories more often, and `count` are kept so that each category is as frequent as
                in the data (`ganzoo.data.tables.balanced`). An export draws as `balance=False`
                does.
            conditions: column of categories -> the value that all rows have; None for a missing
                one. The generator is told the rarest of them, and rows with other values are drawn
                again.

        Raises:
            ValueError: the GAN is not built, there is no such column or value, a number is out of
                range, or fewer than `count` of 50·max(count, 1,000) drawn rows have the values.
        """
        self._check_built("sample")
        if labels is not None:
            raise ValueError("labels= is for labelled images: ask with conditions={column: value}.")
        if not conditions:
            if not balance or inputs or "condition" not in self.inputs:
                return super().sample(
                    count, seed, truncation=truncation, batch_size=batch_size, **inputs
                )
            count = check_int("count", count, 1, MOST // DRAWN)
            drawn = self._conditions(count, check_int("seed", seed, 0))
            rows: Any = super().sample(
                len(drawn), seed, truncation=truncation, batch_size=batch_size, condition=drawn
            )
            kept = tables.balanced(tables.numbers(rows, self.table), self.table, count, seed)
            return rows.iloc[kept].reset_index(drop=True)
        if "condition" in inputs:
            raise ValueError("conditions= and condition= were both given: leave one out.")
        asked = tables.condition(self.table, conditions)
        count = check_int("count", count, 1)
        told = self._number(
            min(asked.items(), key=lambda item: self.table[item[0]].shares[item[1]])
        )
        size = max(count, LEAST)
        seeds = np.random.SeedSequence(check_int("seed", seed, 0)).generate_state(ROUNDS)
        found: list[Any] = []
        for draw in seeds:
            made: Any = super().sample(
                size, int(draw), truncation=truncation, batch_size=batch_size,
                condition=told, **inputs,
            )  # fmt: skip
            codes = tables.numbers(made, self.table)
            fits = np.all([codes[:, i] == code for i, code in asked.items()], axis=0)
            found.append(made[fits])
            if sum(map(len, found)) >= count:
                return _joined(found).iloc[:count]
        there = sum(map(len, found))
        raise ValueError(
            f"only {there} of {ROUNDS * size:,} rows have {dict(conditions)}, since the GAN hardly "
            "makes such rows: ask for fewer values at once, or train it longer."
        )

    def _conditions(self, count: int, seed: int) -> np.ndarray:
        """`DRAWN` times `count` conditions: half of them as frequent as in the data, and in the
        other half in proportion to the root of that."""
        shares = tables.shares(self.table)
        roots = np.sqrt(shares)
        rng = np.random.default_rng(seed)
        halves = [rng.choice(len(p), DRAWN // 2 * count, p=p / p.sum()) for p in (shares, roots)]
        return np.concatenate(halves).astype("int32")

    def _number(self, item: tuple[int, int]) -> int:
        """The condition that numbers a category of a column, by their places."""
        place, code = item
        return sum(c.choices for c in tables.categories_of(self.table[:place])) + code


def _joined(frames: list[Any]) -> Any:
    import pandas as pd

    return pd.concat(frames, ignore_index=True)
