"""A package of the set as it lies in a folder: the right version, its hidden cases, its bugs."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....errors import UsageError

KINDS = {
    "off-by-one": "one too many or too few: a bound, an index, a count",
    "operator": "a wrong comparison, connective or arithmetic operator",
    "edge-case": "empty, zero, negative, single or repeated input that was forgotten",
    "default": "a wrong default, or one that is shared because it can be changed",
    "aliasing": "a copy that is missing, so that two things change together",
    "state": "state that is not reset, or updated in the wrong order",
    "exception": "a wrong exception, one that is swallowed, or one that leaves things half done",
    "precedence": "precedence, associativity, or the order in which rules apply",
    "text": "unicode, width, case, quoting or escapes",
    "rounding": "rounding, integer division, comparison of floats",
    "calendar": "the boundary of a month, a year, a day, a window of time",
    "recursion": "nesting that is not followed, or a circle that is",
    "cache": "something remembered that should have been forgotten, or under too small a key",
    "order": "the order of results: stability, ties, the key of a sort",
    "variable": "the wrong one of two names that look alike",
    "resource": "something that is not released, unregistered or closed",
    "misuse": "one module that misunderstands what another promises",
    "regex": "a regular expression that takes too much or too little",
}
SPLITS = ("train", "seen", "unseen", "test")
"""train, unseen and test are packages; seen are held-out bugs of packages of the first."""
_WHOLE = ("train", "unseen", "test")
ROOT = Path(__file__).with_name("packages")

Tree = dict[str, bytes]
"""Path from the top of a tree -> bytes."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A text that occurs once in a file, and what stands there afterwards."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bug:
    """One instance: edits that turn the right version into the wrong one, and what a person wrote of it.

    Args:
        id: the package's name and two digits.
        kind: one of KINDS.
        difficulty: 1: a visible test fails; 2: none does, the issue gives an example; 3: several
            places, interplay, or a symptom alone.
        title: of the issue.
        issue: its text.
        edits: of the right version; the gold patch is their reverse.
        alternatives: edits of the wrong version, each list another right solution.
        failing: the visible tests that fail under it, as `file::[class::]function`.
    """

    id: str
    kind: str
    difficulty: int
    title: str
    issue: str
    edits: tuple[Edit, ...]
    alternatives: tuple[tuple[Edit, ...], ...]
    failing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Package:
    """A package and its bugs.

    Args:
        name: of the folder and of the import.
        description: one line.
        split: of its bugs, but for those that `seen` names.
        seen: bugs of a package for training that are held out: other tasks in known surroundings.
        tree: the right version.
        cases: the hidden cases: name of a file without `.py` -> its text.
        expected: case -> encoded value; empty if nothing was recorded yet.
        bugs: in the order of their ids.
    """

    name: str
    description: str
    split: str
    seen: tuple[str, ...]
    tree: Tree
    cases: Mapping[str, str]
    expected: Mapping[str, str]
    bugs: tuple[Bug, ...]


def package_names(root: Path = ROOT) -> list[str]:
    """Return the names of the packages of a folder, sorted."""
    return sorted(file.parent.name for file in root.glob("*/package.toml"))


def read_package(name: str, root: Path = ROOT) -> Package:
    """Read one package.

    Raises:
        UsageError: naming the file and the field that is wrong.
    """
    folder = root / name
    table = _toml(folder / "package.toml")
    _check(folder / "package.toml", table, {"name": str, "description": str, "split": str, "seen": list})
    seen = tuple(table.get("seen", ()))
    if table["name"] != name or table["split"] not in _WHOLE or (seen and table["split"] != "train"):
        raise UsageError(
            f"{folder}/package.toml: expected name {name!r}, a split of {', '.join(_WHOLE)}, "
            "and `seen` in train alone"
        )
    failing = _json(folder / "hidden" / "failing.json")
    bugs = tuple(_bug(file, failing) for file in sorted((folder / "bugs").glob("*.toml")))
    ids = [bug.id for bug in bugs]
    if ids != [f"{name}-{number:02d}" for number in range(1, len(ids) + 1)] or set(seen) - set(ids):
        raise UsageError(
            f"{folder}/bugs: the ids are {ids}; expected {name}-01, {name}-02, ..., `seen` among them"
        )
    cases = {file.stem: file.read_text("utf-8") for file in sorted((folder / "hidden/cases").glob("*.py"))}
    expected = _json(folder / "hidden" / "expected.json")
    return Package(
        name,
        table["description"],
        table["split"],
        seen,
        _tree(folder / "tree"),
        cases,
        expected,
        bugs,
    )


def edited(tree: Tree, edits: Sequence[Edit], what: str) -> Tree:
    """Return a tree with edits made in it, one after another.

    Args:
        tree: left as it is.
        edits: each of a text that occurs exactly once.
        what: whose edits they are, the beginning of an error.

    Raises:
        UsageError: if a file is not there, or the text does not occur exactly once in it.
    """
    result = dict(tree)
    for edit in edits:
        text = result.get(edit.file, b"").decode()
        if (count := text.count(edit.old)) != 1 or edit.old == edit.new:
            raise UsageError(
                f"{what}: {edit.old!r} occurs {count} times in {edit.file}; expected once, and a change"
            )
        result[edit.file] = text.replace(edit.old, edit.new).encode()
    return result


def wrong_tree(package: Package, bug: Bug) -> Tree:
    """Return the package's tree with the bug in it, all visible tests included."""
    return edited(package.tree, bug.edits, bug.id)


def _bug(file: Path, failing: Mapping[str, Any]) -> Bug:
    table = _toml(file)
    fields = {"id": str, "kind": str, "difficulty": int, "title": str, "issue": str, "edits": list}
    _check(file, table, {**fields, "alternatives": list})
    if table["kind"] not in KINDS or table["difficulty"] not in (1, 2, 3):
        raise UsageError(f"{file}: kind: expected one of {', '.join(KINDS)}; difficulty: 1, 2 or 3")
    alternatives = [_edits(file, one.get("edits", [])) for one in table.get("alternatives", [])]
    return Bug(
        id=table["id"],
        kind=table["kind"],
        difficulty=table["difficulty"],
        title=table["title"].strip(),
        issue=table["issue"].strip(),
        edits=_edits(file, table["edits"]),
        alternatives=tuple(alternatives),
        failing=tuple(failing.get(table["id"], ())),
    )


def _edits(file: Path, rows: list[Any]) -> tuple[Edit, ...]:
    for row in rows:
        if not isinstance(row, dict) or sorted(row) != ["file", "new", "old"]:
            raise UsageError(f"{file}: edits: expected tables of file, old and new; not {row!r}")
    if not rows:
        raise UsageError(f"{file}: edits: there is not one")
    return tuple(Edit(**row) for row in rows)


def _check(file: Path, table: Mapping[str, Any], fields: Mapping[str, type]) -> None:
    optional = {"seen", "alternatives"}
    wrong = [name for name in table if name not in fields]
    wrong += [name for name, kind in fields.items() if not isinstance(table.get(name, kind()), kind)]
    wrong += [name for name in fields if name not in table and name not in optional]
    if wrong:
        raise UsageError(f"{file}: {', '.join(sorted(wrong))}: unknown, missing or of another type")


def _tree(folder: Path) -> Tree:
    return {str(file.relative_to(folder)): file.read_bytes() for file in _files(folder)}


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from error


def _json(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        return dict(json.loads(file.read_bytes()))
    except ValueError as error:
        raise UsageError(f"{file}: not JSON: {error}") from error
