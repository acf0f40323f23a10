"""Hostile `.npz` archives: each ends soon in one sentence, or works."""

import io
import pickle

import numpy as np
from cases import (
    CLASSES,
    PICTURES,
    VECTORS,
    WORKS,
    always,
    each_of,
    ends_soon_in_one_sentence_or_works,
    nothing,
    zipped,
)
from data_cases import WITH_LABELS

from ganzoo import data


def arrays(**arrays):
    return lambda place: np.savez(place.path / "x.npz", **arrays)


def archive(words):
    return lambda place: (place.path / "x.npz").write_bytes(words)


def written(write, *values, **named):
    memory = io.BytesIO()
    write(memory, *values, **named)
    return memory.getvalue()


WHOLE = written(np.savez, x=PICTURES)


def header_of_terabytes():
    memory = io.BytesIO()
    facts = {"descr": "<f4", "fortran_order": False, "shape": (10**13, 4)}
    np.lib.format.write_array_header_1_0(memory, facts)
    return memory.getvalue()


def read_the_archive(place):
    dataset = data.load(f"npz:{place.path / 'x.npz'}")
    has_labels = isinstance(dataset.element_spec, dict) and "label" in dataset.element_spec
    stream = data.batches(dataset, batch_size=2, columns=WITH_LABELS if has_labels else None)
    with data.clear_errors():
        next(iter(stream.dataset))


ARCHIVES = {
    "no file": (nothing, "x.npz can't be read as .npz of plain arrays: .*No such file"),
    "a folder": (lambda place: (place.path / "x.npz").mkdir(), "can't be read.*Is a directory"),
    "nothing": (archive(b""), "can't be read as .npz"),
    "text": (archive(b"hello"), "it is no archive, or holds Python objects"),
    "a pickle": (archive(pickle.dumps(PICTURES)), "it is no archive, or holds Python objects"),
    "one array": (archive(written(np.save, PICTURES)), "write it with np.savez"),
    "truncated": (archive(WHOLE[:-60]), "can't be read as .npz"),
    "a flipped bit": (archive(WHOLE[:300] + b"\x01\x02" + WHOLE[302:]), "Bad CRC-32"),
    "no arrays": (arrays(), "holds no arrays: name them x/y"),
    "a text in it": (archive(zipped(x_txt="hello")), "holds x.txt, which is no array"),
    "terabytes promised": (archive(zipped(x_npy=header_of_terabytes())), "can't be read as .npz"),
    "objects": (arrays(x=np.array([{}, None])), "holds Python objects"),
    "NaN": (arrays(x=np.full([9, 2], np.nan)), "NaN or Inf"),
    "no rows": (arrays(x=PICTURES[:0]), "data is empty"),
    "a number": (arrays(x=3), r"holds x \(\): images are"),
    "five axes": (arrays(x=np.zeros([4, 2, 2, 2, 2])), r"holds x \(4, 2, 2, 2, 2\)"),
    "wrong keys": (arrays(a=PICTURES, b=PICTURES), "holds the arrays a, b: name them x/y"),
    "labels alone": (arrays(y=CLASSES), r"holds y \(64,\): images are"),
    "too few labels": (arrays(x=PICTURES, y=CLASSES[:3]), r"and y \(3,\)"),
    "one row and one label": (arrays(x=PICTURES[:1], y=3), r"and y \(\)"),
    "labels of text": (arrays(x=PICTURES, y=["a"] * 64), WORKS),
    "labels of halves": (arrays(x=PICTURES, y=CLASSES / 2), "must be integers"),
    "one-hot labels": (arrays(x=PICTURES, y=np.eye(4, dtype=int)[CLASSES]), "argmax"),
    "labels of dates": (arrays(x=PICTURES, y=np.zeros(64, "M8[s]")), "y in .*dtype datetime64"),
    "dates": (arrays(x=np.zeros([4, 2], "M8[s]")), "x in .*x.npz has dtype datetime64"),
    "complex numbers": (arrays(x=np.ones([4, 2]) * 1j), "has dtype complex128"),
    "words": (arrays(x=[["a", "b"]] * 4), "has dtype str"),
    "records": (arrays(x=np.zeros([4, 2], [("a", "f4")])), "has dtype void"),
    "128 bits": (arrays(x=np.ones([4, 2], "longdouble")), "has dtype float128"),
    "16 bits": (arrays(x=PICTURES.astype("int16")), "pass value_range="),
    "another byte order": (arrays(x=VECTORS.astype(">f4")), WORKS),
    "another order of axes": (arrays(x=np.asfortranarray(PICTURES)), WORKS),
}


@each_of(always(read_the_archive, ARCHIVES))
def test_each_case_ends_soon_in_one_sentence_or_works(place, prepare, act, words):
    ends_soon_in_one_sentence_or_works(place, prepare, act, words)
