"""What an evaluation plays by default: long episodes, asked as the policy was trained to be."""

from __future__ import annotations

from ..rollout.config import RolloutConfig

EVALUATION = RolloutConfig(
    max_turns=50,
    max_tokens=None,
    max_episode_tokens=32_768,
    deadline_s=1800.0,
    constraint=None,
    slots=32,
)
SPLITS = ("all", "train", "seen", "unseen", "test")
"""What a split is called, whatever the environment (see docs/environments.md)."""
KEEP_MB = 4096.0
"""Megabytes of its trajectories that an evaluation keeps, packed; a megabyte is 10^6 bytes."""
