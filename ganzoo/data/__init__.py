"""Data: where it comes from, what a model must know of it, and how it becomes batches."""

from ganzoo.data import batches as _  # noqa: F401
from ganzoo.data import toys
from ganzoo.data.batches import CLASSES, DataError, clear_errors
from ganzoo.data.fields import Batches, Column, Field, batches
from ganzoo.data.load import available, load
from ganzoo.data.spec import Spec

__all__ = [
    "CLASSES",
    "Batches",
    "Column",
    "DataError",
    "Field",
    "Spec",
    "available",
    "batches",
    "clear_errors",
    "load",
    "toys",
]
