"""Pages of HTML that hold everything they show: pictures are data URIs, and nothing is fetched.

Text is escaped here and nowhere else. What stands between backticks in a sentence is set as code.
"""

from __future__ import annotations

import base64
import importlib.resources
import io
import re
import string
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from PIL import Image

import ganzoo
from ganzoo.reporting import plots


class Markup(str):
    """HTML that is ready; every other string is text, which is escaped."""


class Section(NamedTuple):
    """A part of a page under a heading."""

    title: str
    parts: Sequence[Markup]


def page(title: str, lead: Iterable[Markup], sections: Sequence[Section]) -> str:
    """A whole page with a heading, a list of its sections, and these."""
    ours = importlib.resources.files(__package__)
    links = [Markup(f'<a href="#{_name(one.title)}">{escape(one.title)}</a>') for one in sections]
    body = "\n".join(
        f'<section aria-labelledby="{_name(title)}">\n'
        f'<h2 id="{_name(title)}">{escape(title)}</h2>\n' + "\n".join(parts) + "\n</section>"
        for title, parts in sections
    )
    return string.Template((ours / "page.html").read_text("utf-8")).substitute(
        title=escape(title),
        style=(ours / "page.css").read_text("utf-8").strip(),
        lead="\n".join(lead),
        contents=items(links),
        body=body,
        footer=f"Written by ganzoo {escape(ganzoo.__version__)}.",
    )


def words(text: str) -> Markup:
    """Escaped text, in which what stands between backticks is code. Markup stays as it is."""
    if isinstance(text, Markup):
        return text
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))


def paragraph(text: str, kind: str = "") -> Markup:
    """One paragraph; `kind` is its class in the style sheet."""
    named = f' class="{escape(kind)}"' if kind else ""
    return Markup(f"<p{named}>{words(text)}</p>")


def items(texts: Iterable[str], *, ordered: bool = False) -> Markup:
    """A list, numbered if `ordered`."""
    tag = "ol" if ordered else "ul"
    return Markup(f"<{tag}>" + "".join(f"<li>{words(text)}</li>" for text in texts) + f"</{tag}>")


def block(heading: str, *parts: Markup, kind: str = "") -> Markup:
    """Parts under a heading of the third level."""
    inner = "\n".join(parts)
    return Markup(f'<div class="{escape(kind)}">\n<h3>{words(heading)}</h3>\n{inner}\n</div>')


def folded(summary: str, *parts: Markup) -> Markup:
    """Parts that are shown when the reader opens them."""
    return Markup(
        f"<details>\n<summary>{words(summary)}</summary>\n" + "\n".join(parts) + "\n</details>"
    )


def pictures(figures: Iterable[Markup], *, large: bool = False) -> Markup:
    """Figures beside each other, as many as there is room for."""
    return Markup(f'<div class="pictures{" large" * large}">\n' + "\n".join(figures) + "\n</div>")


def picture(content: bytes, alt: str, caption: str = "") -> Markup:
    """A picture with its caption.

    Args:
        content: a PNG or WebP file.
        alt: what it shows, for those who can't see it.
    """
    with Image.open(io.BytesIO(content)) as opened:
        kind, (width, height) = str(opened.format).lower(), opened.size
    data = base64.b64encode(content).decode()
    below = f"\n<figcaption>{words(caption)}</figcaption>" if caption else ""
    return Markup(
        f'<figure>\n<img src="data:image/{kind};base64,{data}" alt="{escape(alt)}" '
        f'width="{width}" height="{height}">{below}\n</figure>'
    )


def picture_file(path: Path, alt: str, caption: str = "") -> Markup:
    """A picture from a file that ganzoo wrote, see `picture`.

    Raises:
        ValueError: the file can't be read as a picture.
    """
    plots.opened(path)
    return picture(path.read_bytes(), alt, caption)


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], *, small: Sequence[str] = ()
) -> Markup:
    """A table whose first column names its rows. If it is wider than the page, it scrolls by
    itself.

    Args:
        small: what stands below the name of each row, in small letters.
    """
    columns = "".join(f'<th scope="col">{words(name)}</th>' for name in head)
    lines = []
    for number, (name, *cells) in enumerate(rows):
        below = f"<small>{words(small[number])}</small>" if small and small[number] else ""
        values = "".join(f"<td>{words(cell)}</td>" for cell in cells)
        # A long name of several words may break between them.
        told = words(name).replace("_", "_<wbr>")
        lines.append(f'<tr><th scope="row">{told}{below}</th>{values}</tr>')
    return Markup(
        f'<div class="wide" role="region" aria-label="{escape(caption)}" tabindex="0">\n<table>\n'
        f"<caption>{words(caption)}</caption>\n<thead><tr>{columns}</tr></thead>\n<tbody>\n"
        + "\n".join(lines)
        + "\n</tbody>\n</table>\n</div>"
    )


def with_small(text: str, small: str) -> Markup:
    """Text above smaller text, for a cell of a table."""
    return Markup(f"{words(text)}<small>{words(small)}</small>" if small else words(text))


def _name(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
