"""Rooms, floors, arrows and circles of a wing.

A room is a file or a folder with Python in it at the top level of a wing; `__init__.py`
is the wing's face and no room. An arrow joins two rooms, or two modules, where one
imports the other, once for each pair, also under TYPE_CHECKING and inside functions.
`from . import name` points to the module `name`, or to the face where no module is
called so. Modules that are loaded by a string are not seen. A circle is a strongly
connected component of two or more. The floors are the rooms of the longest chain of
arrows, where a circle counts as one.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "turnwise"
FOLDERS = ("envs", "servers", "agents", "trainers")
DATA = "envs/swe/bugs/packages"
"""Python that is no code of ours but material that agents work on; nothing here counts it."""
WINGS = (*FOLDERS, "trainers/credit")

Graph = dict[str, set[str]]


def sources(folder: Path, pattern: str = "*.py") -> list[Path]:
    """Return the Python files of a folder at all depths, sorted, without those that are data."""
    return [file for file in sorted(folder.rglob(pattern)) if f"/{DATA}/" not in file.as_posix()]


@dataclass(frozen=True)
class Wing:
    """One wing as counted.

    Attributes:
        files: the *.py files at its top level, without `__init__.py`.
        python: number of *.py files at all depths.
        rooms: which rooms each room imports.
        modules: which modules of the wing each module of the wing imports.
    """

    name: str
    files: tuple[str, ...]
    python: int
    rooms: Graph
    modules: Graph


def wing(root: Path, name: str) -> Wing:
    """Count one wing, such as `envs` or `trainers/credit`, of the checkout at root."""
    folder = root / name
    package = f"{PACKAGE}.{name.replace('/', '.')}"
    modules = module_graph(root, folder)
    rooms: Graph = {room: set() for module in modules if (room := _room(package, module))}
    for module, targets in modules.items():
        here = _room(package, module)
        for there in (_room(package, target) for target in targets):
            if here and there and here != there:
                rooms[here].add(there)
    files = tuple(sorted(file.name for file in folder.glob("*.py") if file.name != "__init__.py"))
    return Wing(name, files, len(sources(folder)), rooms, modules)


def module_graph(root: Path, folder: Path) -> Graph:
    """Return which modules of a folder each of its modules imports; an `__init__` has its folder's name."""
    files = {_dotted(root, file): file for file in sources(folder)}
    places = {module.rsplit(".", above)[0] for module in files for above in range(module.count("."))}
    graph: Graph = {}
    for module, file in files.items():
        names = imported(module, file.read_text(), is_face=file.name == "__init__.py")
        found = {_nearest(name, places) for name in names}
        graph[module] = {target for target in found if target in files and target != module}
    return graph


def imported(module: str, source: str, *, is_face: bool) -> Iterator[str]:
    """Yield what a module imports as absolute names; `from a import b` yields `a.b`."""
    package = module.split(".") if is_face else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def arrows(graph: Graph) -> int:
    """Count the pairs that are joined."""
    return sum(len(targets) for targets in graph.values())


def circles(graph: Graph) -> list[list[str]]:
    """Return the strongly connected components of two or more, each sorted, the largest first."""
    found = {component for component in _components(graph).values() if len(component) > 1}
    return sorted((sorted(component) for component in found), key=lambda names: (-len(names), names))


def floors(graph: Graph) -> int:
    """Return the length of the longest chain of arrows; a circle counts as one floor."""
    component = _components(graph)

    @functools.cache
    def height(of: frozenset[str]) -> int:
        below = {component[target] for node in of for target in graph[node]} - {of}
        return 1 + max(map(height, below), default=0)

    return max(map(height, component.values()), default=0)


def _dotted(root: Path, file: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join([PACKAGE, *(parts[:-1] if parts[-1] == "__init__" else parts)])


def _nearest(name: str, places: set[str]) -> str | None:
    """Return the longest beginning of a dotted name that is a module or a folder."""
    while name and name not in places:
        name = name.rpartition(".")[0]
    return name or None


def _room(package: str, module: str) -> str | None:
    """Return the room that a module lies in; None for the face of the wing and for all outside it."""
    return module[len(package) + 1 :].split(".")[0] if module.startswith(f"{package}.") else None


def _components(graph: Graph) -> dict[str, frozenset[str]]:
    """Return the strongly connected component of each node."""
    reach = {node: _reached(graph, node) for node in graph}
    return {node: frozenset({node} | {to for to in reach[node] if node in reach[to]}) for node in graph}


def _reached(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(graph[node])
    return seen
