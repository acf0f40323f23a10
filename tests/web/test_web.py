"""What a web export writes, and what it refuses."""

import json
import os
import re
import time
import types
from pathlib import Path

import numpy as np
import pytest

from ganzoo import data
from ganzoo.exporters import web
from ganzoo.exporters.web import runtime as ort

HOUSE = Path(web.__file__).parent


def test_the_folder_holds_the_page_the_model_and_the_runtime(exported):
    _, folder = exported["cgan"]
    certificate = json.loads((folder / "certificate.json").read_text())
    expected = {*ort.FILES, *web.PAGE, "model.onnx", "LICENSE.onnxruntime"}
    assert expected <= set(os.listdir(folder))
    assert expected <= set(certificate["files"])
    assert certificate["format"] == "web" and certificate["onnxruntime_web"] == ort.VERSION
    # A browser keeps for long what is old already.
    assert all(time.time() - file.stat().st_mtime < 600 for file in folder.iterdir())
    reference = (folder / "certificate.json").stat().st_mode
    assert all(file.stat().st_mode == reference for file in folder.iterdir())


def test_the_runtime_is_the_packages_without_its_source_maps(exported):
    _, folder = exported["cgan"]
    for name, content in ort.load().items():
        written = (folder / name).read_bytes()
        assert content.startswith(written.rstrip()) and b"sourceMappingURL" not in written
    assert f"ONNX Runtime Web v{ort.VERSION}" in (folder / "ort.wasm.min.mjs").read_text()
    assert (folder / web.LICENSE).read_text().startswith("MIT License")


@pytest.mark.parametrize("name", web.PAGE)
def test_the_page_names_no_other_host(name):
    assert not re.findall(r"(?:https?:|wss?:|//\w+\.\w)", (HOUSE / name).read_text())


@pytest.mark.parametrize(
    ("shape", "message"), [((2,), "generates vectors"), ((4, 4, 2), "2 channels.*'onnx'")]
)
def test_what_a_browser_cannot_show_is_refused(shape, message):
    spec = data.Field(shape, "float32")
    with pytest.raises(ValueError, match=message):
        web.check(types.SimpleNamespace(registry_name="fake", spec=spec))


def test_contrasts_are_those_of_wcag_aa():
    def luminance(colour):
        parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    found = re.findall(r"--(\w+): (#\w{6});", (HOUSE / "page.css").read_text())
    light, dark = dict(found[: len(found) // 2]), dict(found[len(found) // 2 :])
    assert set(light) == set(dark)
    for colours in (light, dark):
        for name, least in {"ink": 7, "quiet": 4.5, "accent": 4.5, "alarm": 4.5, "edge": 3}.items():
            low, high = sorted(luminance(colours[key]) for key in (name, "paper"))
            assert (high + 0.05) / (low + 0.05) >= least, name
