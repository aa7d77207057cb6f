"""What the catalogue knows of a part: source, parameters, what it needs, who uses it, what it costs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ...errors import UnknownName
from ..parts import Named, Part, Source
from ..recipe import Recipe, load, shipped, written
from .beside import COMMANDS, SETTINGS
from .costs import Cost, costs
from .kinds import KINDS, Kind
from .meanings import meanings
from .needs import needs_of

SETTING, COMMAND = "setting", "command"


@dataclass(frozen=True, slots=True)
class Entry:
    """One part of the catalogue.

    Args:
        kind: of the part: credit, loss, sampler, ...; "setting" or "command" where it is none.
        name: under which a recipe names it.
        key: where a recipe names it: the section, or a list in it; of a command how it is typed.
        summary: the first line of its documentation.
        source: where it comes from.
        params: its parameters with their defaults; `inspect.Parameter.empty` where one must be given.
        meanings: of parameters, as the part's documentation says.
        needs: in a few words each.
        recipes: of the method itself: those that name it and whose base does not.
        used_by: all that use it.
        cost: where it was measured.
    """

    kind: str
    name: str
    key: str
    summary: str
    source: Source
    params: Mapping[str, Any]
    meanings: Mapping[str, str]
    needs: tuple[str, ...]
    recipes: tuple[str, ...]
    used_by: tuple[str, ...]
    cost: Cost | None

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        params = [
            {"name": name, "required": value is inspect.Parameter.empty}
            | ({"meaning": self.meanings[name]} if name in self.meanings else {})
            | ({} if value is inspect.Parameter.empty else {"default": value})
            for name, value in self.params.items()
        ]
        cost = {"text": self.cost.text, "from": self.cost.file} if self.cost else None
        return {
            "name": self.name,
            "kind": self.kind,
            "recipe_key": self.key,
            "summary": self.summary,
            "paper": self.source.paper,
            "ref": self.source.ref,
            "exact": self.source.exact,
            "how": self.source.how,
            "note": self.source.note,
            "parameters": params,
            "needs": list(self.needs),
            "recipes": list(self.recipes),
            "used_by": list(self.used_by),
            "cost": cost,
        }


def entries(kind: str = "") -> list[Entry]:
    """Return all parts that come with turnwise, or those of one kind, in the order of kinds and names.

    Raises:
        UnknownName: for another kind.
    """
    names = [*(each.name for each in KINDS), SETTING, COMMAND]
    if kind and kind not in names:
        raise UnknownName("kind of part", kind, names)
    found = [_entry(each, part) for each in KINDS if kind in ("", each.name) for part in each.shipped]
    found += [_setting(key) for key in SETTINGS if kind in ("", SETTING)]
    return found + [_command(name) for name in COMMANDS if kind in ("", COMMAND)]


def find(name: str, kind: str = "") -> list[Entry]:
    """Return the parts of a name: a loss and an estimator may share one.

    Raises:
        UnknownName: if there is none, or for another kind.
    """
    known = entries(kind)
    if found := [entry for entry in known if entry.name == name]:
        return found
    more = " (`turnwise methods` lists them)"
    raise UnknownName("method", name, sorted({entry.name for entry in known}), more)


def _entry(kind: Kind, part: Named[Any]) -> Entry:
    uses = {
        name: named for name in shipped() for named in kind.named(_loaded(name)) if named.name == part.name
    }
    own = tuple(name for name in uses if _is_own(name, kind, part.name))
    required = [name for name, value in part.defaults.items() if value is inspect.Parameter.empty]
    given = next(iter(uses.values()), Part()).params
    known = set(required) <= set(given)  # else there is no way to call it
    needs = needs_of(part, {name: given[name] for name in required}) if known else ()
    return Entry(
        kind.name,
        part.name,
        kind.key,
        part.summary,
        part.source or Source(),
        part.defaults,
        meanings(part.function),
        needs,
        own,
        tuple(uses),
        costs(kind.name).get(part.name),
    )


def _setting(key: str) -> Entry:
    """Return the entry of a setting; the recipes are those that state it."""
    summary, source = SETTINGS[key]
    section, _, name = key.partition(".")
    stating = tuple(recipe for recipe in shipped() if name in written(recipe)[1].get(section, {}))
    return Entry(SETTING, name, key, summary, source, {}, {}, (), stating, stating, None)


def _command(name: str) -> Entry:
    """Return the entry of a command; the recipes are those whose harness it is."""
    typed, summary, source = COMMANDS[name]
    playing = tuple(recipe for recipe in shipped() if _loaded(recipe).harness.command == typed)
    return Entry(COMMAND, name, typed, summary, source, {}, {}, (), playing, playing, None)


def _is_own(recipe: str, kind: Kind, part: str) -> bool:
    """Tell whether a recipe names a part that its base does not name."""
    base, stated = written(recipe)
    if not base:
        return kind.key.split(".")[0] in stated
    return part not in {named.name for named in kind.named(_loaded(base))}


@cache
def _loaded(name: str) -> Recipe:
    return load(name)
