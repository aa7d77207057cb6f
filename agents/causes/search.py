"""Rules of questions answered with a search engine."""

from __future__ import annotations

import re

from ..types import Trajectory
from .registry import Rank, rule

_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_GIVEN_UP = re.compile(
    r"\W*|.*\b(unknown|none|n/a|not sure|no answer|cannot|can't|could not|do not know|don't know)\b.*",
    re.DOTALL | re.IGNORECASE,
)


def answer_in(trajectory: Trajectory) -> str | None:
    """Return what was answered at the end; None if nothing was."""
    if not trajectory.turns:
        return None
    found = _ANSWER.findall(trajectory.turns[-1].action)
    return str(found[-1]).strip() if found else None


@rule("never_searched", "it never used the search", rank=Rank.TASK, family="search")
def never_searched(trajectory: Trajectory) -> bool:
    """Tell whether no search was made."""
    return not any("<search>" in turn.action for turn in trajectory.turns)


@rule("gave_up", "it answered that it does not know, or nothing", rank=Rank.TASK, family="search")
def gave_up(trajectory: Trajectory) -> bool:
    """Tell whether the answer is none."""
    answer = answer_in(trajectory)
    return answer is not None and _GIVEN_UP.fullmatch(answer) is not None


@rule("not_found", "no passage that supports the answer was found", rank=Rank.TASK, family="search")
def not_found(trajectory: Trajectory) -> bool:
    """Tell whether the searches were the wrong ones, where supporting passages are known."""
    told = [turn.rewards["supporting"] for turn in trajectory.turns if "supporting" in turn.rewards]
    return bool(told) and not any(value > 0 for value in told)


@rule("wrong_answer", "it answered, and wrongly", rank=Rank.TASK, family="search")
def wrong_answer(trajectory: Trajectory) -> bool:
    """Tell whether there is an answer."""
    return answer_in(trajectory) is not None
