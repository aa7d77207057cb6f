"""Small changes of a source file, each one slip of the pen: a sign, an off-by-one, a swapped branch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_SWAPS: dict[type, tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
}
_SIZES = {"initial", "dtype", "kind", "strict", "default"}  # arguments about memory, not about credit


@dataclass(frozen=True)
class Mutant:
    """One change: the source with it, and where and what it is."""

    line: int
    change: str
    source: str


def mutants_of(source: str, function: str = "") -> list[Mutant]:
    """Return every mutant of a module's function bodies, or of one function, in the order of lines."""
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def place(line: int, column: int) -> int:
        return starts[line - 1] + column

    found = []
    for node in _nodes(ast.parse(source), function):
        for low, high, new in _changes(node, source, place):
            old = source[low:high]
            mutated = source[:low] + new + source[high:]
            shown = f"{_short(old)} -> {_short(new)}"
            found.append(Mutant(node.lineno, shown, mutated))  # type: ignore[attr-defined]
    return sorted(found, key=lambda mutant: (mutant.line, mutant.change))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."


def _nodes(tree: ast.Module, only: str) -> Iterator[ast.AST]:
    """Yield the nodes of function bodies, but not those of messages, slices, annotations and sizes."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and only in ("", function.name):
            for statement in function.body:
                if not isinstance(statement, ast.FunctionDef):
                    yield from _inside(statement)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.FunctionDef):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if isinstance(node, ast.AnnAssign) and name == "annotation":
            continue
        if isinstance(node, ast.Subscript) and name == "slice" and isinstance(node.slice, ast.Slice):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.keyword) and child.arg in _SIZES:
                continue
            if isinstance(child, ast.AST):
                yield from _inside(child)


def _changes(node: ast.AST, source: str, place: object) -> Iterator[tuple[int, int, str]]:
    """Yield (from, to, new text) for each change that this node allows."""
    at = place
    assert callable(at)

    def span(part: ast.expr) -> tuple[int, int]:
        assert part.end_lineno is not None
        assert part.end_col_offset is not None
        return at(part.lineno, part.col_offset), at(part.end_lineno, part.end_col_offset)

    if isinstance(node, ast.BinOp) and type(node.op) in _SWAPS:
        yield from _operator(source, span(node.left)[1], span(node.right)[0], _SWAPS[type(node.op)])
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
        yield from _operator(
            source, span(node.left)[1], span(node.comparators[0])[0], _SWAPS[type(node.ops[0])]
        )
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert | ast.USub):
        low, high = span(node)
        yield low, high, source[slice(*span(node.operand))]
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        low, high = span(node)
        if source[low:high].replace(".", "").replace("e-", "").isdigit():
            yield low, high, repr(type(node.value)(0 if node.value == 1 else node.value + 1))
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "np.where" and len(node.args) == 3:
        one, other = span(node.args[1]), span(node.args[2])
        yield one[0], other[1], source[slice(*other)] + ", " + source[slice(*one)]


def _operator(source: str, low: int, high: int, swap: tuple[str, str]) -> Iterator[tuple[int, int, str]]:
    old, new = swap
    where = source.find(old, low, high)
    if where >= 0:
        yield where, where + len(old), new
