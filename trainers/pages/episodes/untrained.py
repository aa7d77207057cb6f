"""Why a trajectory, or a turn of it, did not train: by the rules of the trainer, from the run's own record.

Samplers choose before anything is stored, so what they dropped is told in numbers of the log only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....agents.types import Trajectory, Turn
from ....servers.pages.writing import number as short
from ....shown import percent
from ...rollouts.samplers.base import is_dead
from ...runs.series import number
from .group import Group, Member
from .tokens import forced

_ZERO = 1e-12


def of_trajectory(group: Group, member: Member) -> list[str]:
    """Return why nothing of a trajectory trained, or could not well; [] if it trained."""
    run = group.run
    if run is None:
        return []
    trajectory = member.trajectory
    counting = [one.trajectory for one in group.members if one.trajectory.counts and one.trajectory.turns]
    if not trajectory.counts:
        cause = trajectory.error or "no cause is stored"
        if trajectory.end == "operator":
            return [f"operator: somebody has taken it over, so it is nobody's success or failure: {cause}"]
        return [f"error: it ended by the machine's fault ({trajectory.end}): {cause}"]
    if not trajectory.turns:
        return ["error: it has no turn."]
    found = []
    if len(counting) < 2 and not run.asked("train", "allow_single", False):
        found.append("single: no other episode of its group counts, and there is nothing to compare it with.")
    elif is_dead(tuple(counting)):
        returns = short(trajectory.episode_return)
        found.append(f"dead group: all {len(counting)} episodes that count have the return {returns}.")
    found += _of_update(group, logged(group))
    return found


def of_turn(group: Group, turn: Turn, trajectory: Trajectory, advantage: float | None) -> list[str]:
    """Return why a turn did not train, or what its training is worth.

    Args:
        group: what it is compared with.
        turn: the turn.
        trajectory: whose it is.
        advantage: under the run's own method; None where it is not known.
    """
    if group.run is None or not trajectory.counts:
        return []
    found = []
    generation = turn.generation
    if generation.finish_reason == "filtered":
        found.append("filtered: the endpoint withheld the message.")
    if turn.malformed:
        found.append("malformed: no action was read from the message; it trains on what nonsense earned.")
    if turn.inadmissible:
        found.append("inadmissible: the environment does not offer this action here.")
    if not generation.token_ids:
        found.append("no tokens: who spoke gives none, and there is nothing to learn from.")
    elif forced(generation):
        found.append("forced: no token could have been another, so none is a target.")
    if advantage is not None and abs(advantage) <= _ZERO:
        found.append(f"no credit: its advantage under {group.own} is 0.")
    if (behind := _behind(group, turn)) > 0:
        found.append(f"stale: sampled by weights {behind} updates older than those that learned.")
    sampler = (
        trajectory.sampled_by[turn.index] if turn.index < len(trajectory.sampled_by) else trajectory.member
    )
    if sampler != trajectory.member and group.run.asked("plan", "shared", "once") == "once":
        found.append(f"shared: it is learned from once, in episode {sampler} that sampled it.")
    return found


def logged(group: Group) -> Mapping[str, Any]:
    """Return what the log says of the update that the group was played for; {} if nothing."""
    if group.run is None:
        return {}
    update = group.member.row.update
    return next((entry for entry in group.run.updates if entry.get("update") == update), {})


def _behind(group: Group, turn: Turn) -> int:
    versions = [span.version for span in turn.generation.versions]
    learned = group.member.row.update - 1  # the version that update N begins with
    return max(0, learned - min(versions)) if versions and learned >= 0 else 0


def _of_update(group: Group, entry: Mapping[str, Any]) -> list[str]:
    """Return what the log says of the whole update: tokens that were masked, a step that was not taken."""
    found = []
    masked = number(entry.get("off_policy/masked"))
    if masked:
        found.append(
            f"stale: {percent(masked)} of the update's tokens were masked as too far from the policy."
        )
    return found
