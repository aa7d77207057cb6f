"""A recipe resolved, with where each value comes from: which recipe states it, and why it says so."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

from ...settings import table
from ..recipe import Recipe, load, text_of, written

_SECTION = re.compile(r"\[([\w.]+)\]\s*(?:#.*)?$")
_KEY = re.compile(r'"?([\w.-]+)"?\s*=')
_COMMENT = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^#"'])*#(.*)""")


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a resolved recipe.

    Args:
        section: of the recipe.
        key: in the section.
        value: what it is.
        stated_in: the recipe that states it; empty where it is a default.
        why: the comment that stands beside it there.
    """

    section: str
    key: str
    value: Any
    stated_in: str
    why: str


def chain(name_or_path: str) -> list[str]:
    """Return a recipe and those that it extends, itself first.

    Raises:
        UnknownName: for an unknown recipe.
        UsageError: if a file is not there or cannot be read, or a recipe extends itself.
    """
    load(name_or_path)  # refuses circles
    names = [name_or_path]
    while base := written(names[-1])[0]:
        names.append(base)
    return names


def origins(name_or_path: str) -> list[Value]:
    """Return every value of a recipe, in the order of its sections.

    Raises:
        UnknownName: for an unknown recipe, section or key.
        UsageError: as `chain`, or if a value has another type.
    """
    recipe = load(name_or_path)
    stated = [(name, written(name)[1], _comments(text_of(name))) for name in chain(name_or_path)]
    values = []
    for section in (field.name for field in dataclasses.fields(Recipe)):
        for key, value in table(getattr(recipe, section)).items():
            found = (each for each in stated if key in each[1].get(section, {}))
            name, _, comments = next(found, ("", {}, {}))
            values.append(Value(section, key, value, name, comments.get((section, key), "")))
    return values


def _comments(text: str) -> dict[tuple[str, str], str]:
    """Return the comment beside each key of a recipe, by section and key."""
    comments: dict[tuple[str, str], str] = {}
    section = ""
    for line in text.splitlines():
        if named := _SECTION.match(line):
            section = named.group(1)
        elif key := _KEY.match(line):
            comment = _COMMENT.match(line)
            comments[section, key.group(1)] = comment.group(1).strip() if comment else ""
    return comments
