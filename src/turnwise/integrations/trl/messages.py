"""Turns out of what TRL keeps of an episode: messages, and a mask of the tokens that the model said.

A turn is a message of the assistant, with all the calls that it makes. In TRL's batch it is a run
of ones in the mask: what tools answer, and what the chat template writes around it, are zeros.

Shapes: _B completions, _T tokens of the longest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...agents.types import Generation, Step, Turn
from ...errors import TrainingError
from ..called import Called

Message = Mapping[str, Any]


def turns_of(completion: Iterable[Message], called: Called) -> tuple[Turn, ...]:
    """Return one turn for each message of the assistant.

    A message that called nothing of the environment stays in its state and earns nothing; it
    is malformed, unless the episode was over.

    Args:
        completion: the messages after the prompt.
        called: the environment that they were played in.
    """
    names = {str(tool["name"]) for tool in called.tools}
    calls, played, turns = iter(called.calls), called.turns, list[Turn]()
    done = 0  # of the turns that were played
    for message in completion:
        if message["role"] != "assistant":
            continue
        made = [turn for turn in _taken(message, names, calls) if turn is not None]
        turn = _joined(made) if made else _idle(called, played[done : done + 1])
        done += len(made)
        said = Generation(
            text=str(message.get("content") or ""), tool_calls=tuple(message.get("tool_calls") or ())
        )
        turns.append(replace(turn, index=len(turns), generation=said))
    return tuple(turns)


def runs_of(mask_T: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return [start, end) of each run of ones."""
    edges = np.flatnonzero(np.diff(mask_T.astype(np.int8), prepend=0, append=0)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def spread(mask_BT: NDArray[np.bool_], advantages: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Give every token that the model said the advantage of its turn, and every other one 0 [B, T].

    A completion without a token that learns (TRL takes them out where it was cut off and
    `mask_truncated_completions` is set) gets nothing.

    Args:
        mask_BT: which tokens the model said.
        advantages: of the turns of each completion.

    Raises:
        TrainingError: if a completion has another number of runs than of turns.
    """
    given_BT = np.zeros(mask_BT.shape)
    for row, (mask_T, values) in enumerate(zip(mask_BT, advantages, strict=True)):
        runs = runs_of(mask_T)
        if runs and len(runs) != len(values):
            raise TrainingError(
                f"completion {row}: the model spoke {len(runs)} times by the mask of its tokens, and the "
                f"episode has {len(values)} turns; expected one run of ones in the mask for each turn"
            )
        for (start, end), value in zip(runs, values, strict=False):
            given_BT[row, start:end] = value
    return given_BT


def _taken(message: Message, names: set[str], calls: Iterator[Turn | None]) -> Iterator[Turn | None]:
    """Yield what became of each call of a message that reached the environment."""
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        if function.get("name") in names and isinstance(function.get("arguments"), Mapping):
            yield next(calls)


def _joined(made: Sequence[Turn]) -> Turn:
    """Return calls of one message as one turn."""
    tiers = sorted({tier for turn in made for tier in turn.rewards})
    return replace(
        made[0],
        action="\n".join(turn.action for turn in made),
        reward=sum(turn.reward for turn in made),
        rewards={tier: sum(turn.rewards.get(tier, 0.0) for turn in made) for tier in tiers},
        next_state_key=made[-1].next_state_key,
        malformed=any(turn.malformed for turn in made),
        inadmissible=any(turn.inadmissible for turn in made),
        steps=tuple(map(_step, made)) if len(made) > 1 else (),
    )


def _step(turn: Turn) -> Step:
    return Step(
        turn.observation,
        turn.state_key,
        turn.action,
        turn.reward,
        turn.rewards,
        turn.malformed,
        turn.inadmissible,
    )


def _idle(called: Called, following: Sequence[Turn]) -> Turn:
    """Return a turn that changed nothing, in the state that the next one was taken in."""
    state = following[0].state_key if following else called.state_key
    shown = following[0].observation if following else called.observation
    is_over = called.end is not None and not following
    return Turn(0, shown, state, "", 0.0, state, malformed=not is_over)
