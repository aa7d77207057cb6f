"""What parts cost, where a dated result in benchmarks/results says so; nothing of that lies in the wheel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
_FILES = {"credit": ("credit-speed.md", "s for 100 000 turns")}
_ROW = re.compile(r"^\| ([a-z]\w*) \| ([\d.]+) \|", re.M)


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured of a part, in words, and the file that says so."""

    text: str
    file: str


@cache
def costs(kind: str) -> Mapping[str, Cost]:
    """Return what the parts of a kind cost, by name; nothing where no results lie beside the code."""
    file, unit = _FILES.get(kind, ("", ""))
    place = RESULTS / file
    if not place.is_file():
        return {}
    return {name: Cost(f"{value} {unit}", file) for name, value in _ROW.findall(place.read_text())}
