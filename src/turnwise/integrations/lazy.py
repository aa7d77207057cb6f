"""Names that are imported when they are asked for, since the framework behind them may not be installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..errors import UsageError


def named(
    package: str, homes: Mapping[str, str], roots: Collection[str], install: str
) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package.

    Args:
        package: its name.
        homes: a name -> the module of the package that has it.
        roots: packages of others whose absence is told as what to install.
        install: what pip installs.

    Raises:
        AttributeError: from what is returned, for a name that the package does not have.
        UsageError: from what is returned, where one of the packages is not installed.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(importlib.import_module(f".{homes[name]}", package), name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in roots:
                raise
            raise UsageError(
                f"{name} needs {install}, which is not installed: pip install {install}"
            ) from error

    return find
