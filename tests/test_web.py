"""The page of a web export runs the generator in a real browser, and says what is wrong with it."""

import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import tarfile
import threading
import time
import types
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

import ganzoo
from ganzoo import exporters
from ganzoo.exporters import web

HOUSE = Path(web.__file__).parent
ARCHIVE = HOUSE / f"onnxruntime-web-{web.RUNTIME}.tar.xz"
RUNTIME = {"ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"}
KINDS = {"dcgan": ((12, 16, 3), None), "cgan": ((8, 8, 1), 10), "infogan": ((8, 8, 1), None)}
OFFLINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


def built(name):
    """An untrained GAN whose pictures differ: fresh weights make all of them nearly grey."""
    shape, classes = KINDS[name]
    gan = ganzoo.get(name, width=8)
    fields = {"image": ganzoo.data.Field.learn(shape, "uint8", 0, 255)}
    if classes:
        fields["label"] = ganzoo.data.Field.of_classes(classes)
    gan.build_for(fields)
    for variable in gan.generator.trainable_variables:
        if len(variable.shape) > 1:
            variable.assign(8 * variable)
    return gan


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """name -> (the GAN, the folder of its page)."""
    folder = tmp_path_factory.mktemp("site")
    gans = {name: built(name) for name in KINDS}
    return {name: (gan, exporters.export(gan, folder / name, "web")) for name, gan in gans.items()}


# What is written


def test_the_folder_holds_the_page_the_model_and_the_runtime(exported):
    _, folder = exported["cgan"]
    certificate = json.loads((folder / "certificate.json").read_text())
    expected = RUNTIME | {*web.PAGE, "model.onnx", "LICENSE.onnxruntime"}
    assert expected <= set(os.listdir(folder))
    assert expected <= set(certificate["files"])
    assert certificate["format"] == "web" and certificate["onnxruntime_web"] == web.RUNTIME
    # A browser keeps for long what is old already.
    assert all(time.time() - file.stat().st_mtime < 600 for file in folder.iterdir())
    reference = (folder / "certificate.json").stat().st_mode
    assert all(file.stat().st_mode == reference for file in folder.iterdir())


def test_the_runtime_is_what_its_readme_makes():
    with tarfile.open(ARCHIVE) as archive:
        members = archive.getmembers()
        text = {m.name: archive.extractfile(m).read() for m in members if m.size < 1e6}
    assert [m.name for m in members] == sorted(RUNTIME | {"LICENSE.onnxruntime"})
    assert {(m.mtime, m.uid, m.gid, m.mode) for m in members} == {(0, 0, 0, 0o644)}
    assert f"ONNX Runtime Web v{web.RUNTIME}".encode() in text["ort.wasm.min.mjs"]
    assert text["LICENSE.onnxruntime"].startswith(b"MIT License")
    assert not any(b"sourceMappingURL" in content for content in text.values())
    assert ARCHIVE.stat().st_size < 2.5e6


@pytest.mark.parametrize("name", web.PAGE)
def test_the_page_names_no_other_host(name):
    assert not re.findall(r"(?:https?:|wss?:|//\w+\.\w)", (HOUSE / name).read_text())


@pytest.mark.parametrize(
    ("shape", "message"), [((2,), "generates vectors"), ((4, 4, 2), "2 channels.*'onnx'")]
)
def test_what_a_browser_cannot_show_is_refused(tmp_path, shape, message):
    spec = types.SimpleNamespace(shape=shape, is_image=len(shape) == 3)
    with pytest.raises(ValueError, match=message):
        web.write(types.SimpleNamespace(registry_name="fake", spec=spec), tmp_path)
    assert not os.listdir(tmp_path)


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


# In the browser


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome")
    executable = next(filter(None, map(shutil.which, names)), None)
    if executable is None:
        pytest.skip(f"no browser to try the page in: install one of {', '.join(names)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=OFFLINE)
        yield browser
        browser.close()


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class PlainTextScripts(Files):
    extensions_map = Files.extensions_map | {".mjs": "text/plain"}


@pytest.fixture
def visit(browser):
    """(folder, **context) -> the page of that folder, in a new context of its own.

    The page must stay silent and ask its own server only; `silent=False` where the browser itself
    reports, such as a file that is missing.
    """
    servers, contexts, heard, origins = [], [], [], set()

    def visit(folder, *, handler=Files, silent=True, ready=True, **context):
        handler = functools.partial(handler, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        servers.append(server)
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        origins.add(f"127.0.0.1:{server.server_port}")
        contexts[-1].on("request", lambda request: asked.append(urlsplit(request.url)))
        if silent:
            page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        if ready:
            page.evaluate("ganzoo.ready.then(() => null)")
        return page

    asked = []
    yield visit
    for context in contexts:
        context.close()
    for server in servers:
        server.shutdown()
        server.server_close()
    assert heard == []
    assert {url.netloc for url in asked if url.scheme not in ("data", "blob")} <= origins


def picture(page, canvas="#picture"):
    """The pixels of a canvas as a data URL, once nothing is left to draw."""
    page.evaluate("ganzoo.idle()")
    return page.eval_on_selector(canvas, "canvas => canvas.toDataURL()")


def pixels(page):
    page.evaluate("ganzoo.idle()")
    return page.eval_on_selector(
        "#picture",
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)",
    )


def flat(latents):
    return {name: tensor.numpy().ravel().tolist() for name, tensor in latents.items()}


GENERATE = "latents => ganzoo.generate(latents).then(images => Array.from(images))"


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


# What goes wrong


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
