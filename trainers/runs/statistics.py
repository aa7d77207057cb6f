"""What a batch of trajectories says in numbers, under the names that users of other trainers know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...agents.evaluation.results import succeeded
from ...agents.rollout import RolloutStats
from ...agents.types import Trajectory

__all__ = ["batch_statistics", "failed_share", "rollout_statistics"]


def batch_statistics(trajectories: Sequence[Trajectory]) -> dict[str, float]:
    """Return reward, success and length of the trajectories that count, and those of each environment."""
    counting = [each for each in trajectories if each.counts]
    if not counting:
        return {}
    returns = np.array([each.episode_return for each in counting])
    lengths = [len(turn.generation.token_ids) for each in counting for turn in each.turns]
    groups: dict[str, list[float]] = {}
    for each in counting:
        groups.setdefault(each.group, []).append(each.episode_return)
    spreads = [float(np.std(values)) for values in groups.values()]
    outcomes = [each.success for each in counting if each.success is not None]
    scores = [each.score for each in counting if each.score is not None]
    numbers = {
        "reward": float(returns.mean()),
        "reward_std": float(np.mean(spreads)),
        "frac_reward_zero_std": float(np.mean([spread <= 1e-12 for spread in spreads])),
        "completions/mean_length": float(np.mean(lengths)) if lengths else 0.0,
        "turns/mean": float(np.mean([len(each.turns) for each in counting])),
    }
    if outcomes:
        numbers["success_rate"] = float(np.mean(outcomes))
    if scores:
        numbers["score"] = float(np.mean(scores))
    return numbers | _by_environment(counting)


def _by_environment(trajectories: Sequence[Trajectory]) -> dict[str, float]:
    """Return reward and success of each environment, where there are several."""
    ids = sorted({each.env_id for each in trajectories})
    if len(ids) == 1:
        return {}
    numbers = {}
    for id in ids:
        mine = [each for each in trajectories if each.env_id == id]
        numbers[f"reward/{id}"] = float(np.mean([each.episode_return for each in mine]))
        numbers[f"success_rate/{id}"] = float(np.mean([succeeded(each) for each in mine]))
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
    }


def failed_share(trajectories: Sequence[Trajectory]) -> float:
    """Return the share of trajectories that failed for the machine's reasons."""
    return sum(not each.counts for each in trajectories) / max(1, len(trajectories))
