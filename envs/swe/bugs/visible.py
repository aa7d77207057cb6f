"""The visible tests: which of them an agent gets, and what a run of pytest said of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from ...parsing import parse
from .package import Tree

ARGUMENTS = ("-q", "-rA", "--tb=short", "--color=no", "tests")
"""What pytest is asked for; its last lines name every test."""

_LINE = re.compile(r"^(PASSED|FAILED|ERROR) (\S+?::\S+?)(?:\[.*\])?(?: - .*)?$", re.M)

_Named = ast.FunctionDef | ast.ClassDef


def outcomes(output: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return (passed, failed) tests of pytest's output, the parameters of a test left out.

    A test has passed if it did so with all of its parameters.
    """
    lines = _LINE.findall(output)
    failed = frozenset(name for word, name in lines if word != "PASSED")
    return frozenset(name for word, name in lines if word == "PASSED") - failed, failed


def without_tests(tree: Tree, tests: Iterable[str]) -> Tree:
    """Return a tree without some of its tests; a file in which none is left goes too.

    Args:
        tree: left as it is.
        tests: as `file::function` or `file::class::function`.
    """
    result = dict(tree)
    by_file: dict[str, set[str]] = {}
    for test in tests:
        file, _, name = test.partition("::")
        by_file.setdefault(file, set()).add(name)
    for file, names in by_file.items():
        text = _cut(result[file].decode(), names)
        if any(True for _ in _tests(parse(text))):
            result[file] = text.encode()
        else:
            del result[file]
    return result


def _cut(source: str, names: set[str]) -> str:
    for name in sorted(names):
        lines = source.splitlines(keepends=True)
        node = dict(_tests(parse(source)))[name]
        first = min([node.lineno, *(one.lineno for one in node.decorator_list)]) - 1
        while first > 0 and not lines[first - 1].strip():
            first -= 1
        source = "".join([*lines[:first], *lines[node.end_lineno :]])
    return source


def _tests(module: ast.Module) -> Iterator[tuple[str, _Named]]:
    """Yield (name, node) of test functions, and of classes that hold nothing but one test."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            inner = [
                one for one in node.body if isinstance(one, ast.FunctionDef) and one.name.startswith("test")
            ]
            for one in inner:
                yield f"{node.name}::{one.name}", node if len(node.body) == 1 else one
