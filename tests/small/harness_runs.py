"""Two updates through the gateway with a harness of others, and what has to be true of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from architectures import write_model

from turnwise.agents.decoding.local import LocalPolicy
from turnwise.agents.trajectories import read_trajectories, trajectory_path
from turnwise.agents.types import Generation, GenerationRequest, Trajectory
from turnwise.trainers.credit import TurnTable, get
from turnwise.trainers.recipe import load
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train

POLICIES = ("tiny", "transformers")
_TINY = {
    "policy.vocab_size": 300,
    "policy.hidden_size": 32,
    "policy.num_layers": 1,
    "policy.num_heads": 2,
    "policy.num_kv_heads": 1,
    "policy.intermediate_size": 32,
    "policy.context_tokens": 4096,
}


@contextmanager
def sampled(monkeypatch: Any) -> Iterator[list[Generation]]:
    """Give the list of all that the policy samples, as it leaves it."""
    kept: list[Generation] = []
    generate = LocalPolicy.generate

    async def noting(self: LocalPolicy, request: GenerationRequest) -> Generation:
        generation = await generate(self, request)
        kept.append(generation)
        return generation

    with monkeypatch.context() as patch:
        patch.setattr(LocalPolicy, "generate", noting)
        yield kept


def train_twice(kind: str, folder: Path, env_id: str, command: str, monkeypatch: Any, **more: Any) -> None:
    """Train two updates of one group of four, and check tokens, ratio, rewards and credit."""
    changes: dict[str, Any] = {
        "env.id": env_id,
        "policy.kind": kind,
        "warmstart.teacher": "none",
        "rollout.num_groups": 1,
        "rollout.group_size": 4,
        "rollout.max_turns": 12,
        "rollout.max_tokens": 64,
        "rollout.max_episode_tokens": 4096,
        "rollout.constraint": "admissible",
        "rollout.retries": 0,
        "credit.name": "gigpo",
        "optim.num_minibatches": 1,
        "optim.learning_rate": 1e-3,
        "train.num_updates": 2,
        "eval.episodes": 0,
        "log.console": False,
        "log.trajectories": "all",
        "harness.command": command,
        "harness.workers": 2,
        "harness.timeout_s": 120,
        **more,
    }
    if kind == "tiny":
        changes |= _TINY
    else:
        changes["policy.checkpoint"] = str(write_model("Qwen2", folder / "model"))
    with sampled(monkeypatch) as said:
        train(load("tiny", changes), folder / "run")
    updates = [entry for entry in read_log(folder / "run") if entry["kind"] == "update"]
    assert len(updates) == 2 and updates[0]["mismatch_max"] < 1e-5
    paths = [trajectory_path(folder / "run", update) for update in (1, 2)]
    check(said, [one for path in paths for one in read_trajectories(path)])


def check(said: list[Generation], played: list[Trajectory]) -> None:
    """Check that tokens are those that were sampled, that rewards vary inside a group, and the credit."""
    turns = [turn.generation for one in played for turn in one.turns]
    tokens = {(each.prompt_ids, each.token_ids, each.logprobs) for each in said}
    assert turns and all((each.prompt_ids, each.token_ids, each.logprobs) in tokens for each in turns)
    assert len(turns) == len(said), "no call was left out"
    for one in played:
        for before, after in zip(one.turns, one.turns[1:], strict=False):
            known = before.generation.prompt_ids + before.generation.token_ids
            assert after.generation.prompt_ids[: len(known)] == known, "what was said was tokenised again"
    assert len({(one.group, one.episode_return) for one in played}) > len({one.group for one in played})
    credit = get("gigpo")(TurnTable.from_trajectories(played))
    sizes = np.bincount(credit.parts["step_group"].astype(int))
    assert sizes.max() > 1, "no state was met twice"
    assert np.abs(credit.parts["step_advantage"]).max() > 0
