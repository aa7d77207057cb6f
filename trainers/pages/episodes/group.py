"""A trajectory with those it is compared with, and their credit under the run's own method and others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....agents.stored import Filter, Row
from ....agents.types import Trajectory
from ....errors import TurnwiseError
from ... import credit as credits
from ...reports.microscope.examination import DEFAULT_METHODS, Examination, examine, why
from ..places import Place
from ..run import Run, read_run
from .shelf import Address, Shelf

MOST_MEMBERS, _MOST_TURNS = 64, 4000
_FOREIGN = (TurnwiseError, ValueError, TypeError, AttributeError, IndexError, KeyError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Member:
    """A trajectory of a group, and where it is."""

    address: Address
    row: Row
    trajectory: Trajectory


@dataclass(frozen=True, slots=True)
class Group:
    """The episodes that credit compares, and one of them that is looked at.

    Attributes:
        place: the run or evaluation.
        run: the run; None of an evaluation.
        members: those that are stored, in the order of their places.
        here: the place in `members` of the one that is looked at.
        own: the method that the run trained with; "" where there is none.
        seen: their credit; None where none can be computed.
        untold: why not, or what was left out.
    """

    place: Place
    run: Run | None
    members: list[Member]
    here: int
    own: str
    seen: Examination | None = None
    untold: list[str] = field(default_factory=list)

    @property
    def member(self) -> Member:
        """Return the one that is looked at."""
        return self.members[self.here]

    def beside(self, step: int) -> Member | None:
        """Return the member so many places further, if there is one."""
        place = self.here + step
        return self.members[place] if 0 <= place < len(self.members) else None

    def methods(self) -> list[str]:
        """Return the methods whose credit is known, the run's own first."""
        return list(self.seen.credits) if self.seen else []

    def credit_of(self, member: Member) -> list[list[tuple[str, float, str, str]]]:
        """Return for each turn (method, advantage, shade, why) of each method; [] where nothing is known."""
        seen = self.seen
        if seen is None:
            return []
        known = [place for place, one in enumerate(seen.trajectories) if one is member.trajectory]
        if not known:
            return []
        rows = np.flatnonzero(seen.table.trajectory == known[0])
        most = {name: float(np.abs(credit.advantage).max()) for name, credit in seen.credits.items()}
        return [
            [
                (
                    name,
                    float(credit.advantage[row]),
                    shade(credit.advantage[row], most[name]),
                    why(credit, int(row)),
                )
                for name, credit in seen.credits.items()
            ]
            for row in rows
        ]


def shade(value: float, most: float) -> str:
    """Return the class of a cell: p1 to p3 for credit, m1 to m3 for blame, by its share of the most."""
    share = abs(value) / most if most > 0 else 0.0
    if share < 0.05:
        return ""
    return ("p" if value > 0 else "m") + str(1 + (share > 0.33) + (share > 0.66))


def open_group(shelf: Shelf, place: Place, address: Address) -> Group:
    """Read a trajectory and those of its group, and compute their credit.

    Raises:
        UsageError: if it is not there any more, or broken.
        Opening: if the trajectories of its place are still taken in.
    """
    row, trajectory = shelf.read(place, address)
    run = read_run(place) if place.kind == "run" else None
    own, params = _own(run)
    members, untold = _members(shelf, place, address, row, trajectory)
    here = next(at for at, member in enumerate(members) if member.address == address)
    seen = None
    if len(members) < 2:
        if run is not None:  # an evaluation plays each task once
            untold.append("It is alone in its group as stored: there is nothing to compare it with.")
    elif sum(len(member.trajectory.turns) for member in members) > _MOST_TURNS:
        untold.append(f"The group has over {_MOST_TURNS} turns; `turnwise credit` computes their credit.")
    else:
        seen = _examined([member.trajectory for member in members], own, params, untold)
    return Group(place, run, members, here, own, seen, untold)


def _members(
    shelf: Shelf, place: Place, address: Address, row: Row, trajectory: Trajectory
) -> tuple[list[Member], list[str]]:
    page = shelf.of(place).rows(Filter(update=row.update, seed=row.seed, env=row.env), "member", limit=1000)
    rows = [other for other in page.rows if other.group == row.group and other.file == row.file]
    untold = []
    if len(rows) > MOST_MEMBERS:
        untold.append(f"The group has {len(rows)} episodes; the first {MOST_MEMBERS} are compared.")
        rows = rows[:MOST_MEMBERS]
    members = []
    for other in rows:
        if Address.of(other) == address:
            continue
        try:
            members.append(Member(Address.of(other), *shelf.read(place, Address.of(other))))
        except TurnwiseError as error:
            untold.append(str(error))
    members.append(Member(address, row, trajectory))
    return sorted(members, key=lambda member: (member.trajectory.member, member.address.offset)), untold


def _own(run: Run | None) -> tuple[str, Mapping[str, Any]]:
    """Return the method of a run and its parameters, also as older versions wrote them."""
    table = run.recipe.get("credit") if run else None
    if not isinstance(table, dict) or not isinstance(name := table.get("name"), str):
        return "", {}
    params = table.get("params")
    return name, params if isinstance(params, dict) else {key: table[key] for key in table if key != "name"}


def _examined(
    trajectories: list[Trajectory], own: str, params: Mapping[str, Any], untold: list[str]
) -> Examination | None:
    others = [name for name in DEFAULT_METHODS if name != own]
    if own and own not in credits.names():
        untold.append(f"The run's own method, {own}, is not one of ours: its file is not run to look at it.")
    elif own:
        try:
            return _told(examine(trajectories, [own, *others], {own: params}), own, untold)
        except _FOREIGN as error:
            untold.append(f"The run's own method, {own}, cannot be computed: {error}")
    try:
        return _told(examine(trajectories, others), own, untold)
    except _FOREIGN as error:
        untold.append(f"There is no credit: {error}")
        return None


def _told(seen: Examination, own: str, untold: list[str]) -> Examination:
    untold += [
        f"{name}{'' if name == own else ', a method to compare with'}: {reason}"
        for name, reason in seen.refused.items()
    ]
    return seen
