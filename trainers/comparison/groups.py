"""Which runs and evaluations are one group, and what it is called.

Runs of one recipe with different seeds are one group; so are runs that share the values of some keys, and
whatever is given under a label. An evaluation is a group of its own unless it has a label.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...agents.comparison.results import Metric
from ...errors import UnknownName, UsageError
from ..runs.alike import deciding, recipe_word
from .members import Kind, Member, is_member, read_member

MOST_MEMBERS = 1000
_MOST_KEYS_IN_A_NAME = 3
_SEED_AT_THE_END = re.compile(r"[-_.,]?(?:seed[-_=]?)?\d+$")
Given = Mapping[str, Sequence[Path]]
"""Folders by the label of their group; those under "" are grouped by their recipes."""


@dataclass(frozen=True, slots=True)
class Group:
    """What is compared as one: the seeds of a recipe, or one evaluation."""

    label: str
    members: tuple[Member, ...]

    @property
    def kind(self) -> Kind:
        """Return what its members are."""
        return self.members[0].kind


def read_groups(given: Given, by: Sequence[str], metric: Metric) -> tuple[list[Group], dict[str, str]]:
    """Read folders and group them.

    Args:
        given: the folders; one that holds runs or evaluations stands for these.
        by: keys of recipes whose values make the groups; without any all that decides results does.
        metric: what is read of each task.

    Returns:
        the groups, in the order in which they were given, and why which folders are in none.

    Raises:
        UsageError: if there is nothing at a place, there are too many, or a group mixes runs and evaluations.
        UnknownName: for a key that no recipe has.
    """
    left_out: dict[str, str] = {}
    found: dict[str, list[Member]] = {}
    for label, places in given.items():
        members = _read(_inside(places), metric, left_out)
        found[label] = [*found.get(label, ()), *members]
    apart = found.pop("", [])
    for label, members in found.items():
        if len({member.kind for member in members}) > 1:
            raise UsageError(f"group {label!r} holds runs and evaluations; expected one of both")
    groups = _by_keys(apart, by) if by else _by_recipes(apart)
    labelled = [Group(label, tuple(members)) for label, members in found.items() if members]
    return _with_names([*labelled, *groups]), left_out


def _inside(places: Sequence[Path]) -> list[Path]:
    """Return the runs and evaluations that folders are or hold, each once."""
    found: dict[Path, Path] = {}
    for place in places:
        if not place.exists():
            raise UsageError(f"{place}: there is nothing there; expected a run, an evaluation or a record")
        inner = [place]
        if place.is_dir() and not is_member(place):
            inner = sorted(below for below in place.iterdir() if below.is_dir() and is_member(below))
        if not inner:
            raise UsageError(f"{place}: is neither a run nor an evaluation, and holds none")
        found |= {each.resolve(): each for each in inner}
    if len(found) > MOST_MEMBERS:
        raise UsageError(f"{len(found)} runs and evaluations; expected at most {MOST_MEMBERS}")
    return list(found.values())


def _read(places: Sequence[Path], metric: Metric, left_out: dict[str, str]) -> list[Member]:
    members = []
    for place in places:
        try:
            members.append(read_member(place, metric))
        except UsageError as error:
            left_out[str(place)] = str(error)
    return members


def _by_recipes(members: Sequence[Member]) -> list[Group]:
    found: dict[str, list[Member]] = {}
    for member in members:
        found.setdefault(recipe_word(member.tables, length=True) or str(member.place), []).append(member)
    return [Group("", tuple(each)) for each in found.values()]


def _by_keys(members: Sequence[Member], keys: Sequence[str]) -> list[Group]:
    known = {name for member in members for name in _values(member)}
    for key in keys:
        if key not in known:
            raise UnknownName("key of these recipes", key, known)
    found: dict[str, list[Member]] = {}
    for member in members:
        values = _values(member)
        told = [f"{key.rpartition('.')[2]}={values[key]}" for key in keys if key in values]
        found.setdefault(", ".join(told), []).append(member)
    apart = [Group("", (member,)) for member in found.pop("", ())]
    return [*(Group(label, tuple(each)) for label, each in found.items()), *apart]


def _values(member: Member) -> dict[str, Any]:
    return deciding(member.tables, length=True)


def _with_names(groups: Sequence[Group]) -> list[Group]:
    """Name the groups that have no label: by their folders, or by what differs between their recipes."""
    unnamed = [group for group in groups if not group.label]
    names = [_folder_name(group) for group in unnamed]
    if not all(names) or len(set(names)) < len(names):
        names = _names_by_keys(unnamed) or [str(group.members[0].place) for group in unnamed]
    taken = {group.label for group in groups if group.label}
    fresh = iter(_made_different(names, taken))
    return [group if group.label else Group(next(fresh), group.members) for group in groups]


def _folder_name(group: Group) -> str:
    """Return what the names of a group's folders share but for a seed at their end; "" if they differ."""
    names = {member.name for member in group.members}
    if len(names) > 1:
        names = {_SEED_AT_THE_END.sub("", name) for name in names}
        if names == {""}:
            names = {member.place.resolve().parent.name for member in group.members}
    return names.pop() if len(names) == 1 else ""


def _names_by_keys(groups: Sequence[Group]) -> list[str]:
    """Return names of the keys whose values differ between groups; nothing where those are too many."""
    values = [_values(group.members[0]) for group in groups]
    keys = dict.fromkeys(key for each in values for key in each)
    differing = [key for key in keys if len({repr(each.get(key)) for each in values}) > 1]
    if not 0 < len(differing) <= _MOST_KEYS_IN_A_NAME:
        return []
    return [", ".join(f"{key.rpartition('.')[2]}={each.get(key)}" for key in differing) for each in values]


def _made_different(names: Sequence[str], taken: set[str]) -> list[str]:
    """Return the names, those that are there already with a number behind them."""
    used, found = set(taken), []
    for name in names:
        chosen, number = name, 2
        while chosen in used:
            chosen, number = f"{name} ({number})", number + 1
        used.add(chosen)
        found.append(chosen)
    return found
