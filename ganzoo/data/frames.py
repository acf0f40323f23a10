"""pandas DataFrames: numeric columns become vectors, and samples become DataFrames again."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ganzoo.data.fields import Field


class Frame:
    """The columns of a DataFrame, in one array of their common dtype.

    Raises ValueError, which names them, for columns that hold no numbers.
    """

    def __init__(self, frame: Any, what: str):
        self.names = tuple(n if isinstance(n, int | str) else str(n) for n in frame.columns)
        twice = sorted({str(name) for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ValueError(f"{what} has several columns named {', '.join(twice)}: rename them.")
        self.dtypes = tuple(
            dtype.name if isinstance(dtype, np.dtype) else "" for dtype in frame.dtypes
        )
        other = [
            f"{name!r} ({dtype})"
            for name, dtype in zip(self.names, frame.dtypes, strict=True)
            if not (isinstance(dtype, np.dtype) and dtype.kind in "biuf")
        ]
        if other:
            raise ValueError(
                f"{what} has columns that hold no plain numbers, {', '.join(other[:10])}: encode"
                ' or drop them, e.g. with df.select_dtypes(["number", "bool"]).'
            )
        common = np.result_type(*frame.dtypes) if len(self.names) else np.float32
        self.array = frame.to_numpy(common)

    def values(self, given: Field | None) -> np.ndarray:
        """The array, with its columns in the order of a built model's field.

        Raises ValueError if that field has other columns.
        """
        if given is None or given.feature_names is None or given.feature_names == self.names:
            return self.array
        missing = [name for name in given.feature_names if name not in self.names]
        if missing or len(self.names) != len(given.feature_names):
            listed = ", ".join(map(repr, given.feature_names))
            raise ValueError(
                f"data has the columns {', '.join(map(repr, self.names))}, but the model was built"
                f" for {listed}: pass these, or build a new model."
            )
        order = [self.names.index(name) for name in given.feature_names]
        self.array = np.ascontiguousarray(self.array[:, order])
        return self.array

    def described(self, field: Field) -> Field:
        """The field, which now also knows names and dtypes of the columns."""
        return dataclasses.replace(field, feature_names=self.names, feature_dtypes=self.dtypes)
