"""What a run was asked for, each value beside what it is by default."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ...shown import UNKNOWN
from ..recipe import Recipe, dump


@dataclass(frozen=True, slots=True)
class Asked:
    """One value of a recipe.

    Attributes:
        name: its key, dotted.
        value: as the run has it.
        default: what it is where a recipe says nothing.
        changed: whether the two differ.
    """

    name: str
    value: Any
    default: Any
    changed: bool


def asked(tables: Mapping[str, Any]) -> list[Asked]:
    """Return the values of a recipe, of whatever version, in its order."""
    found = []
    for section, values in tables.items():
        for key, value in values.items() if isinstance(values, Mapping) else ():
            default = _defaults().get(section, {}).get(key, UNKNOWN)  # a parameter of a part has none here
            found.append(Asked(f"{section}.{key}", value, default, value != default))
    return found


@cache
def _defaults() -> dict[str, Any]:
    return tomllib.loads(dump(Recipe()))
