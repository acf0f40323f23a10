"""Runs notebooks from top to bottom and stores what they print and draw.

    python colab/run.py                # all of them, about half an hour on two cores
    python colab/run.py quickstart

Each runs in a new folder, whose name is stored as the one that Colab has. Pictures are stored in at
most 256 colours. What goes to stderr is printed and not stored.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

COLAB = Path(__file__).parent
FOLDER = "/content"  # where Colab runs notebooks


def run(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook,
            timeout=1200,
            resources={"metadata": {"path": folder}},
            record_timing=False,
            coalesce_streams=True,
        ).execute()
        for cell in notebook.cells:
            cell.get("outputs", [])[:] = [
                stored(output, folder) for output in cell.get("outputs", []) if keeps(output)
            ]
    notebook.metadata["ran"] = fingerprint(notebook)
    nbformat.write(notebook, path)


def fingerprint(notebook: nbformat.NotebookNode) -> str:
    """A hash of the code, by which a test sees that the outputs are of this code."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\n".join(code).encode()).hexdigest()[:16]


def keeps(output: nbformat.NotebookNode) -> bool:
    if output.get("name") != "stderr":
        return True
    print(output.text, file=sys.stderr)
    return False


def stored(output: nbformat.NotebookNode, folder: str) -> nbformat.NotebookNode:
    """The output with the last state of lines that were overwritten, and with small pictures."""
    if "text" in output:
        output.text = re.sub(r"[^\n]*\r(?!\n)", "", output.text).replace(folder, FOLDER)
    data = output.get("data", {})
    if "image/png" in data:
        data["image/png"] = in_few_colours(data["image/png"])
    for kind in data:
        if kind.startswith("text/"):
            data[kind] = data[kind].replace(folder, FOLDER)
    return output


def in_few_colours(png: str) -> str:
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    content = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(content, "png", optimize=True)
    return base64.b64encode(content.getvalue()).decode()


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in sys.argv[1:] or sorted(path.stem for path in COLAB.glob("*.ipynb")):
        began = time.monotonic()
        run(COLAB / f"{name}.ipynb")
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
