"""A run that is over within seconds."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

Turnwise = Callable[..., "subprocess.Popen[str]"]
SMALL = {
    "train.num_updates": 2, "train.save_every": 1, "rollout.num_groups": 2, "rollout.group_size": 3,
    "rollout.max_turns": 8, "eval.episodes": 0, "log.trajectories": "all",
}  # fmt: skip
