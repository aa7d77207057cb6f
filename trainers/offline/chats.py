"""A chat with rewards as an episode: what `turnwise export RUN --chat FILE` writes, and what others write so.

    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}, ...],
     "rewards": [0.0, 1.0], "success": true, "group": "task 7"}

Each message of the assistant is a turn, unless its "weight" is 0 (as OpenAI's files for fine-tuning have it).
"rewards" has one number a turn; "reward" or "return" is one number for all, which the last turn gets; where
only "success" is told, it is the reward. A line with "turns": [5, 8] goes on with the episode of the line
before: its last three messages of the assistant are the turns 5, 6 and 7.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...agents.types import Generation, Message, Trajectory, Turn
from ...ends import ENDS

MAX_MESSAGES = 4096
_ROLES = ("system", "user", "assistant", "tool")


def episode_of(document: Any, before: Trajectory | None, number: int) -> Trajectory:
    """Return the episode that a document tells, or that it goes on with.

    Args:
        document: decoded JSON.
        before: the episode of the document before, if it may go on.
        number: of the document, which names an episode without a name.

    Raises:
        ValueError: saying what is wrong with it.
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"holds {type(document).__name__}; expected an object with messages and rewards")
    start, end = _range(document)
    messages = _messages(document.get("messages"))
    spoken = [place for place, each in enumerate(messages) if each[0].role == "assistant" and each[1]]
    if end is not None:
        if end - start > len(spoken):
            raise ValueError(f"turns {[start, end]}, and {len(spoken)} messages of the assistant")
        spoken = spoken[len(spoken) - (end - start) :]
    if not spoken:
        raise ValueError("has no message of the assistant to learn from")
    turns = _turns(document, messages, spoken, start)
    if start:
        return _continued(document, before, turns)
    return Trajectory(
        env_id=_text(document, "env_id", "chat"),
        task=_text(document, "task", ""),
        task_seed=_whole(document, "task_seed"),
        group=_text(document, "group", f"line {number}"),
        member=_whole(document, "member"),
        turns=turns,
        end=_end(document),
        success=_success(document),
    )


def _continued(document: Mapping[str, Any], before: Trajectory | None, turns: tuple[Turn, ...]) -> Trajectory:
    name = (_text(document, "group", ""), _whole(document, "member"))
    if before is None or name != (before.group, before.member) or turns[0].index != len(before.turns):
        raise ValueError(
            f"goes on at turn {turns[0].index} of an episode of group {name[0]!r} that the line before does "
            "not hold up to there; keep the lines of an episode together and in order"
        )
    return replace(before, turns=before.turns + turns)


def _turns(
    document: Mapping[str, Any],
    messages: Sequence[tuple[Message, bool, str]],
    spoken: Sequence[int],
    start: int,
) -> tuple[Turn, ...]:
    """Return the turns of a document, each with what it was asked in words."""
    rewards, valid = _rewards(document, len(spoken)), _valid(document, len(spoken))
    asked = tuple(message for message, _, _ in messages)
    turns = []
    for index, place in enumerate(spoken):
        said, _, reasoning = messages[place]
        if place == 0:
            raise ValueError("message 1 is the assistant's; expected what it answers before it")
        generation = Generation(said.content, tool_calls=said.tool_calls, reasoning=reasoning)
        seen = asked[place - 1].content
        turns.append(
            Turn(
                start + index,
                seen,
                seen,
                said.content.strip(),
                rewards[index],
                "",
                generation=generation,
                malformed=not valid[index],
                prompt=asked[:place],
            )
        )
    after = [turn.state_key for turn in turns[1:]] + [""]
    return tuple(replace(turn, next_state_key=key) for turn, key in zip(turns, after, strict=True))


def _messages(given: Any) -> list[tuple[Message, bool, str]]:
    """Return messages, whether each is learned, and what was thought before it."""
    if not isinstance(given, list) or not 0 < len(given) <= MAX_MESSAGES:
        raise ValueError(f"messages is no list of 1 to {MAX_MESSAGES} messages")
    return [_message(each, place) for place, each in enumerate(given, start=1)]


def _message(given: Any, place: int) -> tuple[Message, bool, str]:
    if not isinstance(given, Mapping) or given.get("role") not in _ROLES:
        raise ValueError(f"message {place}: expected an object with a role among {', '.join(_ROLES)}")
    calls, content = given.get("tool_calls") or (), given.get("content")
    if not isinstance(calls, list | tuple) or not all(isinstance(call, Mapping) for call in calls):
        raise ValueError(f"message {place}: tool_calls is no list of objects")
    text = _words("" if content is None and calls else content, place)
    thought, answered = (
        _words(given.get(name) or "", place) for name in ("reasoning_content", "tool_call_id")
    )
    told = tuple(dict(call) for call in calls)
    return Message(given["role"], text, told, answered), given.get("weight") != 0, thought


def _words(given: Any, place: int) -> str:
    if not isinstance(given, str) or not _is_clean(given):
        raise ValueError(f"message {place}: expected text in words alone, found {given!r:.60}")
    return given


def _is_clean(text: str) -> bool:
    """Tell whether a text has no lone surrogates, which no tokenizer takes."""
    return text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)


def _rewards(document: Mapping[str, Any], num: int) -> list[float]:
    if (given := document.get("rewards")) is not None:
        if not isinstance(given, list) or len(given) != num:
            raise ValueError(f"rewards is {given!r:.60}; expected {num} numbers, one a turn")
        return [_number("rewards", value) for value in given]
    told = [name for name in ("reward", "return", "success") if document.get(name) is not None]
    if not told:
        raise ValueError(
            'has no rewards: give "rewards" (one a turn), "reward" or "success"; cloning takes "reward": 0'
        )
    value = _success(document) if told[0] == "success" else document[told[0]]
    return [0.0] * (num - 1) + [_number(told[0], float(value) if isinstance(value, bool) else value)]


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} holds {value!r:.60}; expected finite numbers")
    return float(value)


def _valid(document: Mapping[str, Any], num: int) -> list[bool]:
    given = document.get("valid")
    if given is None:
        return [True] * num
    if not isinstance(given, list) or len(given) != num or not all(isinstance(one, bool) for one in given):
        raise ValueError(f"valid is {given!r:.60}; expected true or false for each of {num} turns")
    return given


def _range(document: Mapping[str, Any]) -> tuple[int, int | None]:
    given = document.get("turns")
    if given is None:
        return 0, None
    if not isinstance(given, list) or len(given) != 2 or not all(type(one) is int for one in given):
        raise ValueError(f"turns is {given!r:.60}; expected [first, behind the last]")
    if not 0 <= given[0] < given[1]:
        raise ValueError(f"turns is {given}; expected the first before the last")
    return given[0], given[1]


def _success(document: Mapping[str, Any]) -> bool | None:
    given = document.get("success")
    if given is not None and not isinstance(given, bool):
        raise ValueError(f"success is {given!r:.60}; expected true, false or null")
    return given


def _end(document: Mapping[str, Any]) -> Any:
    given = document.get("end") or "terminated"
    if given not in ENDS:
        raise ValueError(f"end is {given!r:.60}; expected one of {', '.join(ENDS)}")
    return given


def _text(document: Mapping[str, Any], name: str, default: str) -> str:
    given = document.get(name)
    if given is None:
        return default
    if not isinstance(given, str | int) or len(str(given)) > 1000:
        raise ValueError(f"{name} is {given!r:.60}; expected a name")
    return str(given)


def _whole(document: Mapping[str, Any], name: str) -> int:
    given = document.get(name)
    if given is None:
        return 0
    if type(given) is not int or not 0 <= given < 2**63:
        raise ValueError(f"{name} is {given!r:.60}; expected a whole number, 0 or more")
    return given
