"""Tables in files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

PART = 100_000  # rows that are read at once


def table(path: Path) -> Any:
    """A DataFrame of a .csv or .parquet file.

    The file is read in parts, and strings become categories in each part, so that a large table
    takes the memory of its codes and numbers and not that of its text.

    Raises:
        ValueError: the file can't be read.
    """
    import pandas as pd

    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"{path} is no table that can be read: name a .csv or .parquet file.")
    if not path.is_file():
        raise ValueError(f"there is no file {path}: name a .csv or .parquet file.")
    try:
        parts = [_compact(part) for part in (_csv if path.suffix == ".csv" else _parquet)(path)]
    except Exception as error:  # pandas and pyarrow have errors of their own
        reason = str(error).split("\n")[0].rstrip(".")
        raise ValueError(f"{path} can't be read as a table: {reason}.") from error
    if not parts or not len(parts[0].columns):
        raise ValueError(f"{path} has no rows.")
    columns = {}
    for name in parts[0].columns:
        series = [part.pop(name) for part in parts]
        if all(isinstance(one.dtype, pd.CategoricalDtype) for one in series):
            united = pd.api.types.union_categoricals(series, sort_categories=True)
            columns[name] = pd.Series(united)
        else:
            columns[name] = pd.concat(series, ignore_index=True)
    return pd.DataFrame(columns)


def _csv(path: Path) -> Iterator[Any]:
    import pandas as pd

    with pd.read_csv(path, chunksize=PART) as reader:
        yield from reader


def _parquet(path: Path) -> Iterator[Any]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(PART):
            yield batch.to_pandas()


def _compact(part: Any) -> Any:
    """The part with categories in place of strings."""
    text = part.select_dtypes(["object", "string"]).columns
    return part.astype(dict.fromkeys(text, "category"))
