"""docs/architecture.md is true of the tree: every place it names is there, and every room is on it.

1. Each `path` exists; each `path/file.py:Name.method` is defined in that file.
2. The rooms of each wing are those that the count of the house finds.
3. The docstring of a folder's `__init__` names what lies in the folder.
4. It reads in a terminal: lines of the picture are short, and there are six trips.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graph import FOLDERS, sources, wing

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PLACE = re.compile(
    r"(?<![\w./])((?:envs|servers|agents|trainers|src|docs|tests)/[\w./-]*[\w/])(?::([A-Za-z_][\w.]*\w))?"
)
PLACES = sorted({(path, name or "") for path, name in PLACE.findall(PAGE)})


def defined(tree: ast.Module | ast.ClassDef) -> Iterator[tuple[str, ast.AST]]:
    """Yield what a module or a class defines: classes, functions, attributes, also those set on self."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                yield target.id, node
    for node in ast.walk(tree) if isinstance(tree, ast.ClassDef) else ():
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node


def test_it_names_enough_places() -> None:
    assert len(PLACES) > 80
    assert sum(bool(name) for _, name in PLACES) > 50


@pytest.mark.parametrize(("path", "name"), PLACES)
def test_every_place_is_there(path: str, name: str) -> None:
    assert (ROOT / path).exists(), f"{path} is not there; docs/architecture.md names it"
    if not name:
        return
    scope: ast.AST = ast.parse((ROOT / path).read_text())
    for part in name.split("."):
        assert isinstance(scope, ast.Module | ast.ClassDef), (
            f"{path}:{name} goes deeper than there are classes"
        )
        found = dict(defined(scope))
        assert part in found, f"{path} defines no {name}; docs/architecture.md says so"
        scope = found[part]


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_room_is_on_the_page(folder: str) -> None:
    (section,) = re.findall(rf"^\*\*{folder}/\*\* .*?(?=^\*\*|^## |\Z)", PAGE, re.S | re.M)
    named = set(re.findall(r"`([\w.]+)/?`", section))
    rooms = set(wing(ROOT, folder).rooms)
    assert rooms - named == set(), "rooms that the page does not name"
    assert {name for name in named if (ROOT / folder / name).exists()} <= rooms | {"__init__.py"}


def test_it_reads_in_a_terminal() -> None:
    pictures = re.findall(r"```\n(.*?)```", PAGE, re.S)
    assert max(len(line) for picture in pictures for line in picture.splitlines()) <= 100
    assert len(re.findall(r"^### ", PAGE, re.M)) == 6


def unnamed(folder: Path) -> list[str]:
    """Return what lies in a package that the docstring of its `__init__` does not name."""
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    modules = [file.stem for file in folder.glob("*.py")]
    folders = [inner.name for inner in folder.iterdir() if inner.is_dir()]
    names = sorted(name for name in (*modules, *folders) if not name.startswith(("_", ".")))
    return [name for name in names if not re.search(rf"\b{name}\b", said)]


@pytest.mark.parametrize("wing", FOLDERS)
def test_a_folder_says_what_is_in_it(wing: str) -> None:
    wrong = {str(file.parent): unnamed(file.parent) for file in sources(ROOT / wing, "__init__.py")}
    assert {folder: names for folder, names in wrong.items() if names} == {}


def test_a_file_that_no_map_names_is_found(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text('"""Rooms.\n\nkitchen.py  where one eats\n"""')
    for name in ("kitchen.py", "cellar.py", "_hidden.py"):
        (tmp_path / name).touch()
    assert unnamed(tmp_path) == ["cellar"]
