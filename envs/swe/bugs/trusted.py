"""Runs of the set's own code without a box, for those who write it; never for what an agent wrote."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from .grading import judge_files
from .package import Package, Tree
from .visible import ARGUMENTS


def write(tree: Tree, folder: Path) -> None:
    """Write a tree into a folder."""
    for path, data in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def run_cases_here(package: Package, tree: Tree) -> str:
    """Return what `judging.py` prints of a tree of our own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(tree, folder / "tree")
        write(judge_files(package), folder / "judge")
        command = [sys.executable, "-I", str(folder / "judge" / "judging.py"), str(folder / "tree")]
        return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


def run_pytest_here(tree: Tree) -> str:
    """Return what pytest prints of the visible tests of a tree of our own."""
    with tempfile.TemporaryDirectory() as name:
        write(tree, Path(name))
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *ARGUMENTS]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=name).stdout
