"""The scripts of export/, as modules."""

import importlib.util
from pathlib import Path

PAGES = Path(__file__).parents[1] / "export"


def page(path):
    """A page's script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
