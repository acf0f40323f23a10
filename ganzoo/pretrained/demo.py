"""A page with all pretrained generators to choose from."""

from __future__ import annotations

import html
import os
import shutil
import tempfile
from pathlib import Path

import ganzoo
from ganzoo import exporters
from ganzoo.exporters import web


def write(folder: str | os.PathLike, runtime: str | os.PathLike | None = None) -> list[str]:
    """Writes a static page that draws samples of each pretrained generator, and returns the names
    of their folders. Generators that map images are left out: the page has no images to give them.

    Args:
        folder: a new or empty folder.
        runtime: a folder with ONNX Runtime for browsers, as for `ganzoo.exporters.export`.

    Raises:
        ValueError: the folder holds something, or ONNX Runtime for browsers can't be had.
    """
    home = Path(folder)
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise ValueError(f"{home} holds something already: name a new folder.")
    page = web.contents(runtime)
    names = []
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as draft:
        site = Path(draft, "site")
        site.mkdir()
        for card in ganzoo.weights():
            gan = ganzoo.get(card.gan, weights=card.name)
            if gan.given_inputs:
                continue
            names.append(f"{card.gan}-{card.name}")
            exported = exporters.export(gan, Path(draft, names[-1]), "onnx")
            shutil.move(exported, site / names[-1])
        for name, content in page.items():
            (site / name).write_bytes(content)
        index = site / "index.html"
        index.write_text(with_choice(index.read_text(), names))
        if home.exists():
            home.rmdir()
        site.rename(home)
    return names


def with_choice(page: str, names: list[str]) -> str:
    """The page with a link for each model, which lies in a folder of that name."""
    links = "\n".join(
        f'  <li><a href="?{html.escape(name)}" data-folder="{html.escape(name)}">'
        f"{html.escape(name.replace('-', ' · ', 1))}</a></li>"
        for name in names
    )
    return page.replace(
        "<body>\n",
        f'<body>\n<nav aria-label="Generators"><ul id="models">\n{links}\n</ul></nav>\n',
        1,
    )
