"""Lengths of files and functions, and how docstrings begin.

A function is as long as the lines from its `def` to its end, docstring included;
functions inside functions count themselves and within the outer one.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from graph import FOLDERS, PACKAGE, sources

# Words that begin no noun phrase, and words that begin one unless a determiner follows.
VERBS = (
    "Add|Admit|Append|Ask|Be|Build|Carry|Collect|Connect|Decode|Describe|Do|Evaluate|Flatten|Generate|Give|"
    "Grow|Hang|Hold|Keep|Know|Lend|Let|Make|Read|Repeat|Say|Speak|Stand|Take|Tell|Update|Write"
)
VERBS_OR_NOUNS = (
    "Answer|Bound|Call|Count|Cut|Draw|Drive|Exchange|Form|Map|Measure|Name|Offer|Play|Record|Reserve|Run|"
    "Search|Shop|Show|Start|Step|Talk|Train|Turn|Work"
)
DETERMINERS = "a|an|the|one|each|every|all|its|what|which|with|in"
ORDER = re.compile(rf"({VERBS})\b|({VERBS_OR_NOUNS}) ({DETERMINERS})\b")

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Prose:
    """The lengths and docstrings of a set of files.

    Attributes:
        files: lines of each file.
        functions: lines of each function from `def` to its end, as (file:line name, lines).
        classes: the docstring of each class that has one, as (file:line name, docstring).
        docstrings: every docstring, its white space folded.
    """

    files: dict[str, int]
    functions: list[tuple[str, int]]
    classes: list[tuple[str, str]]
    docstrings: list[str]

    def long_files(self, limit: int) -> list[str]:
        """Name the files of more lines than the limit, the longest first."""
        over = sorted(((lines, file) for file, lines in self.files.items() if lines > limit), reverse=True)
        return [f"{file} ({lines})" for lines, file in over]

    def long_functions(self, limit: int) -> list[str]:
        """Name the functions of more lines than the limit, the longest first."""
        over = sorted(((lines, name) for name, lines in self.functions if lines > limit), reverse=True)
        return [f"{name} ({lines})" for lines, name in over]

    def imperative_classes(self) -> list[str]:
        """Name the classes whose docstring begins like an order."""
        return [f"{name}: {text.split()[0]}" for name, text in self.classes if ORDER.match(text)]


def prose(root: Path) -> Prose:
    """Read the lengths and docstrings of the four wings and of src/turnwise without its links."""
    folders = [*(root / name for name in FOLDERS), root / "src" / PACKAGE]
    result = Prose({}, [], [], [])
    for file in sorted(file for folder in folders for file in sources(folder)):
        _read(file, str(file.relative_to(root)), result)
    return result


def _read(file: Path, name: str, into: Prose) -> None:
    source = file.read_text()
    into.files[name] = len(source.splitlines())
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, Documented):
            continue
        text = ast.get_docstring(node)
        into.docstrings.append(" ".join((text or "").split()))
        if isinstance(node, ast.ClassDef) and text:
            into.classes.append((f"{name}:{node.lineno} {node.name}", text))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            into.functions.append((f"{name}:{node.lineno} {node.name}", lines))
