"""The columns that trajectories give to a turn table."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any

from ....ends import FAULTS
from ....errors import TableError
from .checks import RESERVED
from .rows import SUCCESS_IS_TOLD


def columns_of(trajectories: Iterable[Any], taken: Collection[str] = ()) -> dict[str, Any]:
    """Return the columns of trajectories, one value a turn in order, as `TurnTable.from_columns` takes them.

    There is a column success only if every trajectory that counts says whether it was won;
    else a column success_is_told tells which do.
    Where the policy reports them, logprob and entropy are the sums over the turn's sampled tokens. In a tree
    sampled_by is the member of the group that sampled the turn.

    Args:
        trajectories: of turnwise.agents.types, or anything of that shape.
        taken: names of further columns, which no tier and no note may bear.

    Raises:
        TableError: if a tier or a note bears the name of a column.
    """
    pairs = [
        (place, trajectory, turn)
        for place, trajectory in enumerate(trajectories)
        for turn in trajectory.turns
    ]
    turns = [turn for _, _, turn in pairs]
    columns: dict[str, Any] = {
        "reward": [turn.reward for turn in turns],
        "state_key": [turn.state_key for turn in turns],
        "next_state_key": [turn.next_state_key for turn in turns],
        "action": [turn.action for turn in turns],
        "malformed": [turn.malformed for turn in turns],
        "inadmissible": [turn.inadmissible for turn in turns],
        "agent": [turn.agent for turn in turns],
        "num_tokens": [len(turn.generation.token_ids) for turn in turns],
        "end": [trajectory.end for _, trajectory, _ in pairs],
        "env_id": [getattr(trajectory, "env_id", "") for _, trajectory, _ in pairs],
        "task_seed": [getattr(trajectory, "task_seed", 0) for _, trajectory, _ in pairs],
    }
    columns |= _sampling(pairs)
    told = [trajectory.success is not None or trajectory.end in FAULTS for _, trajectory, _ in pairs]
    if all(told):
        columns["success"] = [bool(trajectory.success) for _, trajectory, _ in pairs]
    else:
        columns[SUCCESS_IS_TOLD] = told
    if any(getattr(turn, "switch", None) is not None for turn in turns):
        columns["switch"] = [bool(turn.switch) for turn in turns]
        columns["subgoal"] = [turn.subgoal for turn in turns]
    for tier in sorted({tier for turn in turns for tier in turn.rewards}):
        if tier in columns or tier in taken or tier in RESERVED:
            raise TableError(f"reward tier {tier!r} bears the name of a column: rename the tier")
        columns[tier] = [turn.rewards.get(tier, 0.0) for turn in turns]
    notes = [getattr(turn, "notes", {}) for turn in turns]
    for name in sorted({name for note in notes for name in note}):
        if name in columns or name in taken or name in RESERVED:
            raise TableError(f"note {name!r} bears the name of a column: let the annotator rename it")
        columns[name] = [note.get(name, math.nan) for note in notes]
    columns["group"] = [trajectory.group for _, trajectory, _ in pairs]
    columns["trajectory"] = [place for place, _, _ in pairs]
    return columns


def _sampling(pairs: list[tuple[int, Any, Any]]) -> dict[str, Any]:
    """Return what the policy says of its messages, and whose they are where branches share them."""
    columns: dict[str, Any] = {}
    for name, field in (("logprob", "logprobs"), ("entropy", "entropy")):
        given = [getattr(turn.generation, field, ()) for _, _, turn in pairs]
        if any(given):
            columns[name] = [
                sum(values) if len(values) == len(turn.generation.token_ids) else math.nan
                for values, (_, _, turn) in zip(given, pairs, strict=True)
            ]
    apart = {place: trajectory for place, trajectory, _ in pairs}.values()
    if any(getattr(trajectory, "sampled_by", ()) for trajectory in apart):
        members = (t.sampled_by or (t.member,) * len(t.turns) for t in apart)
        columns["sampled_by"] = [member for sampled in members for member in sampled]
    return columns
