"""Hostile arguments of the interface: each ends soon in one sentence, or works."""

import math

import numpy as np
from cases import (
    PICTURES,
    VECTORS,
    WORKS,
    each_of,
    ends_soon_in_one_sentence_or_works,
    get,
    on_the_gan,
    on_the_labelled,
    without_preparation,
)

import ganzoo
from ganzoo import data, exporters

INTERFACE = {
    "a name that is a list": (get(["lsgan"]), "no GAN is called .*there are aae, acgan"),
    "a name with a line break": (get("ls\ngan"), r"'ls\\ngan': did you mean 'lsgan'"),
    "a name of a megabyte": (get("x" * 10**6), "no GAN is called 'xxx"),
    "no name": (lambda _: ganzoo.get(None), "no GAN is called None"),
    "a pattern that is a number": (lambda _: ganzoo.names(3), "the pattern must be a string"),
    "a card of nothing": (lambda _: ganzoo.card(""), "no GAN is called ''"),
    "loading nothing": (lambda _: ganzoo.load(None), "None is no path: name a .keras file"),
    "loading a NUL": (lambda _: ganzoo.load("a\0.keras"), "is no path"),
    "loading the empty path": (lambda _: ganzoo.load(""), "is a folder: name the .keras file"),
    "loading a long path": (lambda _: ganzoo.load("a" * 300 + ".keras"), "File name too long"),
    "loading an address": (lambda _: ganzoo.load("http://127.0.0.1:9/y.keras"), "no saved GAN at"),
    "saving to nothing": (on_the_gan(lambda gan: gan.save(None)), "None is no path"),
    "saving to a NUL": (on_the_gan(lambda gan: gan.save("a\0.keras")), "is no path"),
    "saving as HDF5": (on_the_gan(lambda gan: gan.save("a.h5")), "end it in .keras"),
    "saving into no folder": (on_the_gan(lambda gan: gan.save("no/a.keras")), "no/a.keras was not"),
    "saving what is not built": (lambda _: ganzoo.get("gan").save("a.keras"), "fit it first"),
    "no samples": (on_the_gan(lambda gan: gan.sample(0)), "count=0 must be"),
    "samples for True": (on_the_gan(lambda gan: gan.sample(True)), "count=True must be"),
    "more samples than fit": (on_the_gan(lambda gan: gan.sample(10**12)), "at most 1000000"),
    "a seed of NaN": (on_the_gan(lambda gan: gan.sample(2, seed=math.nan)), "seed=nan must be"),
    "a seed of 70 bits": (on_the_gan(lambda gan: gan.sample(2, seed=2**70)), "seed=118059"),
    "a seed below zero": (on_the_gan(lambda gan: gan.sample(2, seed=-1)), WORKS),
    "samples in batches of 0": (
        on_the_gan(lambda gan: gan.sample(2, batch_size=0)),
        "batch_size=0 must be an int of at least 1",
    ),
    "labels of no class": (
        on_the_gan(lambda gan: gan.sample(2, labels=1)),
        "is not told the class",
    ),
    "a label out of range": (on_the_labelled(lambda gan: gan.sample(2, labels=9)), "0 to 3"),
    "a label of 70 bits": (on_the_labelled(lambda gan: gan.sample(2, labels=2**70)), "integers"),
    "labels as floats": (on_the_labelled(lambda gan: gan.sample(2, labels=1.0)), "not float64"),
    "labels as text": (on_the_labelled(lambda gan: gan.sample(2, labels="cat")), "not <U3"),
    "too many labels": (on_the_labelled(lambda gan: gan.sample(2, labels=[1, 2, 3])), "a row each"),
    "labels of different lengths": (
        on_the_labelled(lambda gan: gan.sample(2, labels=[[1], [1, 2]])),
        "label has rows of different lengths: it takes one row",
    ),
    "labels given twice": (
        on_the_labelled(lambda gan: gan.sample(2, labels=1, label=2)),
        "both given: leave one out",
    ),
    "a latent of NaN": (
        on_the_gan(lambda gan: gan.sample(2, latent=np.full([2, 4], np.nan))),
        "latent of dtype float64 must be finite numbers of float32",
    ),
    "a latent beyond float32": (
        on_the_gan(lambda gan: gan.sample(2, latent=np.full([2, 4], 1e39))),
        "finite numbers of float32",
    ),
    "a latent of None": (on_the_gan(lambda gan: gan.sample(2, latent=None)), "of dtype object"),
    "a complex latent": (on_the_gan(lambda gan: gan.sample(2, latent=[1j] * 4)), "complex128"),
    "a latent of another width": (
        on_the_gan(lambda gan: gan.sample(2, latent=np.zeros([2, 5]))),
        r"shape \(2, 5\)",
    ),
    "a latent misspelt": (on_the_gan(lambda gan: gan.sample(2, lantent=0)), "mean 'latent'"),
    "inferring what isn't": (on_the_gan(lambda gan: gan.encode(VECTORS)), "such as bigan"),
    "exporting to nothing": (on_the_gan(lambda gan: gan.export(None)), "None is no path"),
    "exporting to a NUL": (on_the_gan(lambda gan: gan.export("a\0")), "is no path"),
    "exporting in the cloud": (
        on_the_gan(lambda gan: gan.export("s3://a")),
        "no local|not a local",
    ),
    "exporting a list": (
        on_the_gan(lambda gan: gan.export("e", format=[])),
        "unknown export format",
    ),
    "exporting version True": (
        on_the_gan(lambda gan: gan.export("e", version=True)),
        "an integer from 1, not True",
    ),
    "exporting at NaN dB": (
        on_the_gan(
            lambda gan: gan.export("e", format="onnx", precision="int8", least_psnr=math.nan)
        ),
        "a number of dB, such as 40, not nan",
    ),
    "exporting a SavedModel as an ONNX file": (
        on_the_gan(lambda gan: gan.export("a.onnx")),
        "names an ONNX file",
    ),
    "exporting a version of an ONNX file": (
        on_the_gan(lambda gan: gan.export("a.onnx", format="onnx", version=1)),
        "has no versions",
    ),
    "exporting an ONNX file to no folder": (
        on_the_gan(lambda gan: gan.export("nowhere/a.onnx", format="onnx")),
        "a file in a folder that exists",
    ),
    "exporting below a file": (
        lambda place: place.gan.export(place.trained / "vectors.npz" / "e", format="onnx"),
        "Not a directory",
    ),
    "verifying nothing": (lambda _: exporters.verify(None), "None is no path"),
    "verifying a file": (
        lambda place: exporters.verify(place.trained / "vectors.npz"),
        "no export",
    ),
    "evaluating what is not built": (lambda _: ganzoo.get("gan").evaluate(VECTORS), "fit it first"),
    "evaluating on other data": (
        on_the_gan(lambda gan: gan.evaluate(PICTURES)),
        "the model was built for float32",
    ),
    "evaluating on 3 rows": (
        on_the_gan(lambda gan: gan.evaluate(VECTORS[:3], batch_size=1)),
        "pass at least 4",
    ),
    "evaluating -1 samples": (
        on_the_gan(lambda gan: gan.evaluate(VECTORS, samples=-1)),
        "samples=-1 must be",
    ),
    "evaluating with an unknown extractor": (
        on_the_gan(lambda gan: gan.evaluate(VECTORS, batch_size=16, extractor="vgg")),
        "extractor='vgg' must be",
    ),
    "evaluating with an extractor without a name": (
        on_the_gan(lambda gan: gan.evaluate(VECTORS, batch_size=16, extractor=Nameless())),
        "an object with name, hash and features",
    ),
    "evaluating with features of NaN": (
        on_the_gan(lambda gan: gan.evaluate(VECTORS, batch_size=16, extractor=OfNaN())),
        "hold NaN or Inf",
    ),
    "evaluating with a seed below zero": (
        on_the_gan(lambda gan: gan.evaluate(VECTORS, batch_size=16, seed=-1)),
        "seed=-1 must be",
    ),
    "data without a name": (lambda _: data.load(None), "None is no data set: there are digits"),
    "data by a list": (lambda _: data.load(["digits"]), "is no data set"),
    "data in capitals": (lambda _: data.load("Digits"), "did you mean 'digits'"),
    "data of a seed below zero": (lambda _: data.load("ring", seed=-1), "seed=-1 must be an int"),
    "a size of floats": (lambda _: data.load("digits", size=(8.5, 8.5)), "two positive ints"),
    "a size of three": (lambda _: data.load("digits", size=(8, 8, 8)), "two positive ints"),
    "a size of terabytes": (lambda _: data.load("digits", size=(10**6, 10**6)), "at most 16384"),
    "a size of NumPy": (lambda _: data.load("digits", size=np.array([4, 4])), WORKS),
    "the home of nobody": (lambda _: data.load("folder:~nobody-here/x"), "is not a folder"),
    "a folder with a NUL": (lambda _: data.load("folder:a\0"), "is not a folder"),
}


class Nameless:
    def features(self, x):
        return x


class OfNaN:
    name, hash = "NaN", "0"

    def features(self, x):
        return np.full([len(x), 3], np.nan)


@each_of(without_preparation(INTERFACE))
def test_each_case_ends_soon_in_one_sentence_or_works(place, prepare, act, words):
    ends_soon_in_one_sentence_or_works(place, prepare, act, words)
