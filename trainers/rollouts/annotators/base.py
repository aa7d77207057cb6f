"""What is found out about turns after they were played: annotators by name.

An annotator is a coroutine of trajectories and the policy that played them. It
returns one row of numbers a trajectory, one number a turn, under each name of a
column; they become `turn.notes`, are stored with the trajectories, and are columns
of the turn table. An annotation that fails costs its trajectory, with the cause,
and never the run.

    @register("word_count")
    async def word_count(trajectories, policy):
        '''Count the words of every message.'''
        return Annotated({"words": [[len(turn.action.split()) for turn in t.turns] for t in trajectories]})
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ....agents.policies import Policy
from ....agents.types import Trajectory
from ....errors import UsageError
from ...parts import Named, Registry


@dataclass(frozen=True, slots=True)
class Annotated:
    """What an annotator found.

    Args:
        columns: by name, one row a trajectory with one number a turn.
        failed: why a trajectory could not be annotated, by its place; its row is not read.
        figures: for the log, by name.
    """

    columns: Mapping[str, Sequence[Sequence[float]]]
    failed: Mapping[int, str] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(eq=False)
class Annotator(Named[Awaitable[Any]]):
    """A registered annotator: await it with trajectories and the policy that played them.

    Args:
        options: what it needs in every reset of a run with it, e.g. {"answer": True}.
    """

    options: Mapping[str, Any] = field(default_factory=dict)

    async def apply(
        self, trajectories: Sequence[Trajectory], policy: Policy, **params: Any
    ) -> tuple[list[Trajectory], dict[str, float]]:
        """Return the trajectories with notes on their turns, and figures for the log.

        Trajectories that do not count are passed over; one whose annotation failed
        ends as "error" with the cause.

        Raises:
            UsageError: if the policy lacks what it needs, or a row has another length than its turns.
        """
        places = [
            place for place, trajectory in enumerate(trajectories) if trajectory.counts and trajectory.turns
        ]
        chosen = [trajectories[place] for place in places]
        found: Annotated = await self.function(chosen, policy, **params)
        noted = list(trajectories)
        for row, place in enumerate(places):
            cause = found.failed.get(row)
            if cause is not None:
                noted[place] = replace(
                    noted[place], end="error", success=None, error=f"annotator {self.name}: {cause}"
                )
                continue
            for column, rows in found.columns.items():
                noted[place] = self._note(noted[place], column, rows[row])
        figures = {f"annotate/{self.name}/{key}": value for key, value in found.figures.items()}
        figures[f"annotate/{self.name}/failed"] = float(len(found.failed))
        return noted, figures

    def _note(self, trajectory: Trajectory, column: str, values: Sequence[float]) -> Trajectory:
        if len(values) != len(trajectory.turns):
            raise UsageError(
                f"annotator {self.name}: {len(values)} values of {column!r} for {trajectory.name}, which has "
                f"{len(trajectory.turns)} turns; give one a turn"
            )
        turns = tuple(
            replace(turn, notes={**turn.notes, column: float(value)})
            for turn, value in zip(trajectory.turns, values, strict=True)
        )
        return replace(trajectory, turns=turns)


REGISTRY = Registry("annotator", Annotator)
register, get, names, bind = REGISTRY.register, REGISTRY.get, REGISTRY.names, REGISTRY.bind
