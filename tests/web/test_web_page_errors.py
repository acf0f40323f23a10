"""The page of a web export says in one sentence what is wrong with its files or its server."""

import functools
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from page import PlainTextScripts, picture

pytestmark = pytest.mark.slow


@pytest.fixture
def copied(exported, tmp_path):
    """A copy of cgan's page to spoil."""
    return Path(shutil.copytree(exported["cgan"][1], tmp_path / "page"))


def certify(folder, **changes):
    """Lets certificate.json vouch for the model.onnx that is there now."""
    file = folder / "certificate.json"
    certificate = json.loads(file.read_text()) | changes
    content = (folder / "model.onnx").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    certificate["files"]["model.onnx"] = {"bytes": len(content), "sha256": digest}
    file.write_text(json.dumps(certificate))


def flip(folder):
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)


def truncate(folder):
    os.truncate(folder / "model.onnx", 1000)


def noise(folder):
    (folder / "model.onnx").write_bytes(np.random.default_rng(0).bytes(5000))
    certify(folder)


def another(folder):
    shutil.copyfile(folder.parent / "another.onnx", folder / "model.onnx")
    certify(folder)


def reshape(side, name, folder):
    signatures = json.loads((folder / "certificate.json").read_text())["signatures"]
    signatures["serving_default"][side][name]["shape"][1] += 1
    certify(folder, signatures=signatures)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (flip, "not the file that was certified"),
        (truncate, r"has 1,000 bytes where its certificate says \d+,\d+"),
        (noise, "not a model that ONNX Runtime can run"),
        (another, "they are of two exports"),
        (functools.partial(reshape, "inputs", "latent"), "they are of two exports"),
        (functools.partial(reshape, "outputs", "image"), "they are of two exports"),
        (lambda f: (f / "model.onnx").unlink(), r"model.onnx is missing \(the server answers 404"),
        (lambda f: (f / "certificate.json").unlink(), "certificate.json is missing"),
        (lambda f: (f / "certificate.json").write_text("<!doctype"), "not one that ganzoo wrote"),
        (lambda f: (f / "certificate.json").write_text("null"), "not one that ganzoo wrote"),
        (lambda f: certify(f, signatures={}), "not one that ganzoo wrote"),
        (lambda f: certify(f, latents={"latent": "sober", "label": "0..9"}), "are “sober”"),
        (lambda f: (f / "ort.wasm.min.mjs").unlink(), "ONNX Runtime could not be loaded"),
        (lambda f: (f / "ort-wasm-simd-threaded.wasm").unlink(), "Runtime could not be started"),
    ],
)
def test_what_is_wrong_gets_one_sentence(exported, copied, visit, spoil, sentence):
    shutil.copyfile(exported["dcgan"][1] / "model.onnx", copied.parent / "another.onnx")
    spoil(copied)
    page = visit(copied, silent=False, ready=False)
    page.wait_for_selector("[role=alert]", state="visible")
    said = page.inner_text("[role=alert]")
    assert re.search(sentence, said), said
    assert said.endswith(".") and "\n" not in said and len(said) < 250
    assert page.is_hidden("#play") and not page.text_content("[role=status]")


def test_wrong_types_get_the_mend(exported, visit):
    page = visit(exported["cgan"][1], handler=PlainTextScripts, silent=False, ready=False)
    page.wait_for_selector("[role=alert]", state="visible")
    assert ".mjs as text/javascript" in page.inner_text("[role=alert]")


def test_opened_as_a_file_it_says_how_to_serve_it(exported, browser):
    page = browser.new_page()
    page.goto((exported["cgan"][1] / "index.html").as_uri())
    page.wait_for_selector("#unserved", state="visible")
    assert "python -m http.server 8000" in page.inner_text("body")
    page.close()


def test_other_ranges_and_many_classes_are_read_from_the_certificate(copied, visit):
    certify(copied, latents={"latent": "uniform in [-2, 0.5]", "label": "0..24"})
    page = visit(copied)
    slider = page.locator("[aria-label='latent 1']")
    assert [slider.get_attribute(name) for name in ("min", "max", "step")] == ["-2", "0.5", "0.025"]
    texts = page.locator("#latents output").all_text_contents()
    values = [float(text.replace("−", "-")) for text in texts]
    assert -2 <= min(values) < -1.5 and 0 < max(values) <= 0.5
    assert page.locator("select option").count() == 25
    page.select_option("select", "7")
    seven = picture(page)
    page.select_option("select", "8")
    assert picture(page) != seven
