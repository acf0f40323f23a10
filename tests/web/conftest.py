"""Pages of untrained GANs, and a browser to visit them."""

import functools
import http.server
import shutil
import threading
from urllib.parse import urlsplit

import pytest
from page import KINDS, Files
from playwright.sync_api import sync_playwright

import ganzoo
from ganzoo import exporters

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
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


@pytest.fixture(scope="session")
def exported(tmp_path_factory, web_runtime):
    """name -> (the GAN, the folder of its page)."""
    folder = tmp_path_factory.mktemp("site")
    gans = {name: built(name) for name in KINDS}
    return {name: (gan, exporters.export(gan, folder / name, "web")) for name, gan in gans.items()}


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip(f"no browser to try the page in: install one of {', '.join(NAMES)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """(folder, **context) -> the page of that folder, in a new context of its own.

    The page must stay silent and ask its own server only; `silent=False` where the browser itself
    reports, such as a file that is missing.
    """
    servers, contexts, heard, origins = [], [], [], set()

    def visit(folder, *, handler=Files, silent=True, ready=True, fragment="", **context):
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
        page.goto(f"http://127.0.0.1:{server.server_port}/#{fragment}")
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
