"""Imports point one way: each room may import those above it in this list, and no others."""

import ast
from pathlib import Path

import pytest

import ganzoo

ROOMS = [
    "foundation",
    "networks",
    "losses",
    "augmentation",
    "devices",
    "data",
    "core",
    "zoo",
    "evaluation",  # it is handed a GAN and knows no class of them
    "diagnosis",
    "exporters",  # an exporter is handed a GAN and knows no class of them
    "reporting",
    "pretrained",
    "training",
    "testing",
    "cli",
]
LATE = {
    "diagnosis",
    "evaluation",
    "exporters",
    "training",
}  # inside functions of core and evaluation
HOUSE = Path(ganzoo.__file__).parent
FILES = sorted(path for path in HOUSE.rglob("*.py") if path != HOUSE / "__init__.py")


def _for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports(path):
    """(room, whether the import stands inside a function) of all that a file imports."""
    here = ["ganzoo", *path.relative_to(HOUSE).with_suffix("").parts]
    tree = ast.parse(path.read_text())
    blocks = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) or _for_types(n)]
    inside = {id(node) for block in blocks for node in ast.walk(block)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: -node.level] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            found = [[*module, alias.name] for alias in node.names]
        else:
            continue
        yield from (
            (name[1], id(node) in inside, name)
            for name in found
            if name[0] == "ganzoo" and len(name) > 1
        )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_imports_point_one_way(path):
    mine = path.relative_to(HOUSE).with_suffix("").parts[0]
    assert mine in ROOMS, f"{mine} has no place in the house"
    for other, late, name in imports(path):
        if other not in ROOMS:  # a name of the package itself, such as __version__
            continue
        if other == mine and (mine != "zoo" or path.name == "__init__.py"):
            continue  # within a room
        if mine in ("core", "evaluation") and late and other in LATE:
            continue
        assert ROOMS.index(other) < ROOMS.index(mine), f"{path.name} imports {'.'.join(name)}"


def test_an_arrow_the_wrong_way_is_seen(monkeypatch):
    wrong = HOUSE / "losses" / "objectives.py"
    text = "def f():\n    from ganzoo.core import gan"
    monkeypatch.setattr(Path, "read_text", lambda self: text)
    with pytest.raises(AssertionError, match=r"objectives\.py imports ganzoo\.core"):
        test_imports_point_one_way(wrong)


def test_only_one_train_step():
    owners = [path.name for path in FILES if "def train_step" in path.read_text()]
    assert owners == ["gan.py"]


def test_gan_has_no_branch_for_a_game():
    text = (HOUSE / "core" / "gan.py").read_text()
    for name in ganzoo.names():
        assert f'== "{name}"' not in text and f"'{name}'" not in text
