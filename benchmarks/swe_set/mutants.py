"""Mutants of Python source: one small change each, as a careless person would make it.

Left out are docstrings, annotations and the texts of exceptions, which no case may depend on.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


class Mutant(NamedTuple):
    """One changed source; its name is the statement or expression before and after."""

    name: str
    line: int
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, in the order of its nodes."""
    tree = ast.parse(source)
    skipped = set(_skipped(tree))
    seen: dict[str, int] = {}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in skipped:
            continue
        for change in range(len(list(_changes(node)))):
            changed = copy.deepcopy(tree)
            target = next(one for place, one in enumerate(ast.walk(changed)) if place == number)
            before = ast.unparse(target).split("\n")[0][:90]
            after = list(_changes(target))[change](changed)
            name = f"{before} -> {after}"
            seen[name] = seen.get(name, 0) + 1
            name += f" #{seen[name]}" if seen[name] > 1 else ""
            yield Mutant(name, getattr(node, "lineno", 0), ast.unparse(ast.fix_missing_locations(changed)))


def _skipped(tree: ast.Module) -> Iterator[int]:
    """Yield the nodes that are not changed: docstrings, annotations, what is raised, __repr__, slots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise | ast.ImportFrom | ast.Import):
            yield from map(id, ast.walk(node))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield from map(id, ast.walk(node))
        if isinstance(node, ast.FunctionDef) and node.name == "__repr__":
            yield from map(id, ast.walk(node))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("__slots__", "__all__"):
            yield from map(id, ast.walk(node))
        for name in ("annotation", "returns"):
            if (one := getattr(node, name, None)) is not None:
                yield from map(id, ast.walk(one))


def _changes(node: ast.AST) -> Iterator:
    """Yield functions that change the node inside of a tree and say what it became."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            yield lambda _, place=place, operator=operator: _set(
                node, node.ops, place, COMPARISONS[type(operator)]()
            )
    elif isinstance(node, ast.BoolOp):
        yield lambda _: _attribute(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
        yield lambda _: _attribute(node, "op", OPERATORS[type(node.op)]())
    elif isinstance(node, ast.UnaryOp):
        yield lambda tree: _replace(tree, node, node.operand)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield lambda _: _attribute(node, "test", ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.Return) and node.value is not None and ast.unparse(node.value) != "None":
        yield lambda _: _attribute(node, "value", ast.Constant(None))
    elif isinstance(node, ast.Break | ast.Continue | ast.Assign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield lambda tree: _replace(tree, node, ast.Pass())


def _constants(node: ast.Constant) -> Iterator:
    if isinstance(node.value, bool):
        yield lambda _: _attribute(node, "value", not node.value)
    elif isinstance(node.value, int | float):
        yield lambda _: _attribute(node, "value", node.value + 1)
    elif isinstance(node.value, str):
        yield lambda _: _attribute(node, "value", node.value + "X" if node.value else "X")


def _attribute(node: ast.AST, name: str, value: object) -> str:
    setattr(node, name, value)
    return ast.unparse(node).split("\n")[0][:90]


def _set(node: ast.AST, values: list, place: int, value: object) -> str:
    values[place] = value
    return ast.unparse(node).split("\n")[0][:90]


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> str:
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if value is old:
                setattr(node, name, new)
            elif isinstance(value, list) and old in value:
                value[value.index(old)] = new
    return ast.unparse(new).split("\n")[0][:90]
