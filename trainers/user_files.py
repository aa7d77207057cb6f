"""Parts of a user's own: Python files that register estimators, losses, samplers and the rest."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import UsageError
from ..files import write_whole

__all__ = ["import_parts", "keep_parts"]


def import_parts(files: Sequence[str]) -> None:
    """Import Python files, each once in a process, so that what they register can be named.

    Raises:
        UsageError: if a file is missing or cannot be imported, with the cause.
    """
    for name in files:
        file = Path(name).resolve()
        alias = f"turnwise_parts_{file.stem}"
        known = sys.modules.get(alias)
        if known is not None and known.__file__ == str(file):
            continue
        spec = importlib.util.spec_from_file_location(alias, file)
        if not file.is_file() or spec is None or spec.loader is None:
            raise UsageError(f"parts.files: there is no Python file {file}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[alias] = module
        try:
            spec.loader.exec_module(module)
        except (ImportError, SyntaxError, NameError, AttributeError, TypeError, ValueError) as error:
            del sys.modules[alias]
            raise UsageError(f"parts.files: {file} cannot be imported: {error}") from error


def keep_parts(files: Sequence[str], run: Path) -> None:
    """Copy the files beside a run's results, so that they say what produced them."""
    for name in files:
        (run / "parts").mkdir(exist_ok=True)
        write_whole(run / "parts" / Path(name).name, Path(name).read_bytes())
