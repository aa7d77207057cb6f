"""What a batch of trajectories says in numbers, under the names that users of other trainers know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...agents.rollout import RolloutStats
from ...agents.types import Trajectory
from ...ends import MACHINE


def batch_statistics(trajectories: Sequence[Trajectory]) -> dict[str, float | None]:
    """Return reward, success and length of the trajectories that count, and those of each environment.

    success_rate is over the trajectories of which the environment said whether they were
    won, None without any; coverage is their share of all that were played.
    """
    counting = [trajectory for trajectory in trajectories if trajectory.counts]
    if not counting:
        return {}
    returns = np.array([trajectory.episode_return for trajectory in counting])
    lengths = [len(turn.generation.token_ids) for trajectory in counting for turn in trajectory.turns]
    groups: dict[str, list[float]] = {}
    for trajectory in counting:
        groups.setdefault(trajectory.group, []).append(trajectory.episode_return)
    spreads = [float(np.std(values)) for values in groups.values()]
    scores = [trajectory.score for trajectory in counting if trajectory.score is not None]
    numbers: dict[str, float | None] = {
        "reward": float(returns.mean()),
        "reward_std": float(np.mean(spreads)),
        "frac_reward_zero_std": float(np.mean([spread <= 1e-12 for spread in spreads])),
        "completions/mean_length": float(np.mean(lengths)) if lengths else 0.0,
        "turns/mean": float(np.mean([len(trajectory.turns) for trajectory in counting])),
        "success_rate": _success_rate(counting),
        "coverage": sum(trajectory.success is not None for trajectory in counting) / len(trajectories),
    }
    if scores:
        numbers["score"] = float(np.mean(scores))
    return numbers | _masked(counting) | _metrics(counting) | _by_environment(counting)


def _masked(trajectories: Sequence[Trajectory]) -> dict[str, float | None]:
    """Return what the mask policy did: means over the tokens drawn under it, and its age, over messages.

    mask/hidden is the share of the tokens in question that were masked, mask/mass the probability that the
    policy gave these, mask/forbids how often its own likeliest token was among them, mask/age how many
    updates the mask policy lies behind the one that sampled.
    """
    said = [turn.generation for trajectory in trajectories for turn in trajectory.own_turns]
    masks = [(each, each.masked) for each in said if each.masked is not None]
    if not masks:
        return {}
    steps = max(1, sum(mask.steps for _, mask in masks))
    ages = [span.version - mask.version for each, mask in masks for span in each.versions]
    return {
        "mask/hidden": sum(mask.hidden for _, mask in masks) / steps,
        "mask/mass": sum(mask.mass for _, mask in masks) / steps,
        "mask/forbids": sum(mask.forbids for _, mask in masks) / steps,
        "mask/age": float(np.mean(ages)),
    }


def _success_rate(trajectories: Sequence[Trajectory]) -> float | None:
    outcomes = [trajectory.success for trajectory in trajectories if trajectory.success is not None]
    return float(np.mean(outcomes)) if outcomes else None


def _metrics(trajectories: Sequence[Trajectory]) -> dict[str, float | None]:
    """Return the mean of each further figure, over the trajectories that have it."""
    values: dict[str, list[float]] = {}
    for trajectory in trajectories:
        for name, value in trajectory.metrics.items():
            values.setdefault(f"metrics/{name}", []).append(value)
    return {name: float(np.mean(values[name])) for name in sorted(values)}


def _by_environment(trajectories: Sequence[Trajectory]) -> dict[str, float | None]:
    """Return reward and success of each environment, where there are several."""
    ids = sorted({trajectory.env_id for trajectory in trajectories})
    if len(ids) == 1:
        return {}
    numbers: dict[str, float | None] = {}
    for id in ids:
        mine = [trajectory for trajectory in trajectories if trajectory.env_id == id]
        numbers[f"reward/{id}"] = float(np.mean([trajectory.episode_return for trajectory in mine]))
        numbers[f"success_rate/{id}"] = _success_rate(mine)
    return numbers


def rollout_statistics(stats: RolloutStats) -> dict[str, float]:
    """Return counts, rates and times of a rollout."""
    return {
        "rollout/episodes": float(stats.episodes),
        "rollout/turns": float(stats.turns),
        "rollout/tokens": float(stats.tokens),
        "rollout/errors": float(stats.errors + stats.deadlines),
        "rollout/truncated": stats.truncated / max(1, stats.episodes),
        "rollout/retries": float(stats.retries),
        "rollout/malformed": stats.malformed_rate,
        "rollout/inadmissible": stats.inadmissible_rate,
        "rollout/tokens_per_s": stats.tokens_per_s,
        "time/rollout": stats.seconds,
        "time/environment": stats.environment_s,
        "time/policy": stats.policy_s,
        **({"rollout/operated": float(stats.operated)} if stats.operated else {}),
    }


def failed_share(trajectories: Sequence[Trajectory]) -> float:
    """Return the share of trajectories that failed for the machine's reasons."""
    return sum(trajectory.end in MACHINE for trajectory in trajectories) / max(1, len(trajectories))


def staleness(trajectories: Sequence[Trajectory], version: int, most: int = 0) -> dict[str, float]:
    """Return how many versions behind the learner what was sampled is.

    Args:
        trajectories: of an update.
        version: of the learner.
        most: how far behind a token may be that is learned from; 0: nothing is played ahead, and the mean
            over turns is all there is to say.

    Returns:
        the mean; with `most` also the share of tokens by how far behind they are, and of those that are
        further, which are masked.
    """
    spans = [
        span for trajectory in trajectories for turn in trajectory.turns for span in turn.generation.versions
    ]
    behind = np.array([version - span.version for span in spans], dtype=np.int64)
    figures = {"staleness": float(behind.mean()) if spans else 0.0}
    if not most or not spans:
        return figures
    length = np.array([span.end - span.start for span in spans], dtype=np.float64)
    share = length / max(1.0, length.sum())
    figures |= {f"staleness/{age}": float(share[behind == age].sum()) for age in range(most + 1)}
    return figures | {"staleness/masked": float(share[behind > most].sum())}
