"""Rules of failure: each names a cause and tells whether a trajectory shows it.

    @rule("napping", "slept while there was work", family="household", rank=Rank.TASK)
    def napping(trajectory): ...

The cause of a lost trajectory is that of the first rule that holds. Rules go by rank, inside a rank
in the order in which they were registered; those of another family are passed over.
The term is that of "Mind the Goal" (Piskala et al., arXiv 2510.03696), which gives each goal that was
missed one root cause; there teacher models find it, here rules do, of our own making.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from ...errors import UsageError
from ..types import Trajectory


class Rank(IntEnum):
    """Where a rule stands: what is nearer to the root comes first."""

    MACHINE = 0  # nothing that the agent did
    FORM = 1  # the environment could not read or carry out what was said
    STUCK = 2  # it went on without getting anywhere
    TASK = 3  # what of the task was missed
    END = 4  # only the end is known


@dataclass(frozen=True, slots=True)
class Rule:
    """One cause: its name, what it means, the family it is of ("" is any), and when it holds."""

    name: str
    meaning: str
    family: str
    rank: Rank
    holds: Callable[[Trajectory], bool]


CAUSES: list[Rule] = []
"""All rules, in their order."""


def rule(
    name: str, meaning: str, *, rank: Rank, family: str = ""
) -> Callable[[Callable[[Trajectory], bool]], Callable[[Trajectory], bool]]:
    """Register a rule.

    Args:
        name: of the cause.
        meaning: in one line.
        rank: where it stands.
        family: the beginning of the environment's id, before the slash; "" is every environment.

    Raises:
        UsageError: if the family has a rule of this name already.
    """
    if any((known.name, known.family) == (name, family) for known in CAUSES):
        raise UsageError(f"cause {name!r} of {family or 'every environment'} is registered already")

    def register(holds: Callable[[Trajectory], bool]) -> Callable[[Trajectory], bool]:
        CAUSES.append(Rule(name, meaning, family, rank, holds))
        CAUSES.sort(key=lambda known: known.rank)
        return holds

    return register


def rules_for(env_id: str) -> list[Rule]:
    """Return the rules of an environment in their order."""
    family = env_id.partition("/")[0]
    return [known for known in CAUSES if known.family in ("", family)]


def cause_of(trajectory: Trajectory) -> str:
    """Return why a trajectory was lost; "" if it was won, taken over, or nothing says that it was not."""
    if trajectory.end == "operator" or (trajectory.counts and trajectory.success is not False):
        return ""
    return next((known.name for known in rules_for(trajectory.env_id) if known.holds(trajectory)), "")
