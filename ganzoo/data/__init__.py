"""Data: where it comes from, what a model must know of it, and how it becomes batches."""

from ganzoo.data import toys
from ganzoo.data.batches import CLASSES, Batches, DataError, batches, clear_errors
from ganzoo.data.load import available, load
from ganzoo.data.spec import Spec

__all__ = [
    "CLASSES",
    "Batches",
    "DataError",
    "Spec",
    "available",
    "batches",
    "clear_errors",
    "load",
    "toys",
]
