"""The page of `ganzoo demo`, with all pretrained generators to choose from."""

import shutil
import threading
import urllib.request

import numpy as np
import own_weights
import pytest
from conftest import built
from page import GENERATE, flat, picture

from ganzoo import cli, pretrained
from ganzoo.cli import demo as command

pytestmark = pytest.mark.slow


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """The GANs of the page."""
    gans = [built("dcgan"), built("cgan")]
    own_weights.put(tmp_path, [(gan, {"width": 8}) for gan in gans], monkeypatch)
    yield gans
    pretrained._all.cache_clear()


def test_each_generator_can_be_chosen(pair, web_runtime, tmp_path, visit, capsys):
    site = tmp_path / "site"
    assert cli.main(["demo", "--out", str(site)]) == 0
    assert capsys.readouterr().out.endswith("2 generators\n")
    page = visit(site)
    links = page.locator("#models a")
    assert links.all_inner_texts() == ["dcgan · mine", "cgan · mine"]
    pictures = set()
    for i, gan in enumerate(pair):
        links.nth(i).click()
        page.wait_for_url(f"**/?{gan.registry_name}-mine")
        page.wait_for_load_state()
        page.evaluate("ganzoo.ready.then(() => null)")
        assert page.title() == f"{gan.registry_name} · ganzoo"
        assert page.locator("#models a[aria-current]").inner_text() == links.nth(i).inner_text()
        latents = gan.draw_latents(2, 5)
        images = np.reshape(page.evaluate(GENERATE, flat(latents)), (2, *gan.spec.shape))
        np.testing.assert_allclose(images, gan.serve(latents), atol=0.05)  # rounded weights
        pictures.add(picture(page))
    assert len(pictures) == 2


def test_a_folder_that_holds_something_is_left_alone(pair, web_runtime, tmp_path, capsys):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "mine.txt").write_text("mine")
    assert cli.main(["demo", "--out", str(tmp_path / "site")]) == 2
    assert "holds something already: name a new folder" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["mine.txt"]
    shutil.rmtree(tmp_path / "site")


def test_the_server_answers_this_machine_only_and_knows_modules(tmp_path):
    (tmp_path / "a.mjs").write_text("1")
    with command.server(tmp_path, 0) as serving:
        assert serving.server_address[0] == "127.0.0.1"
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{serving.server_port}/a.mjs") as answer:
            assert answer.headers["Content-Type"] == "text/javascript"
        with pytest.raises(ValueError, match=r"can't be used .*: choose another with --port"):
            command.server(tmp_path, serving.server_port)
        serving.shutdown()
