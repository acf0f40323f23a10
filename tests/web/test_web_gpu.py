"""The page on a GPU: a graphics card that Chromium computes in software."""

import json
import os

import numpy as np
import pytest
from conftest import CHROMIUM, OFFLINE, built
from page import GENERATE, flat
from playwright.sync_api import sync_playwright

from ganzoo import exporters
from ganzoo.exporters.web import runtime

pytestmark = pytest.mark.slow
GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory, web_runtime):
    """The GAN, and the folder of its page for each precision."""
    gan = built("infogan")
    home = tmp_path_factory.mktemp("gpu")
    return gan, {
        precision: exporters.export(
            gan, home / precision, "web", webgpu=True, precision=precision, least_psnr=20
        )
        for precision in ("float32", "float16", "int8")
    }


@pytest.fixture(scope="module")
def browser():
    """In place of the browser without a GPU that all other tests visit."""
    if CHROMIUM is None:
        pytest.skip("no browser to try the page in")
    with sync_playwright() as playwright:
        arguments = [argument for argument in OFFLINE if argument != "--disable-gpu"] + GPU
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page()
        # Only https and localhost have navigator.gpu.
        page.route("http://localhost/", lambda route: route.fulfill(body="<p>"))
        page.goto("http://localhost/")
        found = page.evaluate("navigator.gpu?.requestAdapter().then(gpu => gpu !== null)")
        if not found:
            pytest.skip("this browser has no WebGPU, not even in software")
        yield browser
        browser.close()


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_the_gpu_makes_the_picture_of_the_cpu(folders, visit, precision):
    """A GPU that can't run a model, such as one in float16 here, leaves it to the CPU."""
    gan, exported = folders
    page = visit(exported[precision], silent=False, fragment="device=webgpu")
    compared = page.evaluate("ganzoo.compared")
    if precision == "float32":
        assert "error" not in compared, compared
        assert compared["device"] == "WebGPU" and compared["difference"] <= 1e-4
    assert ("WebGPU" in page.inner_text("#about")) == (compared["device"] == "WebGPU")
    latents = gan.draw_latents(3, 1)
    images = np.reshape(page.evaluate(GENERATE, flat(latents)), (3, *gan.spec.shape))
    with exporters.onnx.opened(exported[precision]) as (_, run):
        expected = run("serving_default", {key: x.numpy() for key, x in latents.items()})
    np.testing.assert_allclose(images, expected, atol=2 / 255)


def test_the_page_measures_both_and_takes_the_faster(folders, visit):
    _, exported = folders
    compared = visit(exported["float32"], silent=False).evaluate("ganzoo.compared")
    times = compared["milliseconds"]
    assert compared["device"] == ("WebGPU" if times["WebGPU"] < times["CPU"] else "CPU")


def test_a_page_without_the_files_for_gpus_asks_for_none(exported, visit):
    _, folder = exported["infogan"]
    assert not set(runtime.WEBGPU_FILES) & set(os.listdir(folder))
    assert visit(folder).evaluate("ganzoo.compared") == {"device": "CPU"}


def test_the_files_for_gpus_are_there_and_certified(folders):
    _, exported = folders
    certificate = json.loads((exported["float32"] / "certificate.json").read_text())
    assert certificate["webgpu"] is True
    assert set(runtime.WEBGPU_FILES) < set(certificate["files"])


def test_webgpu_is_for_web(folders, tmp_path):
    gan, _ = folders
    with pytest.raises(ValueError, match="webgpu is for the format 'web', not 'onnx'"):
        gan.export(tmp_path / "onnx", "onnx", webgpu=True)
    with pytest.raises(ValueError, match="webgpu must be True or False, not 'no'"):
        gan.export(tmp_path / "web", "web", webgpu="no")
