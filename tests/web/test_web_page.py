"""The page of a web export runs the generator in a real browser."""

import re

import numpy as np
import pytest
from page import GENERATE, KINDS, flat, picture, pixels

from ganzoo import exporters
from ganzoo.exporters import onnx
from ganzoo.exporters.certificate import psnr


@pytest.mark.parametrize("name", KINDS)
def test_the_browser_generates_what_keras_does(exported, visit, name):
    gan, folder = exported[name]
    page = visit(folder)
    for rows in (1, 3):
        latents = gan.draw_latents(rows, 5)
        images = np.reshape(page.evaluate(GENERATE, flat(latents)), (rows, *gan.spec.shape))
        np.testing.assert_allclose(images, gan.serve(latents), atol=1e-5)
    drawn = np.reshape(pixels(page), (*gan.spec.shape[:2], 4))
    assert drawn[..., :3].std() > 5 and (drawn[..., 3] == 255).all()
    assert (np.ptp(drawn[..., :3], axis=-1) == 0).all() == (gan.spec.shape[-1] == 1)
    assert page.title() == f"{name} · ganzoo"
    assert page.locator("#samples canvas").count() == 24
    assert len({picture(page, f"#samples button:nth-child({i}) canvas") for i in range(1, 25)}) > 20
    assert re.fullmatch(r"\d+(\.\d)? ms", page.inner_text("#latency"))
    assert picture(page) == picture(page, "#samples button:first-child canvas")


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_the_browser_runs_reduced_precision(exported, visit, tmp_path, web_runtime, precision):
    gan, _ = exported["dcgan"]
    folder = exporters.export(gan, tmp_path, "web", precision=precision, least_psnr=20)
    latents = gan.draw_latents(3, 5)
    images = np.reshape(visit(folder).evaluate(GENERATE, flat(latents)), (3, *gan.spec.shape))
    with onnx.opened(folder) as (_, run):
        native = run("serving_default", {name: z.numpy() for name, z in latents.items()})
    keras = gan.serve(latents).numpy()
    of_native, of_keras = (psnr((images - x) ** 2, None, "image") for x in (native, keras))
    assert of_native > 40 and of_keras > 20, (of_native, of_keras)
    assert of_keras < 100, "it computes in float32"


def test_colours_are_the_images_rounded(exported, visit):
    gan, folder = exported["dcgan"]
    page = visit(folder)
    shown = page.locator("#latents output").all_text_contents()
    # Two decimals are what the page shows of its latents, so set them all from those.
    page.evaluate(
        """values => document.querySelectorAll("#latents input").forEach((slider, i) => {
             slider.step = "any"; slider.value = values[i]; slider.dispatchEvent(new Event("input"))
           })""",
        latent := [np.clip(float(text.replace("−", "-")), -3, 3) for text in shown],
    )
    image = np.reshape(page.evaluate(GENERATE, {"latent": latent}), gan.spec.shape)
    drawn = np.reshape(pixels(page), (*gan.spec.shape[:2], 4))[..., :3]
    assert np.abs(drawn - (image + 1) * 127.5).max() < 0.51


def test_by_keyboard_alone(exported, visit):
    page = visit(exported["infogan"][1])

    def tab_to(selector):
        for _ in range(120):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                outlined = page.evaluate(
                    """() => [document.activeElement, document.activeElement.nextElementSibling]
                       .map(element => element && getComputedStyle(element))
                       .some(look => look?.outlineStyle === "solid" && look.opacity === "1")"""
                )
                assert outlined, f"no visible focus on {selector}"
                return
        raise AssertionError(f"Tab never reaches {selector}")

    first = picture(page)
    tab_to("#way")
    page.keyboard.press("End")
    assert picture(page) == picture(page, "#b") != first
    assert page.inner_text("#whose") == "Between A and B"
    page.keyboard.press("Home")
    assert picture(page) == picture(page, "#a") == first
    tab_to("[aria-label='Sample 5']")
    page.keyboard.press("Enter")
    fifth = picture(page)
    assert fifth == picture(page, "[aria-label='Sample 5'] canvas") != first
    tab_to("#reset")
    tab_to("[type=radio]")
    page.keyboard.press("ArrowRight")
    other = picture(page)
    assert other != fifth and page.inner_text("#whose") == "Sample 5, edited"
    tab_to("[aria-label='code 1']")
    page.keyboard.press("ArrowRight")
    moved = picture(page)
    assert moved != other
    tab_to("[aria-label='latent 1']")
    page.keyboard.press("PageDown")
    assert picture(page) != moved
    page.keyboard.press("Shift+Tab")
    tab_to("summary")
    page.keyboard.press("Enter")
    tab_to("[aria-label='latent 62']")
    page.locator("#reset").press("Enter")
    assert picture(page) == fifth
    page.locator("#set-b").press("Enter")
    page.locator("#way").press("End")
    assert picture(page) == fifth == picture(page, "#b")


def test_the_label_changes_the_picture_and_only_the_label(exported, visit):
    page = visit(exported["cgan"][1])
    seen = {}
    for label in range(10):
        page.get_by_role("radio", name=str(label), exact=True).check()
        seen[label] = picture(page)
    assert len(set(seen.values())) == 10
    page.get_by_role("radio", name="3", exact=True).check()
    assert picture(page) == seen[3]


def test_a_seed_brings_its_samples_back(exported, visit):
    page = visit(exported["cgan"][1])

    def sheet():
        return [picture(page, f"[aria-label='Sample {i}'] canvas") for i in (1, 2, 24)]

    zero = sheet()
    page.click("#next")
    one = sheet()
    assert one != zero and page.input_value("#seed") == "1"
    assert "seed 1" in page.text_content("[role=status]")
    for seed, expected in (("0", zero), ("1", one)):
        page.fill("#seed", seed)
        page.press("#seed", "Enter")
        assert sheet() == expected
    page.fill("#seed", "-1")
    page.press("#seed", "Enter")
    assert sheet() == one
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "cgan.png"
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_the_walk_follows_the_sphere_and_uniform_codes_a_line(exported, visit):
    page = visit(exported["infogan"][1])

    def at(part, name):
        page.fill("#way", str(part))
        texts = page.locator(f"fieldset:has(legend:text('{name}')) output").all_text_contents()
        return np.array([float(text.replace("−", "-")) for text in texts])

    for name in ("latent", "code"):
        a, b, middle = (at(part, name) for part in (0, 1, 0.25))
        weights = 0.75, 0.25
        if name == "latent":
            angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
            weights = np.sin(np.array(weights) * angle) / np.sin(angle)
        np.testing.assert_allclose(middle, weights[0] * a + weights[1] * b, atol=0.015)


def test_nothing_queues_up(exported, visit):
    page = visit(exported["dcgan"][1])
    page.evaluate("ganzoo.idle()")
    runs = page.evaluate(
        """async () => {
             let runs = 0;
             const post = Worker.prototype.postMessage;
             Worker.prototype.postMessage = function (message, ...more) {
               runs += message.type === "run";
               return post.call(this, message, ...more);
             };
             const slider = document.querySelector("#latents input");
             for (let i = 0; i < 300; i++) {
               slider.value = i / 100 - 1;
               slider.dispatchEvent(new Event("input"));
             }
             await ganzoo.idle();
             return runs;
           }"""
    )
    assert runs == 2  # the first and the newest


def test_playing_stops_and_keeps_still_for_who_asks(exported, visit):
    page = visit(exported["cgan"][1])
    page.click("#go")
    page.wait_for_timeout(600)
    page.click("#go")
    stopped = page.input_value("#way")
    assert page.inner_text("#go") == "Play" and 0 < float(stopped) < 0.9
    page.emulate_media(reduced_motion="reduce")
    page.fill("#way", "0")
    page.click("#go")
    values = set()
    for _ in range(15):
        page.wait_for_timeout(100)
        values.add(page.input_value("#way"))
    eighths = {"0", "0.13", "0.25", "0.38", "0.5"}  # as the slider rounds them
    assert values <= eighths and len(values) > 1


def test_on_a_phone_in_the_dark_and_in_the_light(exported, visit):
    page = visit(exported["infogan"][1], viewport={"width": 360, "height": 740})
    page.click("summary")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    looks = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        looks.append(page.screenshot())
        background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        dark = max(map(int, re.findall(r"\d+", background)))
        assert dark < 60 if scheme == "dark" else dark > 200
    assert looks[0] != looks[1]
    # What has the focus isn't hidden behind the picture that stays in view.
    page.locator("[aria-label='latent 62']").focus()
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
    hit = page.evaluate(
        """() => {
             const { left, top, width, height } = document.activeElement.getBoundingClientRect();
             return document.elementFromPoint(left + width / 2, top + height / 2)
               === document.activeElement;
           }"""
    )
    assert hit and page.locator("#picture").bounding_box()["y"] >= 0
