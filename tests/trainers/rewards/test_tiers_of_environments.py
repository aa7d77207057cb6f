"""Environments give all their tiers after every action: no column is missing where nothing happened."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

import turnwise
from turnwise.agents.policies.script import ScriptedPolicy
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.agents.types import Trajectory
from turnwise.servers.client import connect
from turnwise.trainers import rewards
from turnwise.trainers.credit import TurnTable

KINDS = {
    "household/demo-v0": ["nonsense", "look", "inventory"],
    "shopping/generated-v0": ["nonsense", "search[mug]", "click[back to search]"],
    "search/generated-v1": ["nonsense", "<search>mug</search>", "<answer>mug</answer>"],
    "calling/office-v1": [
        "nonsense",
        '<tool_call>{"name": "list_events", "arguments": {"date": "2031-03-03"}}</tool_call>',
        "<answer>mug</answer>",
    ],
}


@pytest.mark.parametrize("name", KINDS)
def test_every_reply_has_every_tier(name: str) -> None:
    kwargs = {"num_products": 60} if name.startswith("shopping") else {}
    with turnwise.make(name, **kwargs) as env:
        env.reset(seed=3)
        tiers = [env.step(action)[-1]["rewards"] for action in KINDS[name]]
    assert len(tiers[0]) >= 4
    assert [each.keys() for each in tiers] == [tiers[0].keys()] * len(tiers)
    assert not any(value for tier, value in tiers[0].items() if tier != "error")  # nonsense earns nothing


def played(messages: Sequence[str]) -> tuple[Trajectory, ...]:
    async def play() -> tuple[Trajectory, ...]:
        client = connect("local:")
        try:
            tasks = [TaskItem("search/generated-v1", {"split": "train"}, seed=3, group="g") for _ in range(2)]
            policy, config = ScriptedPolicy(list(messages), cycle=True), RolloutConfig(max_turns=4)
            return (await rollout(client, policy, tasks, config, prompt=PromptConfig())).trajectories
        finally:
            await client.aclose()

    return asyncio.run(play())


def test_otc_takes_a_batch_in_which_nobody_searched() -> None:
    table = TurnTable.from_trajectories(played(["<answer>mug</answer>"]))
    scaled = rewards.get("otc")(table.with_columns(success=[True, False]).with_rewards(table.reward + 1.0))
    assert scaled.reward.tolist() == [
        1.0,
        1.0,
    ]  # no call at all: cos 0 for the one, nothing changed for the other
