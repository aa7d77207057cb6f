"""A training of the tiny policy that takes seconds: what it changes of the recipe `tiny`."""

from __future__ import annotations

from typing import Any

SECONDS: dict[str, Any] = {
    "train.threads": 1,
    "rollout.num_groups": 2,
    "rollout.group_size": 4,
    "eval.episodes": 4,
    "eval.every": 1,
    "policy.hidden_size": 16,
    "policy.num_layers": 1,
    "policy.num_heads": 2,
    "policy.num_kv_heads": 1,
    "policy.intermediate_size": 16,
    "log.console": False,
}
