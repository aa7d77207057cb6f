"""Agents: policies, prompts, action parsing, rollout, trajectories, evaluation."""

from __future__ import annotations

from .evaluation.evaluate import Evaluation, evaluate
from .policies.by_name import make_policy
from .prompts.config import PromptConfig
from .prompts.parse import parse_action
from .rollout.rollout import RolloutConfig, RolloutResult, RolloutStats, TaskItem, rollout
from .trajectories import read_trajectories, trajectory_path, write_trajectories
from .types import Generation, GenerationRequest, Message, Policy, TokenPolicy, Trajectory, Turn

__all__ = [
    "Evaluation",
    "Generation",
    "GenerationRequest",
    "Message",
    "Policy",
    "PromptConfig",
    "RolloutConfig",
    "RolloutResult",
    "RolloutStats",
    "TaskItem",
    "TokenPolicy",
    "Trajectory",
    "Turn",
    "evaluate",
    "make_policy",
    "parse_action",
    "read_trajectories",
    "rollout",
    "trajectory_path",
    "write_trajectories",
]
