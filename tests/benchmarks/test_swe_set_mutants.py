"""The mutator changes one thing at a time, and what no case may depend on not at all."""

from __future__ import annotations

import importlib.util
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "swe_set" / "mutants.py"
SOURCE = '''
"""A module."""

def f(x, y=2):
    """Docstring."""
    if x < 1 and not y:
        raise ValueError("text")
    return x + y
'''


def test_every_change_once() -> None:
    spec = importlib.util.spec_from_file_location("swe_set_mutants", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = list(module.mutants(SOURCE))
    assert sorted(mutant.name for mutant in found) == [
        "1 -> 2",
        "2 -> 3",
        "if x < 1 and (not y): -> if not (x < 1 and (not y)):",
        "not y -> y",
        "return x + y -> return None",
        "x + y -> x - y",
        "x < 1 -> x <= 1",
        "x < 1 and (not y) -> x < 1 or not y",
    ]
    assert all("Docstring." in mutant.source and "text" in mutant.source for mutant in found)
    assert len({mutant.source for mutant in found}) == len(found)
