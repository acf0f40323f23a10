"""Notebooks run top to bottom, offline, and install ganzoo if it is missing."""

import importlib.metadata
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

import ganzoo

REPOSITORY = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((REPOSITORY / "colab").glob("*.ipynb"))
fingerprint = runpy.run_path(str(REPOSITORY / "colab" / "run.py"))["fingerprint"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_whole_and_stores_what_its_cells_show(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in cells:
        compile(TransformerManager().transform_cell(cell.source), path.name, "exec")
    run = "run `python colab/run.py " + path.stem + "` again"
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), run
    assert notebook.metadata["ran"] == fingerprint(notebook), run
    outputs = [output for cell in cells for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2, "it draws nothing"
    assert not [output for output in outputs if output.output_type == "error"]
    assert path.stat().st_size < 800_000
    assert not re.search(r"/tmp|/home|/root|\x1b|\r", json.dumps(outputs, ensure_ascii=False))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}})
    client.execute()
    images = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(images) >= 2, "it drew nothing"


def first_cell(path):
    """The code of the first cell, with its %pip line as IPython turns it into Python."""
    cells = nbformat.read(path, as_version=4).cells
    source = next(cell.source for cell in cells if cell.cell_type == "code")
    return TransformerManager().transform_cell(source)


def test_all_begin_with_the_same_cell():
    assert len({first_cell(path) for path in NOTEBOOKS}) == 1


# An interpreter without installed packages, as on Colab: "installing" makes them importable.
AS_ON_COLAB = """
import importlib.util, sys, types
found = importlib.util.find_spec("ganzoo")
assert found is not None and found.origin is None, "the checkout is no namespace package here"
calls = []
def run_line_magic(name, line):
    calls.append((name, line.format(SOURCE=SOURCE)))
    sys.path += {installed!r}
def get_ipython():
    return types.SimpleNamespace(run_line_magic=run_line_magic)
{cell}
assert calls == [("pip", "install /content/ganzoo")], calls
assert ganzoo.__file__ == {expected!r}, ganzoo.__file__
"""


def test_a_checkout_in_the_working_folder_is_installed_as_on_colab(tmp_path):
    path = NOTEBOOKS[0]  # all begin with the same cell
    (tmp_path / "ganzoo").symlink_to(REPOSITORY)
    packages = [entry for entry in sys.path if entry.endswith("-packages")]
    program = AS_ON_COLAB.format(
        installed=[*packages, str(Path(ganzoo.__file__).parents[1])],
        cell=first_cell(path),
        expected=ganzoo.__file__,
    )
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert f"ganzoo {ganzoo.__version__}, tensorflow " in done.stdout
    assert "/device:CPU:0" in done.stdout


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_installed_package_is_not_installed_again(path, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.0")
    exec(first_cell(path), {})  # without get_ipython, so that %pip would be a NameError
