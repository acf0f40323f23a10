"""`ganzoo demo`."""

from __future__ import annotations

import functools
import http.server
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import output


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files with the types that browsers ask of modules, and prints nothing."""

    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, format: str, *args: object) -> None:
        pass


def server(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """A server of a folder for this machine only.

    Raises:
        ValueError: the port is taken.
    """
    handler = functools.partial(Handler, directory=str(folder))
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise ValueError(
            f"port {port} can't be used ({error.strerror}): choose another with --port."
        ) from error


def demo(
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the page to this new folder, for any static web server, and don't serve "
            "it.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any free one.")] = 8000,
    runtime: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The folder of an onnxruntime-web package; by default it is fetched by npm.",
        ),
    ] = None,
) -> None:
    """Serves a page on this machine that draws samples of all pretrained generators."""
    output.import_tensorflow()
    from ganzoo.pretrained import demo as page

    if out is not None:
        names = page.write(out, runtime)
        typer.echo(f"{output.shown(out)}  {len(names)} generators")
        return
    with tempfile.TemporaryDirectory() as folder, server(Path(folder), port) as serving:
        page.write(Path(folder), runtime)
        typer.echo(f"http://127.0.0.1:{serving.server_port}  Ctrl-C ends it")
        serving.serve_forever()
