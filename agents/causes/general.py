"""Rules for every environment."""

from __future__ import annotations

from ...ends import MACHINE
from ..types import Trajectory
from .registry import Rank, rule

REPEATS = 3
"""How often the same thing in a row is one time too often."""
_LONGEST_LOOP = 8


@rule("machine", "something broke or took too long; no statistic counts it", rank=Rank.MACHINE)
def machine(trajectory: Trajectory) -> bool:
    """Tell whether it failed for the machine's reasons."""
    return trajectory.end in MACHINE


@rule("withheld", "an endpoint withheld at least half of the messages", rank=Rank.MACHINE)
def withheld(trajectory: Trajectory) -> bool:
    """Tell whether the endpoint's filter decided it."""
    return _half([turn.generation.finish_reason == "filtered" for turn in trajectory.turns])


@rule("malformed", "at least half of the messages held no action that could be read", rank=Rank.FORM)
def malformed(trajectory: Trajectory) -> bool:
    """Tell whether the agent's form decided it."""
    return _half([turn.malformed for turn in trajectory.turns])


@rule("inadmissible", "at least half of the actions were not on offer", rank=Rank.FORM)
def inadmissible(trajectory: Trajectory) -> bool:
    """Tell whether it mostly asked for what is not on offer, in readable messages or not."""
    return _half([not turn.valid for turn in trajectory.turns])


@rule("repeats", f"the last {REPEATS} actions are one and the same, in one state", rank=Rank.STUCK)
def repeats(trajectory: Trajectory) -> bool:
    """Tell whether it ended by doing one thing again and again to no effect."""
    last = trajectory.turns[-REPEATS:]
    return len(last) == REPEATS and len({(turn.state_key, turn.action) for turn in last}) == 1


@rule("loops", f"it ended going round {REPEATS} times through the same states and actions", rank=Rank.STUCK)
def loops(trajectory: Trajectory) -> bool:
    """Tell whether the end is a circle of 2 to 8 turns, gone round often enough."""
    steps = [(turn.state_key, turn.action) for turn in trajectory.turns]
    return any(_circles(steps, length) for length in range(2, _LONGEST_LOOP + 1))


@rule("out_of_tokens", "the next prompt and message would not fit", rank=Rank.END)
def out_of_tokens(trajectory: Trajectory) -> bool:
    """Tell whether the conversation grew too long."""
    return trajectory.end == "tokens"


@rule("out_of_turns", "it had its turns", rank=Rank.END)
def out_of_turns(trajectory: Trajectory) -> bool:
    """Tell whether it was cut off by the number of turns."""
    return trajectory.end == "horizon"


@rule("wrong_end", "it ended by itself, and lost", rank=Rank.END)
def wrong_end(trajectory: Trajectory) -> bool:
    """Tell that nothing else is known."""
    return True


def _half(values: list[bool]) -> bool:
    return 0 < len(values) <= 2 * sum(values)


def _circles(steps: list[tuple[str, str]], length: int) -> bool:
    last = steps[-length * REPEATS :]
    return len(last) == length * REPEATS and last == last[:length] * REPEATS
