"""Small changes of Python source, nearly all of them wrong: a piece of the text put in place of another.

The kinds are those of mutation testing (DeMillo, Lipton, Sayward 1978): a comparison, a sum, a
constant, a condition, a name, an argument, a statement.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ...parsing import parse

_COMPARED = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
_COMPARED |= {"in": "not in", "not in": "in", "is": "is not", "is not": "is"}
_SUMS = {"+": "-", "-": "+", "*": "+", "//": "/", "/": "//", "%": "//"}
_OPERATOR = re.compile(r"not\s+in|is\s+not|in\b|is\b|<=|>=|==|!=|<|>|//|\*\*|[-+*/%]")
_LONGEST_STATEMENT = 160  # characters of one that is left out


@dataclass(frozen=True, slots=True, order=True)
class Mutation:
    """A piece of a source's text and what is put in its place; places count characters."""

    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        """Return the source with the change."""
        return source[: self.start] + self.text + source[self.end :]


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method of a source."""

    name: str  # "Cache.get" of a method
    first: int  # its lines, counted from 1, decorators included
    last: int


def functions_of(source: str) -> list[Function]:
    """Return functions and methods in their order; those inside functions belong to them."""
    found: list[Function] = []

    def visit(body: Sequence[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                found.append(Function(prefix + node.name, first, node.end_lineno or node.lineno))
            elif isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")

    visit(parse(source).body, "")
    return found


def lines_of(source: str) -> list[str]:
    """Return the lines as Python counts them, each with its end."""
    return re.findall(r"[^\n]*\n|[^\n]+", source)


def mutations(source: str) -> list[Mutation]:
    """Return every mutation of a source, in their order; `differs` tells which are another program.

    Raises:
        SyntaxError: if the source itself does not parse.
    """
    places, tree = _Places(source), parse(source)
    endless = _endless(tree)
    found = {
        change for node in ast.walk(tree) if id(node) not in endless for change in _of_node(node, places)
    }
    return sorted(change for change in found if change.text != source[change.start : change.end])


def differs(source: str, other: str) -> bool:
    """Tell whether a text is Python, and another program than a source that is."""
    try:
        return ast.dump(parse(other)) != ast.dump(parse(source))
    except (SyntaxError, ValueError):
        return False


def _endless(tree: ast.AST) -> set[int]:
    """Return nodes whose change would often let a loop run for ever: conditions, and what counts."""
    found: set[int] = set()
    for loop in ast.walk(tree):
        if isinstance(loop, ast.While):
            inside = list(ast.walk(loop))
            found |= {id(node) for node in ast.walk(loop.test) if not isinstance(node, ast.Compare)}
            counting = [node for node in inside if isinstance(node, ast.AugAssign)]
            found |= {id(node) for each in counting for node in ast.walk(each)}
    return found


class _Places:
    """Where the nodes of a source lie in its text."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._lines = lines_of(source)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return the first character of a node and the one behind its last."""
        return (
            self._place(node.lineno, node.col_offset),
            self._place(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset),
        )

    def text(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.source[start:end]

    def operator(self, left: ast.expr, right: ast.expr) -> tuple[int, int, str] | None:
        """Return place and text of the operator between two operands."""
        start, end = self.span(left)[1], self.span(right)[0]
        match = _OPERATOR.search(self.source, start, end)
        return (match.start(), match.end(), " ".join(match.group().split())) if match else None

    def _place(self, line: int, column: int) -> int:
        before = self._lines[line - 1].encode()[:column] if line <= len(self._lines) else b""
        return self._starts[line - 1] + len(before.decode())


def _of_node(node: ast.AST, places: _Places) -> Iterator[Mutation]:
    """Yield what can be changed at one node."""
    if isinstance(node, ast.Compare):
        yield from _between([node.left, *node.comparators], _COMPARED, places)
    elif isinstance(node, ast.BinOp):
        yield from _between([node.left, node.right], _SUMS, places)
    elif isinstance(node, ast.BoolOp):
        yield from _other_word(node, places)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield Mutation(*places.span(node), f"({places.text(node.operand)})")
    elif isinstance(node, ast.Constant):
        yield from _other_constant(node, places)
    elif isinstance(node, ast.If | ast.IfExp):
        yield Mutation(*places.span(node.test), f"not ({places.text(node.test)})")
    elif isinstance(node, ast.Call):
        yield from _other_arguments(node, places)
    elif isinstance(node, ast.FunctionDef):
        yield from _other_names(node, places)
        yield from _left_out(node.body, places)
    elif isinstance(node, ast.For | ast.With):
        yield from _left_out(node.body, places)


def _between(operands: Sequence[ast.expr], other: dict[str, str], places: _Places) -> Iterator[Mutation]:
    for left, right in pairwise(operands):
        found = places.operator(left, right)
        if found and found[2] in other:
            yield Mutation(found[0], found[1], other[found[2]])


def _other_word(node: ast.BoolOp, places: _Places) -> Iterator[Mutation]:
    word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    start, end = places.span(node.values[0])[1], places.span(node.values[1])[0]
    match = re.compile(rf"\b{word}\b").search(places.source, start, end)
    if match and len(node.values) == 2:
        yield Mutation(match.start(), match.end(), other)


def _other_constant(node: ast.Constant, places: _Places) -> Iterator[Mutation]:
    if node.value is True or node.value is False:
        yield Mutation(*places.span(node), str(not node.value))
    elif type(node.value) is int and abs(node.value) < 10_000:
        yield Mutation(*places.span(node), str(node.value + 1))
        if node.value > 0:
            yield Mutation(*places.span(node), str(node.value - 1))


def _other_arguments(node: ast.Call, places: _Places) -> Iterator[Mutation]:
    """Swap the first two arguments; call `min` for `max`, and the like."""
    if len(node.args) >= 2 and not any(isinstance(one, ast.Starred) for one in node.args[:2]):
        first, second = node.args[:2]
        between = places.source[places.span(first)[1] : places.span(second)[0]]
        swapped = places.text(second) + between + places.text(first)
        yield Mutation(places.span(first)[0], places.span(second)[1], swapped)
    if isinstance(node.func, ast.Name) and node.func.id in ("min", "max", "any", "all"):
        other = {"min": "max", "max": "min", "any": "all", "all": "any"}[node.func.id]
        yield Mutation(*places.span(node.func), other)


def _other_names(function: ast.FunctionDef, places: _Places) -> Iterator[Mutation]:
    """Read another of a function's arguments: the next in their order."""
    names = [each.arg for each in function.args.args if each.arg not in ("self", "cls")]
    read = [one for one in ast.walk(function) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)]
    for node in read:
        if node.id in names and len(names) > 1:
            yield Mutation(*places.span(node), names[(names.index(node.id) + 1) % len(names)])


def _left_out(body: Sequence[ast.stmt], places: _Places) -> Iterator[Mutation]:
    for node in body:
        plain = isinstance(node, ast.Assign | ast.AugAssign | ast.Raise) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        )
        if plain and len(places.text(node)) <= _LONGEST_STATEMENT:
            yield Mutation(*places.span(node), "pass")
