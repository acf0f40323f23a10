"""`.keras` files taken apart and packed again, and how `load` must refuse them."""

import json
import resource
import time
import zipfile

import numpy as np
import pytest

import ganzoo

WEIGHTS = "model.weights.h5"


def digits():
    return np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), "uint8")


def apart(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(path, match=None):
    """The sentence with which `load` refuses a file, soon and for little memory."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=match) as caught:
        ganzoo.load(path)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert time.monotonic() - began < 10 and after - before < 400 * 1024  # KiB
    sentence = str(caught.value)
    assert sentence.startswith(str(path)) and sentence.endswith(".")
    assert sentence.isprintable() and len(sentence) < len(str(path)) + 300
    return sentence


def described(members, **changes):
    """The members with `changes` to the GAN's own configuration."""
    config = json.loads(members["config.json"])
    config["config"] |= changes
    return members | {"config.json": json.dumps(config)}


def item(module, name, config=None, registered=None):
    parts = {"module": module, "class_name": name, "config": config or {}}
    return parts | {"registered_name": registered}
