"""Random damage to models, checkpoints and exports: found, or without effect."""

import hashlib
import json
import warnings

import numpy as np
import pytest
from cases import FEW, VECTORS, WEIGHTS, apart, pack, refusal
from hypothesis import given, settings
from hypothesis import strategies as st

import ganzoo
from ganzoo import exporters
from ganzoo.training.checkpoints import Checkpoints


@st.composite
def damage(draw):
    """A change of bytes: some flipped, some left out, some put in, or the rest cut off."""
    kind = draw(st.sampled_from(["flip", "flip", "insert", "remove", "cut"]))
    place = draw(st.floats(0, 1, exclude_max=True))
    more = draw(st.binary(min_size=1, max_size=9))

    def change(words):
        at = int(place * len(words))
        if kind == "flip":
            part = bytes(a ^ (b or 1) for a, b in zip(words[at:], more, strict=False))
            return words[:at] + part + words[at + len(part) :]
        after = {"insert": words[at:], "remove": words[at + len(more) :], "cut": b""}[kind]
        return words[:at] + (more if kind == "insert" else b"") + after

    return change


def assert_same(one, other):
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def refused_or_the_same(path, gan):
    loaded = []
    sentence = refusal(lambda: loaded.append(ganzoo.load(path)))
    if sentence is None:
        assert_same(loaded[0], gan)
    else:
        assert sentence.startswith(str(path)) and sentence.isprintable()


@settings(max_examples=60, **FEW)
@given(damage())
def test_a_damaged_model_is_refused_or_the_same(trained, gan, tmp_path_factory, change):
    path = tmp_path_factory.getbasetemp() / "damaged.keras"
    path.write_bytes(change((trained / "run" / "model.keras").read_bytes()))
    refused_or_the_same(path, gan)


JUNK = st.sampled_from([
    None, True, -1, 0, 10**30, 1e400, "", "x", "\0", [], [[]], {}, {"class_name": "Dense"},
    {"a": 1}, [1, 2, 3], "float32", -0.5,
])  # fmt: skip


@settings(max_examples=20, **FEW)
@given(JUNK, st.integers(0, 10**6), st.booleans())
def test_a_changed_configuration_is_refused_or_read(trained, tmp_path_factory, junk, place, remove):
    path = tmp_path_factory.getbasetemp() / "changed.keras"
    parts = apart(trained / "run" / "model.keras")
    found = json.loads(parts["config.json"])
    nests, places = [found], []
    while nests:
        nest = nests.pop()
        for key in nest if isinstance(nest, dict) else range(len(nest)):
            places.append((nest, key))
            if isinstance(nest[key], dict | list):
                nests.append(nest[key])
    nest, key = places[place % len(places)]
    if remove:
        del nest[key]
    else:
        nest[key] = junk
    pack(path, parts | {"config.json": json.dumps(found)})
    sentence = refusal(lambda: ganzoo.load(path).sample(2))
    assert sentence is None or (sentence.startswith(str(path)) and sentence.isprintable())


@settings(max_examples=25, **FEW)
@given(damage())
def test_damaged_weights_under_a_right_checksum_are_refused_or_read(
    trained, tmp_path_factory, change
):
    path = tmp_path_factory.getbasetemp() / "weights.keras"
    parts = apart(trained / "run" / "model.keras")
    pack(path, parts | {WEIGHTS: change(parts[WEIGHTS])})
    sentence = refusal(lambda: ganzoo.load(path))
    assert sentence is None or (sentence.startswith(str(path)) and sentence.isprintable())


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Checkpoints of two steps, and what was trained up to each."""
    folder, trained = tmp_path_factory.mktemp("two") / "c", {}
    gan = ganzoo.get("gan", width=8, latent_dim=4)
    for step in (1, 2):
        gan.fit(
            VECTORS, batch_size=16, steps_per_epoch=1, epochs=step, checkpoint=folder, verbose=0
        )
        trained[step] = gan.get_weights()
    return gan, folder, trained


@settings(max_examples=20, **FEW)
@given(damage())
def test_a_damaged_checkpoint_falls_back_to_the_one_before(two, change):
    gan, folder, trained = two
    newest = folder / "step_00000002.keras"
    whole = newest.read_bytes()
    newest.write_bytes(change(whole))
    gan.set_weights([np.zeros_like(weight) for weight in gan.get_weights()])
    gan.log.iterations.assign(0)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            Checkpoints(folder).restore(gan)
        assert gan.step == (1 if said else 2)
        assert not said or "step_00000002.keras is damaged" in str(said[0].message)
        for a, b in zip(gan.get_weights(), trained[gan.step], strict=True):
            np.testing.assert_array_equal(a, b)
    finally:
        newest.write_bytes(whole)


@pytest.fixture(scope="module")
def exported(gan, tmp_path_factory):
    home = tmp_path_factory.mktemp("exported")
    return {format: gan.export(home / format, format) for format in ("onnx", "tf_saved_model")}


@settings(max_examples=60, **FEW)
@given(st.sampled_from(["onnx", "tf_saved_model"]), st.integers(0, 99), damage())
def test_a_damaged_export_is_found(exported, format, number, change):
    folder = exported[format]
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    file = files[number % len(files)]
    whole = file.read_bytes()
    file.write_bytes(change(whole))
    try:
        assert file.name in refusal(lambda: exporters.verify(folder)) or file.read_bytes() == whole
    finally:
        file.write_bytes(whole)


@settings(max_examples=40, **FEW)
@given(damage())
def test_a_damaged_onnx_model_under_a_right_hash_is_refused_or_answers_the_same(exported, change):
    """As a forger would leave it, who can't be told from the exporter by hashes."""
    file, stated = (exported["onnx"] / name for name in ("model.onnx", "certificate.json"))
    whole, certificate = file.read_bytes(), stated.read_text()
    file.write_bytes(change(whole))
    sign(exported["onnx"])
    try:
        sentence = refusal(lambda: exporters.verify(exported["onnx"]))
        assert sentence is None or str(exported["onnx"]) in sentence
    finally:
        file.write_bytes(whole)
        stated.write_text(certificate)


def sign(folder):
    stated = json.loads((folder / "certificate.json").read_text())
    for name in stated["files"]:
        words = (folder / name).read_bytes()
        digest = hashlib.sha256(words).hexdigest()
        stated["files"][name] = {"bytes": len(words), "sha256": digest}
    del stated["sha256"]
    whole = hashlib.sha256((json.dumps(stated, indent=2) + "\n").encode()).hexdigest()
    text = json.dumps(stated | {"sha256": whole}, indent=2) + "\n"
    (folder / "certificate.json").write_text(text)
