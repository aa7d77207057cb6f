"""What the documents name exists: modules and their names, files and folders of the repository.

1. Every `turnwise.x.y` of README, CONTRIBUTING, docs/ and of the docstrings of benchmarks/ resolves.
2. Every path below a folder of the repository leads to something; `*` stands for a name.
3. What benchmarks/ imports of turnwise is there, also inside functions.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("envs", "servers", "agents", "trainers", "tests", "benchmarks", "docs", "src", r"\.ci")
DOTTED = re.compile(r"(?<![\w./-])turnwise(?:\.[A-Za-z_]\w*)+")
PATH = re.compile(rf"(?<![\w./:<-])(?:{'|'.join(FOLDERS)})/[\w.*/-]*[\w*/]")
# attributes of spans, and labels of containers
NO_NAMES = {"turnwise.cached", "turnwise.code", "turnwise.env_id", "turnwise.environments", "turnwise.items"}


def texts() -> Iterator[tuple[str, str]]:
    """Yield (file, text) of every document."""
    for file in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        yield str(file.relative_to(ROOT)), file.read_text()
    for file in sorted((ROOT / "benchmarks").rglob("*.py")):
        yield str(file.relative_to(ROOT)), ast.get_docstring(ast.parse(file.read_text())) or ""


def resolves(name: str) -> bool:
    """Tell whether a dotted name leads to a module, or to something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def missing(text: str) -> list[str]:
    """Return what a text names that is not there."""
    names = {name for name in DOTTED.findall(text) if name not in NO_NAMES and not resolves(name)}
    paths = {path for path in PATH.findall(text) if not any(ROOT.glob(path.rstrip("/")))}
    return sorted(names | paths)


def test_documents_name_what_is_there() -> None:
    assert {file: gone for file, text in texts() if (gone := missing(text))} == {}


def test_benchmarks_import_what_is_there() -> None:
    gone = set()
    for file in (ROOT / "benchmarks").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("turnwise"):
                gone |= {name for alias in node.names if not resolves(name := f"{node.module}.{alias.name}")}
    assert gone == set()


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("`turnwise.servers.client.connect(url)` and turnwise.RemoteEnv.attach.", []),
        ("from turnwise.servers.http_client import HttpClient", ["turnwise.servers.http_client"]),
        ("`turnwise.RemoteEnv.attached`", ["turnwise.RemoteEnv.attached"]),
        ("[credit](docs/credit.md), tests/golden/, benchmarks/*/speed.py, http://x/docs/a, x/docs/b", []),
        (
            "`python benchmarks/credit/gone.py`, docs/none/*.md",
            ["benchmarks/credit/gone.py", "docs/none/*.md"],
        ),
    ],
)
def test_a_name_that_is_gone_is_found(text: str, gone: list[str]) -> None:
    assert missing(text) == gone
