"""Data: where it comes from, what a model must know of it, and how it becomes batches."""

from ganzoo.data import glyphs, series, shapes, toys
from ganzoo.data.batches import Batches, batches
from ganzoo.data.checks import CLASSES, DataError, clear_errors
from ganzoo.data.fields import Column, Field, main_sample
from ganzoo.data.labels import asked as asked_labels
from ganzoo.data.sources import available, load
from ganzoo.data.sources.fetched import fetch, licence
from ganzoo.data.sources.given import pictures_for
from ganzoo.data.sources.pairs import columns_of, held_out
from ganzoo.data.sources.pictures import DifferentSizes
from ganzoo.data.sources.shards import index_shards, write_shards
from ganzoo.data.splitting import split

__all__ = [
    "CLASSES",
    "Batches",
    "Column",
    "DataError",
    "DifferentSizes",
    "Field",
    "asked_labels",
    "available",
    "batches",
    "clear_errors",
    "columns_of",
    "fetch",
    "glyphs",
    "held_out",
    "index_shards",
    "licence",
    "load",
    "main_sample",
    "pictures_for",
    "series",
    "shapes",
    "split",
    "toys",
    "write_shards",
]
