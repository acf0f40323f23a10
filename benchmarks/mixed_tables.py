"""Tables: how good are the rows of `ctgan`, beside simple baselines and the package `ctgan`?

    python benchmarks/mixed_tables.py                       # all tables, three seeds
    python benchmarks/mixed_tables.py --table penguins --engine ganzoo copula --seeds 1

Tables: real ones that packages bring (pip install palmerpenguins vega_datasets statsmodels), and
`customers`, whose joint distribution is known. Rows with missing values are left out, because the
package refuses them, and so is the name of a car, which is an identifier. A random half of the rows
is trained on, and the other half is held out.

Engines:

- `ganzoo`: `ganzoo.get("ctgan", **recipe)` with the recipe of its card and as many steps.
- `package`: `ctgan.CTGAN` with its defaults, in an environment of its own (`--python`, or a new one
  in the folder `--environment`). It is told which columns are discrete: the same as ours.
- `independent`: each column is drawn from the training rows by itself.
- `copula`: a Gaussian copula. Each column keeps its own distribution, and normal scores have the
  correlations of the training rows. Categories are intervals of the scores, the most frequent
  first.
- `real`: the training rows themselves, which is the most to hope for. They are copies, of course,
  so that `nearer` and `rare` say nothing.

Columns of results/tables.csv:

- `shapes` and `trends` as `gan.evaluate` has them, of at most 2,500 rows against as many that were
  held out.
- `quality`: the mean of these two.
- `useful`: the score of gradient boosting that was trained on the samples and tested on the
  held-out rows: the macro F1 of classes, or R² of numbers.
- `added`: the same score of a model that was trained on the training rows and the samples together.
  It helps where it is above `useful` of the engine `real`.
- `nearer`: the share of samples that are nearer to a training row than to a held-out one; rows that
  copy nothing have a half.
- `rare`: the largest relative error of a category's share in the training rows, of those of at most
  5% that have at least 50 rows there.
- `seconds`: CPU seconds of all threads, for fitting and drawing as many rows as are held out.
  Imports are left out. CPU seconds tell the same on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pandas as pd
import sklearn
import tables
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import f1_score, r2_score
from sklearn.neighbors import NearestNeighbors

import ganzoo
from ganzoo import evaluation
from ganzoo.data import table_learning
from ganzoo.data import tables as codec

PATH = Path(__file__).parents[1] / "results" / "tables.csv"
PACKAGE = "ctgan"
MOST = 2500  # rows whose columns and pairs of columns are compared
TARGETS = {
    "penguins": "species", "cars": "Origin", "fair": "affairs", "randhie": "mdvis",
    "iris": "target", "wine": "target", "breast_cancer": "target", "diabetes": "target",
    "customers": "segment",
}  # fmt: skip


def load(name: str) -> pd.DataFrame:
    """A table without missing values."""
    if name == "customers":
        frame = ganzoo.data.load("customers")
    elif name == "penguins":
        import palmerpenguins

        frame = palmerpenguins.load_penguins()
    elif name == "cars":
        import vega_datasets

        frame = vega_datasets.data.cars().drop(columns="Name")
    elif name in ("fair", "randhie"):
        import statsmodels.api

        frame = getattr(statsmodels.api.datasets, name).load_pandas().data
    else:
        import sklearn.datasets

        frame = getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame
        if name != "diabetes":
            frame["target"] = frame["target"].map(lambda number: f"class {number}")
    return frame.dropna().reset_index(drop=True)


# ---- engines: (training rows, what is known of their columns, number of rows, seed) -> rows


def of_ganzoo(train: pd.DataFrame, columns: codec.Columns, count: int, seed: int) -> pd.DataFrame:
    from ganzoo.training import recipes

    gan = ganzoo.get("ctgan", seed=seed)
    chosen = recipes.chosen(gan, train)
    steps, batch = chosen.pop("steps"), chosen.pop("batch_size", None)
    chosen = recipes.falling(chosen, steps, 1)
    gan = ganzoo.get("ctgan", seed=seed, **chosen)
    gan.fit(train, batch_size=batch, steps_per_epoch=steps, verbose=0)
    return gan.sample(count, seed)


SCRIPT = """
import json, sys, time
import numpy as np, pandas as pd, torch
from ctgan import CTGAN
train, out, facts = sys.argv[1:]
facts = json.loads(facts)
np.random.seed(facts["seed"]); torch.manual_seed(facts["seed"])
frame = pd.read_csv(train, dtype=dict.fromkeys(facts["discrete"], str))
began = time.process_time()
model = CTGAN()
model.fit(frame, facts["discrete"])
made = model.sample(facts["count"])
print(time.process_time() - began)
made.to_csv(out, index=False)
"""


def of_package(
    python: str, train: pd.DataFrame, columns: codec.Columns, count: int, seed: int
) -> tuple[pd.DataFrame, float]:
    """The rows, and the seconds that they took. Dates become days and categories their text on the
    way there, and the inverse on the way back."""
    shown = train.copy()
    dates = [c.name for c in columns if c.dtype.startswith("datetime64")]
    for name in dates:
        shown[name] = (shown[name] - train[name].min()).dt.days
    discrete = [c.name for c in columns if c.is_category]
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "train.csv"), Path(folder, "made.csv")
        shown.to_csv(given, index=False)
        facts = json.dumps({"seed": seed, "discrete": discrete, "count": count})
        command = [python, "-c", SCRIPT, str(given), str(made), facts]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = float(done.stdout.split()[-1])
        rows = pd.read_csv(made, dtype=dict.fromkeys(discrete, str))
    for column in columns:
        if column.is_category:
            names = {str(value): value for value in column.categories}
            rows[column.name] = rows[column.name].map(names).astype(train[column.name].dtype)
        elif column.name in dates:
            days = pd.to_timedelta(rows[column.name].round(), "D")
            rows[column.name] = train[column.name].min() + days
    return rows, seconds


def of_independent(
    train: pd.DataFrame, columns: codec.Columns, count: int, seed: int
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    drawn = {name: train[name].to_numpy()[rng.integers(len(train), size=count)] for name in train}
    return pd.DataFrame(drawn).astype(train.dtypes.to_dict())


def of_copula(train: pd.DataFrame, columns: codec.Columns, count: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = codec.numbers(train, columns).astype("float64")
    ordered = []  # codes by frequency, so that an interval's place says how frequent it is
    for i, column in enumerate(columns):
        order = np.argsort(-np.bincount(x[:, i].astype(int))) if column.is_category else None
        ordered.append(x[:, i] if order is None else np.argsort(order)[x[:, i].astype(int)])
    places = np.stack(ordered, axis=1)
    # The middle of the ranks of equal values, as a share between 0 and 1.
    shares = (stats.rankdata(places, axis=0) - 0.5) / len(places)
    scores = stats.norm.ppf(shares)
    correlation = np.atleast_2d(np.nan_to_num(np.corrcoef(scores.T)))
    np.fill_diagonal(correlation, 1.0)
    drawn = rng.multivariate_normal(np.zeros(len(columns)), correlation, count, method="eigh")
    made = stats.norm.cdf(drawn)
    rows = {}
    for i, column in enumerate(columns):
        method = "inverted_cdf" if column.is_category else "linear"
        values = np.quantile(places[:, i], made[:, i], method=method)
        if column.is_category:
            order = np.argsort(-np.bincount(x[:, i].astype(int)))
            names = np.array(column.categories, object)[order[values.astype(int)]]
            rows[column.name] = pd.Series(names).astype(train[column.name].dtype)
        else:
            one_hot = np.zeros((count, len(column.means)))
            one_hot[:, 0] = 1
            within = (values - column.means[0]) / (4 * column.deviations[0])
            rows[column.name] = codec.decode(np.column_stack([within, one_hot]), (column,))[
                column.name
            ]
    return pd.DataFrame(rows)


# ---- measuring


def measured(
    name: str,
    train: pd.DataFrame,
    held_out: pd.DataFrame,
    made: pd.DataFrame,
    columns: codec.Columns,
) -> dict[str, float]:
    known, others, rows = (codec.numbers(x, columns) for x in (train, held_out, made))
    shapes = float(evaluation.column_shapes(others[:MOST], rows[:MOST], columns))
    trends = float(evaluation.pair_trends(others[:MOST], rows[:MOST], columns))
    return {
        "shapes": shapes,
        "trends": trends,
        "quality": (shapes + trends) / 2,
        "useful": useful(rows, others, columns, TARGETS[name]),
        "added": useful(np.concatenate([known, rows]), others, columns, TARGETS[name]),
        "nearer": nearer(known, others, rows, columns),
        "rare": rare(known, rows, columns),
    }


def useful(made: np.ndarray, real: np.ndarray, columns: codec.Columns, target: str) -> float:
    """The score on real rows of gradient boosting that was trained on made ones."""
    place = [column.name for column in columns].index(target)
    is_class = columns[place].is_category
    x, y, held, truth = (part for rows in (made, real) for part in (
        np.delete(rows, place, axis=1), rows[:, place]
    ))  # fmt: skip
    if is_class and len(np.unique(y)) < 2:
        return 0.0
    model = (HistGradientBoostingClassifier if is_class else HistGradientBoostingRegressor)(
        random_state=0
    )
    told = model.fit(x, y).predict(held)
    return float(f1_score(truth, told, average="macro") if is_class else r2_score(truth, told))


def nearer(
    train: np.ndarray, held_out: np.ndarray, made: np.ndarray, columns: codec.Columns
) -> float:
    """The share of made rows that are nearer to a training row; ties count half."""
    rows = evaluation.TableRows(
        ganzoo.data.Field((codec.width(columns),), "float32", "table", table=columns)
    )
    features = [rows.features(x) for x in (train, held_out, made)]
    size = min(len(train), len(held_out))
    known, other = (
        NearestNeighbors(n_neighbors=1).fit(x[:size]).kneighbors(features[2])[0][:, 0]
        for x in features[:2]
    )
    return float(np.mean(known < other) + np.mean(known == other) / 2)


def rare(train: np.ndarray, made: np.ndarray, columns: codec.Columns) -> float:
    """The largest |made share / real share − 1| of rare categories; NaN where there are none."""
    errors = []
    for i, column in enumerate(columns):
        for code in range(len(column.categories)):
            share = np.mean(train[:, i] == code)
            if 50 <= share * len(train) <= 0.05 * len(train):
                errors.append(abs(np.mean(made[:, i] == code) / share - 1))
    return max(errors, default=float("nan"))


def python_with_package(folder: Path) -> str | None:
    """The Python of a virtual environment in `folder`, where this installs the package once."""
    python = str(folder / "bin" / "python")
    if not Path(python).exists():
        venv.create(folder, with_pip=True)
        if subprocess.run([python, "-m", "pip", "install", "-q", PACKAGE]).returncode:
            return None
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    engines = ("ganzoo", "package", "copula", "independent", "real")
    parser.add_argument("--table", nargs="+", default=list(TARGETS), choices=TARGETS)
    parser.add_argument("--engine", nargs="+", default=list(engines), choices=engines)
    parser.add_argument("--seeds", nargs="+", type=int, default=[7, 8, 9])
    parser.add_argument("--python", help="that has the package ctgan")
    parser.add_argument(
        "--environment", type=Path, default=Path.home() / ".cache" / "ganzoo" / "ctgan"
    )
    chosen = parser.parse_args()
    python = chosen.python
    if "package" in chosen.engine and python is None:
        python = python_with_package(chosen.environment)
    facts = tables.facts(pd, sklearn)
    for name in chosen.table:
        frame = load(name)
        for seed in chosen.seeds:
            order = np.random.default_rng(seed).permutation(len(frame))
            half = len(frame) // 2
            train, held_out = (
                frame.iloc[rows].reset_index(drop=True) for rows in (order[:half], order[half:])
            )
            columns = table_learning.learn(
                frame
            )  # of all rows, so that held-out categories are known
            for engine in chosen.engine:
                began, seconds = time.process_time(), None
                if engine == "real":
                    made = train
                elif engine == "package":
                    if python is None:
                        continue
                    made, seconds = of_package(python, train, columns, len(held_out), seed)
                else:
                    make = {
                        "ganzoo": of_ganzoo, "copula": of_copula, "independent": of_independent
                    }[engine]  # fmt: skip
                    made = make(train, columns, len(held_out), seed)
                seconds = seconds or time.process_time() - began
                row: dict[str, Any] = {"table": name, "engine": engine, "seed": seed}
                row |= {"rows": half, "columns": len(columns)}
                found = measured(name, train, held_out, made, columns)
                row |= {key: round(value, 4) for key, value in found.items()}
                row |= {"seconds": round(seconds, 1)} | facts
                row["command"] = f"python benchmarks/mixed_tables.py --table {name}"
                print(row, flush=True)
                tables.write(PATH, [row], ("table", "engine", "seed"), ("table", "engine", "seed"))


if __name__ == "__main__":
    main()
