"""Whether the package that speaks MCP is there, in a version that knows the revisions of today."""

from __future__ import annotations

from importlib import import_module

from ....errors import UsageError


def check_installed(what: str) -> None:
    """Refuse to begin without the package `mcp`, 2.3 or later.

    Args:
        what: is in need of it, the beginning of the error.

    Raises:
        UsageError: if it is missing or too old.
    """
    try:
        for name in ("mcp", "mcp_types"):
            import_module(name)
    except ImportError as error:
        raise UsageError(
            f"{what} needs the package mcp, 2.3 or later ({error}): pip install 'mcp>=2.3'"
        ) from error
