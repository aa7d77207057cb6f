"""The tables of a journal: a line is made as its record is signed, never again when somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .entry import Entry, entry_of
from .table import Table

_FACTS = ("name", "version", "hash", "split", "draw", "metric", "lost")


@dataclass(slots=True)
class Version:
    """The tables of one version of a benchmark.

    Args:
        facts: what a record says of it.
        keys: the runs that keys which play it may see.
        public: those that anybody may see.
    """

    facts: dict[str, Any]
    keys: Table = field(default_factory=Table)
    public: Table = field(default_factory=Table)

    def add(self, entry: Entry, *, public: bool) -> None:
        """Add a run, or put another in its place."""
        self.keys.add(entry)
        if public:
            self.public.add(entry)


class Boards:
    """All tables of a journal; a run is on those of whoever may see it, as was said when it began."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, bool]] = {}  # of runs that are not over
        self._versions: dict[str, dict[int, Version]] = {}
        self._run_of: dict[tuple[str, int, str], str] = {}
        self._placed: dict[str, tuple[Version, str, bool]] = {}  # of a run: where it stands

    def tell(self, run: str, look: str, *, owners: bool) -> None:
        """Note who may see a run once it is over."""
        self._told[run] = (look, owners)

    def add(self, record: Mapping[str, Any]) -> None:
        """Take the record of a run that is over."""
        run = record["run"]
        look, owners = self._told.pop(run, ("none", False))
        if look == "none":
            return
        told, place = record["benchmark"], str(record["log"]["place"])
        versions = self._versions.setdefault(told["name"], {})
        version = versions.get(told["version"])
        if version is None:
            facts = facts_of(told, len(record["measured"]["tasks"]))
            version = versions[told["version"]] = Version(facts)
        version.add(entry_of(record, place, owner_shown=owners), public=look == "public")
        self._run_of[told["name"], told["version"], place] = run
        self._placed[run] = (version, place, look == "public")

    def withdraw(self, run: str, said: Mapping[str, Any]) -> None:
        """Show a run as withdrawn."""
        if run in self._placed:
            version, place, public = self._placed[run]
            entry = version.keys.find(place)
            assert entry is not None, "it was placed"
            version.add(replace(entry, withdrawn=f"{said['time']}: {said['reason']}"), public=public)

    def versions(self, name: str) -> Mapping[int, Version]:
        """Return what there is of a benchmark."""
        return self._versions.get(name, {})

    def run_of(self, name: str, version: int, id: str) -> str:
        """Return the run of a line."""
        return self._run_of[name, version, id]


def facts_of(told: Mapping[str, Any], tasks: int) -> dict[str, Any]:
    """Return what a board says of its benchmark, of what a record says of it."""
    return {name: told[name] for name in _FACTS} | {"tasks": tasks}
