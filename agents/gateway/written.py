"""An episode of a harness as a trajectory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...ends import FAULTS, End
from ..prompts.parse import parse_action, token_spans
from ..rollout.config import TaskItem
from ..types import Message, Trajectory, Turn
from .calls import Call, observation_of, turns_among
from .rewards import Reward
from .sessions import SessionBehind

_AT_THE_END = "(end)"
_DROPPED = frozenset(
    {"admissible", "tools", "private", "state_key", "rewards", "instruction", "task", "patch", "metrics"}
)


@dataclass(frozen=True, slots=True)
class Record:
    """All that is known of an episode.

    Args:
        task: what was played.
        calls: in their order.
        posted: rewards by the number of their call.
        final: the last reward; None where none was posted.
        session: what stood behind it, if one did.
        instruction: of the task.
        state_key: of the first state; None: not told.
        version: of the policy when it began.
        seconds: it took.
        with_prompts: whether turns keep their prompts in words, and the trajectory its session.
    """

    task: TaskItem
    calls: Sequence[Call]
    posted: Mapping[int, Reward]
    final: Reward | None
    session: SessionBehind | None
    instruction: str
    state_key: str | None
    version: int
    seconds: float
    with_prompts: bool


def trajectory_of(record: Record, end: End, error: str | None) -> Trajectory:
    """Return an episode as data: its turns without side calls, with what they were rewarded with.

    Args:
        record: what is known of it.
        end: why it ended.
        error: the cause, where something broke.
    """
    for number, given in record.posted.items():
        _take_posted(record.calls[number], given)
    calls = turns_among(record.calls)
    keys = _state_keys(record, calls)
    turns = [_turn(call, place, *keys[place]) for place, call in enumerate(calls)]
    if record.with_prompts:
        words = _in_words(record.calls)
        turns = [replace(turn, prompt=words[call.number]) for turn, call in zip(turns, calls, strict=True)]
    if turns and record.final is not None:
        turns[-1] = _with_final(turns[-1], record.final)
    num_side = sum(call.answer is not None for call in record.calls) - len(turns)
    session, task = record.session, record.task
    info = session.info if session else {}
    return Trajectory(
        env_id=task.env_id,
        task=str(info.get("task") or f"{task.env_id}#{task.seed}"),
        task_seed=task.seed,
        group=task.group_name,
        turns=tuple(turns),
        end=end,
        final_observation=session.reply.observation if session else "",
        instruction=record.instruction,
        fingerprint=session.reply.fingerprint if session else "",
        patch=dict(info.get("patch") or {}),
        error=error,
        member=task.member or 0,
        seconds=record.seconds,
        policy_version=record.version,
        session=session.reply.id if session and record.with_prompts else "",
        **({} if end in FAULTS else _outcome(record.final, info, num_side)),
    )


def _outcome(final: Reward | None, info: Mapping[str, Any], num_side: int) -> dict[str, Any]:
    """Return what is told of how well it went."""
    won, score = (final.success, final.score) if final else (info.get("won"), info.get("score"))
    metrics = {name: float(value) for name, value in (info.get("metrics") or {}).items()}
    return {
        "success": None if won is None else bool(won),
        "score": None if score is None else float(score),
        "metrics": {**metrics, "side_calls": float(num_side)},
    }


def _take_posted(call: Call, given: Reward) -> None:
    """Give a call the reward and the keys that were posted for it."""
    call.named, call.reward, call.rewards = True, given.reward, dict(given.rewards)
    if given.state_key is not None:
        call.state_key = given.state_key
    if given.next_state_key is not None:
        call.next_state_key = given.next_state_key


def _state_keys(record: Record, calls: Sequence[Call]) -> list[tuple[str, str]]:
    """Return the keys of the states before and behind each turn.

    A key that was not told is that of the neighbour, where that was told; else the observation.
    """
    before: list[str] = []
    for at, call in enumerate(calls):
        told = calls[at - 1].next_state_key if at else record.state_key
        own = call.state_key if call.state_key is not None else told
        before.append(own if own is not None else _observed(call))
    last = record.final.next_state_key if record.final else None
    if last is None:
        last = record.session.state_key if record.session else _AT_THE_END
    behind = [*before[1:], last]
    return [
        (before[at], behind[at] if call.next_state_key is None else call.next_state_key)
        for at, call in enumerate(calls)
    ]


def _observed(call: Call) -> str:
    return observation_of(call.place) if call.place else ""


def _turn(call: Call, index: int, state_key: str, next_state_key: str) -> Turn:
    if call.place is None or call.answer is None:
        raise ValueError(f"call {call.number} was not answered")
    generation, steps = call.answer.generation, tuple(call.steps)
    parsed = parse_action(generation.text, "plain", opened=call.place.renderer.encoder.opens_thought)
    return Turn(
        index=index,
        observation=_observed(call),
        state_key=state_key,
        action="\n".join(step.action for step in steps) if steps else parsed.action,
        reward=call.reward + sum(step.reward for step in steps),
        next_state_key=next_state_key,
        generation=generation,
        spans=token_spans(parsed, generation),
        rewards=_added(call.rewards, *(step.rewards for step in steps)),
        malformed=any(step.malformed for step in steps),
        inadmissible=_is_inadmissible(call, parsed.action),
        steps=steps if len(steps) > 1 else (),
        agent=str(call.info.get("agent") or ""),
        info={name: value for name, value in call.info.items() if name not in _DROPPED},
    )


def _in_words(calls: Sequence[Call]) -> dict[int, tuple[Message, ...]]:
    """Return the prompt of each answered call in words, by its number."""
    found: dict[int, tuple[Message, ...]] = {}
    known = {call.place: call for call in calls if call.place}
    for call in calls:
        if call.place is None or call.answer is None:
            continue
        above = known[call.place.parent] if call.place.parent else None
        before = (*found[above.number], above.answer.message) if above and above.answer else ()
        found[call.number] = (*before, *call.place.new)
    return found


def _is_inadmissible(call: Call, said: str) -> bool:
    """Tell whether neither what was said nor what the harness made of it is offered."""
    admissible: Any = call.info.get("admissible")
    offered = admissible is None or said in admissible
    return not offered and (not call.steps or any(step.inadmissible for step in call.steps))


def _with_final(turn: Turn, final: Reward) -> Turn:
    rewards = _added(turn.rewards, final.rewards)
    return replace(turn, reward=turn.reward + final.reward, rewards=rewards)


def _added(*tiers: Mapping[str, float]) -> dict[str, float]:
    """Return named rewards, added up."""
    found: dict[str, float] = {}
    for each in tiers:
        for name, value in each.items():
            found[name] = found.get(name, 0.0) + value
    return found
