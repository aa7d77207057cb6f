"""One thing that was found: what it is, what it takes, and whether it can go."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Found:
    """One thing.

    Args:
        kind: "run", "evaluation", "unfinished" (a folder that was being filled), "image", "container".
        name: where it is, or what it is called.
        size: bytes that it takes on the disk; 0 where that is not known.
        age_s: since it was written last.
        kept: why it stays; "" if it can go.
        remove: removes it; raises OSError, or a TurnwiseError where something uses it by now.
    """

    kind: str
    name: str
    size: int
    age_s: float
    kept: str
    remove: Callable[[], None]

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        days = round(self.age_s / DAY_S, 2)
        return {
            "kind": self.kind,
            "name": self.name,
            "bytes": self.size,
            "days": days,
            "kept": self.kept or None,
        }


def measured(folder: Path) -> tuple[int, float]:
    """Return the bytes that a folder takes, and when something in it was written last; follow no links."""
    size, written, seen = 0, 0.0, set[tuple[int, int]]()
    for parent, _, names in os.walk(folder):
        for path in (parent, *(f"{parent}/{name}" for name in names)):
            try:
                about = os.lstat(path)
            except OSError:  # removed meanwhile
                continue
            written = max(written, about.st_mtime)
            if stat.S_ISREG(about.st_mode) and (about.st_dev, about.st_ino) not in seen:
                seen.add((about.st_dev, about.st_ino))
                size += about.st_blocks * 512
    return size, written
