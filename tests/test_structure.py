"""Imports point one way: each room may import those above it in this list, and no others."""

import ast
from pathlib import Path

import pytest

import ganzoo

ROOMS = [
    "registry",
    "schedules",
    "strategies",
    "hyperparameters",
    "packing",
    "randomness",
    "objectives",
    "penalties",
    "layers",
    "precision",
    "networks",
    "data",
    "metrics",  # above the GANs: it is handed one and knows no class of them
    "exporters",  # above the GANs: an exporter is handed one and knows no class of them
    "turn",
    "sampling",
    "archives",
    "saving",
    "checkpoints",
    "gan",
    "conditioning",
    "zoo",
    "checks",
    "plots",
    "callbacks",
    "runs",
    "usefulness",
    "keywords",
    "cli",
]
HOUSE = Path(ganzoo.__file__).parent
FILES = sorted(path for path in HOUSE.rglob("*.py") if path != HOUSE / "__init__.py")


def room(parts):
    return parts[0] if parts else ""


def imports(path):
    """The rooms of the house that a file imports, anywhere in it."""
    here = ["ganzoo", *path.relative_to(HOUSE).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: -node.level] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            found = [[*module, alias.name] for alias in node.names]
        else:
            continue
        yield from (name[1:] for name in found if name[0] == "ganzoo" and len(name) > 1)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_imports_point_one_way(path):
    mine = path.relative_to(HOUSE).with_suffix("").parts
    assert mine[0] in ROOMS, f"{mine[0]} has no place in the house"
    for other in imports(path):
        if other[0] not in ROOMS:  # a name of the package itself, such as __version__
            continue
        if other[0] == mine[0] != "zoo":
            continue  # within a room
        assert ROOMS.index(other[0]) < ROOMS.index(mine[0]), f"{'.'.join(mine)} imports {other}"


def test_an_arrow_the_wrong_way_is_seen(tmp_path, monkeypatch):
    wrong = HOUSE / "objectives.py"
    monkeypatch.setattr(Path, "read_text", lambda self: "def f():\n    from ganzoo import gan")
    with pytest.raises(AssertionError, match="objectives imports"):
        test_imports_point_one_way(wrong)


def test_only_one_train_step():
    owners = [path.name for path in FILES if "def train_step" in path.read_text()]
    assert owners == ["gan.py"]


def test_gan_has_no_branch_for_a_game():
    text = (HOUSE / "gan.py").read_text()
    for name in ganzoo.names():
        assert f'== "{name}"' not in text and f"'{name}'" not in text
