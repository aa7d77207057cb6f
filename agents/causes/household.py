"""Rules of the household: an object has to be found, perhaps treated, and brought somewhere."""

from __future__ import annotations

import re

from ..types import Trajectory
from .registry import Rank, rule

_TREATED = re.compile(r"\b(clean|hot|cool)\b")
_TREATING = {"clean": "clean ", "hot": "heat ", "cool": "cool "}


def _did(trajectory: Trajectory, *verbs: str) -> bool:
    return any(turn.action.startswith(verbs) for turn in trajectory.turns)


def _taken(trajectory: Trajectory) -> set[str]:
    """Return the kinds of the objects that were taken: "mug" of "take mug 1 from desk 2"."""
    words = (turn.action.split() for turn in trajectory.turns if turn.valid)
    return {parts[1] for parts in words if parts[:1] == ["take"] and len(parts) > 1}


@rule("never_searched", "it went nowhere and opened nothing", rank=Rank.TASK, family="household")
def never_searched(trajectory: Trajectory) -> bool:
    """Tell whether it never looked around."""
    return not _did(trajectory, "go to ", "open ")


@rule("found_nothing", "it took no object", rank=Rank.TASK, family="household")
def found_nothing(trajectory: Trajectory) -> bool:
    """Tell whether it never had anything in hand."""
    return not _taken(trajectory)


@rule("wrong_object", "it took objects, and none that the task names", rank=Rank.TASK, family="household")
def wrong_object(trajectory: Trajectory) -> bool:
    """Tell whether nothing that it took is of a kind that the instruction names."""
    named = re.findall(r"[a-z]+", trajectory.instruction.lower())
    return bool(named) and not any(
        kind.lower() in (word, word.removesuffix("s")) for kind in _taken(trajectory) for word in named
    )


@rule(
    "not_treated",
    "it never cleaned, heated or cooled what the task wants so",
    rank=Rank.TASK,
    family="household",
)
def not_treated(trajectory: Trajectory) -> bool:
    """Tell whether the treatment that the instruction asks for was never done."""
    wanted = _TREATED.findall(trajectory.instruction.lower())
    return any(not _did(trajectory, _TREATING[word]) for word in wanted)
