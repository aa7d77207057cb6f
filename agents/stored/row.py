"""What the index holds of a trajectory: a row of numbers and names, and a bounded text to search in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from ..causes import cause_of
from ..types import Trajectory

MAX_TEXT_CHARS = 4000
"""Of all that is searched in one trajectory."""
_MAX_PIECE_CHARS = 400
_MAX_NAME_CHARS = 300
_UPDATE = re.compile(r"update-(\d{1,9})\.")


@dataclass(frozen=True, slots=True)
class Row:
    """One stored trajectory, summarised; `file`, `offset` and `line` say where it is.

    Args:
        file: its name in the folder of trajectories.
        offset: where its gzip member begins, in bytes.
        line: its number in the member.
        update: of a training run, by the name of the file; -1 in an evaluation.
        episode_return: the undiscounted sum of rewards.
        tokens: generated.
        cost: US dollars, where an endpoint bills.
    """

    file: str
    offset: int
    line: int
    update: int
    env: str
    task: str
    seed: int
    group: str
    member: int
    success: bool | None
    score: float | None
    episode_return: float | None
    turns: int
    end: str
    cause: str
    error: str
    tokens: int
    prompt_tokens: int
    cost: float | None
    seconds: float | None
    malformed: int
    inadmissible: int
    session: str


NAMES = tuple(field.name for field in fields(Row))


def row_of(trajectory: Trajectory, file: str, offset: int, line: int) -> Row:
    """Summarise a trajectory.

    Raises:
        TypeError, ValueError, AttributeError: if a stored field is of another kind.
    """
    turns = trajectory.turns
    found = _UPDATE.match(file)
    score, success = trajectory.score, trajectory.success
    return Row(
        file=file,
        offset=offset,
        line=line,
        update=int(found[1]) if found else -1,
        env=_name(trajectory.env_id),
        task=_name(trajectory.task),
        seed=_whole(trajectory.task_seed),
        group=_name(trajectory.group),
        member=_whole(trajectory.member),
        success=bool(success) if success is not None and trajectory.counts else None,
        score=None if score is None else float(score),
        episode_return=float(trajectory.episode_return),
        turns=len(turns),
        end=trajectory.end,
        cause=cause_of(trajectory),
        error=_name(trajectory.error or ""),
        tokens=sum(turn.generation.num_tokens for turn in turns),
        prompt_tokens=sum(turn.generation.num_prompt_tokens for turn in turns),
        cost=float(sum(turn.generation.usage.get("cost", 0.0) for turn in turns)),
        seconds=float(trajectory.seconds),
        malformed=sum(bool(turn.malformed) for turn in turns),
        inadmissible=sum(bool(turn.inadmissible) for turn in turns),
        session=_name(trajectory.session),
    )


def text_of(trajectory: Trajectory) -> str:
    """Return what is searched: task, instruction and error, what was done, then what was seen and said."""
    kept: list[str] = []
    left = MAX_TEXT_CHARS
    for piece in dict.fromkeys(_clean(piece[:_MAX_PIECE_CHARS]) for piece in _pieces(trajectory) if piece):
        if left <= len(piece):
            break
        kept.append(piece)
        left -= len(piece) + 1
    return "\n".join(kept)


def _pieces(trajectory: Trajectory) -> Iterator[str]:
    turns = trajectory.turns
    yield from (trajectory.task, trajectory.instruction, trajectory.error or "", trajectory.final_observation)
    yield from _texts(turn.action for turn in turns)
    yield from _texts(turn.observation for turn in turns)
    yield from _texts(turn.generation.text for turn in turns)


def _texts(values: Iterable[object]) -> Iterator[str]:
    return (value for value in values if isinstance(value, str))


def _name(text: str) -> str:
    return _clean(text[:_MAX_NAME_CHARS])


def _clean(text: str) -> str:
    """Return a text that a database takes: without lone surrogates, without zero bytes."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")


def _whole(number: int) -> int:
    """Return a number that fits into 64 bits with its sign; a larger one is not a seed of ours."""
    if not -(2**63) <= int(number) < 2**63:
        raise ValueError(f"{number} does not fit into 64 bits")
    return int(number)
