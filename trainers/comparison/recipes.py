"""What differs between the recipes of groups of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...shown import UNKNOWN
from ..runs.alike import deciding
from .groups import Group

_MISSING = object()


def differing(groups: Sequence[Group]) -> dict[str, tuple[str, ...]]:
    """Return the keys whose values are not the same in all runs, with what each group has there.

    Seeds, and what decides only what is kept and shown, are left out. A group whose own runs differ
    has all of their values, a group of evaluations a dash.
    """
    told = [
        [deciding(member.tables, length=True) for member in group.members if member.tables]
        for group in groups
    ]
    keys = dict.fromkeys(key for group in told for values in group for key in values)
    return {
        key: tuple(_values(group, key) for group in told)
        for key in keys
        if len({repr(values.get(key, _MISSING)) for group in told for values in group}) > 1
    }


def _values(group: Sequence[dict[str, Any]], key: str) -> str:
    found = dict.fromkeys(_text(values[key]) if key in values else UNKNOWN for values in group)
    return "; ".join(found) or UNKNOWN


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else repr(value)
