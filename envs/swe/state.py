"""Names for the state of a working tree: what differs from its start, and what an agent knows of it.

Caches and what version control writes for itself are no part of a tree, nor of a patch: they differ from
run to run, and a stale one could stand for code that is not there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, get_args

from ...errors import UnknownName
from .task import Patch, Tested

StateKey = Literal["tree", "observation", "signature"]
Tree = Mapping[str, str | None]
"""What differs from the start: path -> hash of the bytes, None where the file is gone."""

_CACHES = frozenset({"__pycache__", ".git", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache"})


def checked_state_key(name: str) -> StateKey:
    """Return the name of a way to key states.

    Raises:
        UnknownName: if there is no such way.
    """
    known: tuple[StateKey, ...] = get_args(StateKey)
    for each in known:
        if each == name:
            return each
    raise UnknownName("state_key", name, known)


def is_kept(path: str) -> bool:
    """Tell whether a file is part of a tree and of a patch."""
    return not path.endswith(".pyc") and _CACHES.isdisjoint(path.split("/"))


def kept(changes: Patch) -> Patch:
    """Return the changes that are part of a patch."""
    return {path: content for path, content in changes.items() if is_kept(path)}


def tree_of(changes: Patch) -> Tree:
    """Hash each file that differs."""
    return {
        path: None if content is None else hashlib.sha256(content).hexdigest()
        for path, content in kept(changes).items()
    }


def tree_hash(tree: Tree) -> str:
    """Return one name for all that differs: 16 characters; equal trees have equal names."""
    return _hash(sorted(tree.items()))


def signature(tree: Tree, tested: Tested | None, kind: str) -> str:
    """Return a key of state and action: which files changed, which tests are known to pass, what was done."""
    known = None if tested is None else [sorted(tested.passed), sorted(tested.failed)]
    return f"{kind} {_hash([sorted(tree), known])}"


def _hash(value: Any) -> str:
    text = json.dumps(value).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:16]
