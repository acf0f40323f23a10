"""Do the columns of samples go together as those of the data do, and is what was asked for there?

The rows are of `ganzoo.data.toys.customers`, whose joint distribution is known. Beside the samples
are the same columns drawn one by one, which is what a model of the columns alone would make.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import ganzoo
from ganzoo.data import toys
from ganzoo.evaluation.tables import pair_trends
from ganzoo.training import recipes

ROWS = 2500
ASKED = {"segment": "student", "region": "islands"}


def claim(seed: int) -> Iterator[dict[str, object]]:
    train, others = toys.customers(2 * ROWS, seed), toys.customers(ROWS, seed + 1000)
    recipe = dict(ganzoo.get("ctgan").recipe)
    steps = recipe.pop("steps")
    gan = ganzoo.get("ctgan", seed=seed, **recipes.falling(recipe, steps, 1))
    gan.fit(train, steps_per_epoch=steps, verbose=0)
    rng = np.random.default_rng(seed)
    alone = train.head(ROWS).apply(lambda column: rng.permutation(column.to_numpy()))
    alone = alone.astype(train.dtypes)
    measured = [
        float(pair_trends(gan.spec.as_array(others), gan.spec.as_array(rows), gan.table))
        for rows in (gan.sample(ROWS, seed=seed), alone)
    ]
    yield {
        "measure": "likeness of the pairs of columns, 1 for equal ones",
        "value": measured[0],
        "bar": "> beside",
        "beside": "the columns by themselves",
        "value_beside": measured[1],
        "steps": steps,
    }
    rows = gan.sample(500, seed=seed, conditions=ASKED)
    kept = np.logical_and.reduce([rows[name].to_numpy() == asked for name, asked in ASKED.items()])
    yield {
        "measure": "share of samples that have the two categories that were asked for",
        "value": float(kept.mean()),
        "bar": ">= 1",
        "steps": steps,
    }
