"""A turn as it is shown: what was seen, thought, said and done, what it earned, and its credit."""

from __future__ import annotations

from dataclasses import dataclass

from ....agents.types import Generation, Turn
from ....envs.thoughts import find_thoughts
from ....servers.pages.writing import Cut, line, shown
from .group import Group, Member
from .tokens import Token, tokens_of
from .untrained import of_turn

MOST_TURNS = 200
_ENDS = {"length": "message cut off at its longest", "filtered": "message withheld by the endpoint"}
_OF_KEYS = 300


@dataclass(frozen=True, slots=True)
class Shown:
    """One turn, ready for its template.

    Attributes:
        said: the message, where it is more than thought and action.
        credit: (method, advantage, shade, why), the run's own first.
        untrained: why it did not train.
        untold: why not all tokens are shown.
    """

    number: int
    observation: Cut
    thought: Cut
    said: Cut
    action: Cut
    marks: list[str]
    reward: float
    rewards: dict[str, float]
    state_key: str
    next_state_key: str
    subgoal: str
    sampler: int | None
    num_tokens: int
    tokens: list[Token]
    untold: str
    credit: list[tuple[str, float, str, str]]
    untrained: list[str]


def turns_of(group: Group, member: Member) -> list[Shown]:
    """Return the turns of a member, the first two hundred."""
    credit = group.credit_of(member)
    trajectory = member.trajectory
    found = []
    for place, turn in enumerate(trajectory.turns[:MOST_TURNS]):
        given = credit[place] if place < len(credit) else []
        own = given[0][1] if given and given[0][0] == group.own else None
        sampler = trajectory.sampled_by[place] if place < len(trajectory.sampled_by) else None
        found.append(_shown(group, member, turn, given, own, sampler))
    return found


def _shown(
    group: Group,
    member: Member,
    turn: Turn,
    credit: list[tuple[str, float, str, str]],
    own: float | None,
    sampler: int | None,
) -> Shown:
    generation = turn.generation
    tokens, untold = tokens_of(generation)
    thought = _thought(generation)
    plain = generation.text.strip() in ("", turn.action.strip()) and not generation.tool_calls
    said = "" if plain else generation.text + "".join(f"\n[call] {call}" for call in generation.tool_calls)
    return Shown(
        turn.index,
        shown(turn.observation),
        shown(thought),
        shown(said),
        shown(done_in(turn)),
        _marks(turn),
        turn.reward,
        turn.rewards,
        line(turn.state_key, _OF_KEYS),
        line(turn.next_state_key, _OF_KEYS),
        line(turn.subgoal, _OF_KEYS),
        None if sampler == member.trajectory.member else sampler,
        generation.num_tokens,
        tokens,
        untold,
        credit,
        of_turn(group, turn, member.trajectory, own),
    )


def done_in(turn: Turn) -> str:
    """Return what was done in a turn; of several calls with what was answered between them."""
    first, *others = turn.apart()
    return "\n".join([first.action, *(f"[answer] {step.observation}\n{step.action}" for step in others)])


def _thought(generation: Generation) -> str:
    thoughts = find_thoughts(generation.text)
    inner = [generation.text[begin:end].strip() for begin, end in thoughts.inner]
    return "\n".join(part for part in (generation.reasoning, *inner) if part)


def _marks(turn: Turn) -> list[str]:
    marks = [("malformed", turn.malformed), ("inadmissible", turn.inadmissible)]
    ended = turn.generation.finish_reason
    marks += [(_ENDS.get(ended, ended), ended != "stop")]
    return [name for name, holds in marks if holds] + ([line(turn.agent, 40)] if turn.agent else [])
