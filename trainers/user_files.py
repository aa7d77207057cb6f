"""Parts of a user's own: Python files that register estimators, losses, samplers and the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..files import import_file, write_whole


def import_parts(files: Sequence[str]) -> None:
    """Import Python files, each once in a process, so that what they register can be named.

    Raises:
        UsageError: if a file is missing or cannot be imported, with the cause.
    """
    for name in files:
        import_file(name, given="parts.files")


def keep_parts(files: Sequence[str], run: Path) -> None:
    """Copy the files beside a run's results, so that they say what produced them."""
    for name in files:
        (run / "parts").mkdir(exist_ok=True)
        write_whole(run / "parts" / Path(name).name, Path(name).read_bytes())
