"""The count itself, on a small house that was counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from count import report
from graph import arrows, circles, floors, imported, module_graph, wing
from prose import prose

# hall -> stairs -> attic <-> roof (a room of two files), roof -> cellar; the porch stands alone.
HOUSE = {
    "envs/__init__.py": "from .hall import enter\nfrom .attic import look\n",
    "envs/hall.py": "import os\nfrom .stairs import climb\nfrom . import enter\nfrom ..errors import No\n",
    "envs/stairs.py": "def climb():\n    from turnwise.envs import attic\n    return attic\n",
    "envs/attic.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from .roof.tiles import Tile\n    import turnwise.envs.roof\n"
    ),
    "envs/roof/__init__.py": "from . import weather\n",
    "envs/roof/tiles.py": "from .. import attic, cellar\nfrom . import beams\n",
    "envs/roof/beams.py": "from ..cellar import wine as tiles\n",
    "envs/cellar.py": "from turnwise.servers import lift\n",
    "envs/porch.py": "from numpy.envs import hall\n",
    "envs/garden/peas.json": "{}",
    "servers/lift.py": "from ..envs.hall import *\nfrom . import missing\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("envs", "servers", "agents", "trainers/credit", "src/turnwise"):
        (tmp_path / name).mkdir(parents=True)
    for name, source in HOUSE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    (tmp_path / "src" / "turnwise" / "envs").symlink_to(tmp_path / "envs")
    return tmp_path


def test_rooms_are_files_and_folders_with_python_in_them(root: Path) -> None:
    envs = wing(root, "envs")
    assert set(envs.rooms) == {"hall", "stairs", "attic", "roof", "cellar", "porch"}
    assert envs.files == ("attic.py", "cellar.py", "hall.py", "porch.py", "stairs.py")
    assert envs.python == 9


def test_arrows_floors_and_circles_of_rooms(root: Path) -> None:
    rooms = wing(root, "envs").rooms
    assert rooms == {
        "hall": {"stairs"},
        "stairs": {"attic"},
        "attic": {"roof"},
        "roof": {"attic", "cellar"},
        "cellar": set(),
        "porch": set(),
    }
    assert arrows(rooms) == 5
    assert floors(rooms) == 4
    assert circles(rooms) == [["attic", "roof"]]


def test_circles_of_modules_pass_through_faces_and_type_checking(root: Path) -> None:
    graph = module_graph(root, root / "envs")
    name = "turnwise.envs"
    assert graph[name] == {f"{name}.hall", f"{name}.attic"}
    assert graph[f"{name}.roof"] == set()
    assert graph[f"{name}.hall"] == {f"{name}.stairs", name}
    assert graph[f"{name}.attic"] == {f"{name}.roof.tiles", f"{name}.roof"}
    assert graph[f"{name}.roof.tiles"] == {f"{name}.attic", f"{name}.cellar", f"{name}.roof.beams"}
    assert circles(graph) == [[name, f"{name}.hall"], [f"{name}.attic", f"{name}.roof.tiles"]]


def test_a_wing_inside_a_wing(root: Path) -> None:
    (root / "trainers" / "loop.py").write_text("from .credit import grpo\n")
    (root / "trainers" / "credit" / "grpo.py").write_text("from . import table\nfrom ..loop import run\n")
    (root / "trainers" / "credit" / "table.py").write_text("")
    assert wing(root, "trainers/credit").rooms == {"grpo": {"table"}, "table": set()}
    assert circles(wing(root, "trainers").rooms) == [["credit", "loop"]]


def test_imports_of_a_face_start_in_its_own_folder() -> None:
    assert list(imported("turnwise.envs", "from .a import b\nfrom ..c import d", is_face=True)) == [
        "turnwise.envs.a.b",
        "turnwise.c.d",
    ]


def test_components_and_floors_of_bare_graphs() -> None:
    ring = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "e"}, "e": {"d"}, "f": {"d", "c"}}
    assert circles(ring) == [["a", "b", "c"], ["d", "e"]]
    assert floors(ring) == 3
    assert (floors({}), floors({"a": set()}), floors({"a": {"b"}, "b": set()})) == (0, 1, 2)


def test_lengths_and_docstrings(root: Path) -> None:
    body = "    x = 1\n" * 29
    source = (
        f'class A:\n    """Hold what is\n    none."""\n\n\n@cache\ndef short():\n{body}\n'
        f'async def long():\n    """Say."""\n{body}\nclass B:\n    """Kind of A."""\n'
    )
    (root / "src" / "turnwise" / "errors.py").write_text(source)
    found = prose(root)
    file = "src/turnwise/errors.py"
    assert found.files[file] == len(source.splitlines()) == 71
    assert not any(name.startswith("src/turnwise/envs") for name in found.files)
    assert found.functions == [
        ("envs/stairs.py:1 climb", 3),
        (f"{file}:7 short", 30),
        (f"{file}:38 long", 31),
    ]
    assert found.long_functions(30) == [f"{file}:38 long (31)"]
    assert found.long_files(70) == [f"{file} (71)"] and found.long_files(71) == []
    assert found.classes == [(f"{file}:1 A", "Hold what is\nnone."), (f"{file}:70 B", "Kind of A.")]
    assert found.imperative_classes() == [f"{file}:1 A: Hold"]
    assert sum(text.count("is none") for text in found.docstrings) == 1


def test_verbs_that_are_nouns_too_count_with_a_determiner_only(root: Path) -> None:
    said = [
        "Search a page.",
        "Search engine.",
        "Behind the door.",
        "Be a door.",
        "Record of a run.",
        "Run it.",
    ]
    lines = [f'class A{i}:\n    """{text}"""\n' for i, text in enumerate(said)]
    (root / "envs" / "porch.py").write_text("".join(lines))
    assert prose(root).imperative_classes() == ["envs/porch.py:1 A0: Search", "envs/porch.py:7 A3: Be"]


def test_the_report_names_circles(root: Path) -> None:
    lines = report(root).splitlines()
    assert "| envs | 6 | 5 | 9 | 4 | 5 | 1 (2) | 2 (2, 2) |" in lines
    assert "- envs, 2: attic, roof" in lines
    assert "- envs, 2: __init__, hall" in lines
