"""Tables in files."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PART = 100_000  # rows that are read at once
SECONDS = 5  # between two lines about the progress


def table(path: Path) -> Any:
    """A DataFrame of a .csv or .parquet file.

    The file is read in parts, and strings become categories in each part, so that a large table
    takes the memory of its codes and numbers and not that of its text. The logger `ganzoo` tells
    every few seconds how many rows were read. Text that is dates as ISO 8601 writes them, such as
    2026-11-27, becomes dates.

    Raises:
        ValueError: the file can't be read.
    """
    import pandas as pd

    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"{path} is no table that can be read: name a .csv or .parquet file.")
    if not path.is_file():
        raise ValueError(f"there is no file {path}: name a .csv or .parquet file.")
    try:
        read = _csv if path.suffix == ".csv" else _parquet
        parts = [_compact(part) for part in _told(read(path), path)]
        parts = [part.assign(**{name: _as_dates(part[name]) for name in _dates(parts[0])})
                 for part in parts]  # fmt: skip
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


def _told(parts: Iterator[Any], path: Path) -> Iterator[Any]:
    """The parts. How many rows were read is logged every few seconds."""
    count, told = 0, time.monotonic()
    for part in parts:
        yield part
        count += len(part)
        if time.monotonic() - told > SECONDS:
            logging.getLogger("ganzoo").info("%s: %s rows read so far", path, f"{count:,}")
            told = time.monotonic()


def _csv(path: Path) -> Iterator[Any]:
    import pandas as pd

    with pd.read_csv(path, chunksize=PART) as reader:
        yield from reader


def _parquet(path: Path) -> Iterator[Any]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(PART):
            yield batch.to_pandas()


def _dates(part: Any) -> list[str]:
    """The columns of categories whose values are all dates."""
    found = []
    for name in part.select_dtypes("category").columns:
        first = part[name].cat.categories[:1]
        if len(first) and re.match(r"\d{4}-\d\d-\d\d", str(first[0])):
            with contextlib.suppress(ValueError):
                _as_dates(part[name])
                found.append(name)
    return found


def _as_dates(series: Any) -> Any:
    import pandas as pd

    return pd.to_datetime(series.astype(object), format="ISO8601")


def _compact(part: Any) -> Any:
    """The part with categories in place of strings."""
    text = part.select_dtypes(["object", "string"]).columns
    return part.astype(dict.fromkeys(text, "category"))
