"""Fingerprints: a short hash of the code that decides what an environment does."""

from __future__ import annotations

import ast
import hashlib
import inspect
from pathlib import Path
from weakref import WeakKeyDictionary

from .parsing import parse

_FINGERPRINTS: WeakKeyDictionary[type, str] = WeakKeyDictionary()
_CONTRACT = ("turnwise.envs.core", "gymnasium.core", "typing", "builtins")
"""Modules of the bases that every environment has."""


def code_fingerprint(cls: type) -> str:
    """Hash the source files of a class and its bases up to TextEnv, their docstrings apart.

    A class inside a package of environments answers for the whole folder, since
    its rules are spread over it.
    """
    if cls not in _FINGERPRINTS:
        _FINGERPRINTS[cls] = _hash_sources(cls)
    return _FINGERPRINTS[cls]


def _hash_sources(cls: type) -> str:
    digest = hashlib.sha256()
    for base in cls.__mro__:
        if base.__module__ in _CONTRACT:
            continue
        try:
            path = Path(inspect.getfile(base))
        except (TypeError, OSError):
            digest.update(base.__qualname__.encode())
            continue
        folder = path.parent
        in_package = base.__module__.startswith("turnwise.envs.") and folder.name != "envs"
        for file in sorted(folder.glob("*.py")) if in_package else [path]:
            digest.update(file.name.encode() + b"\0" + without_docstrings(file.read_bytes()))
    return digest.hexdigest()[:16]


def without_docstrings(source: bytes) -> bytes:
    """Return Python source without its docstrings, which decide nothing; as it is if it cannot be parsed."""
    try:
        tree = parse(source)
    except (SyntaxError, ValueError):
        return source
    lines = source.splitlines(keepends=True)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                for number in range(first.lineno - 1, first.end_lineno or first.lineno):
                    lines[number] = b""
    return b"".join(lines)
