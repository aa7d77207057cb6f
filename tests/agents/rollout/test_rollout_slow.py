"""A slow environment in a rollout holds up none of the others."""

from __future__ import annotations

import asyncio

import pytest

from turnwise.agents.policies.random import RandomPolicy
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.servers.client import SessionClient
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.sessions.service import Service

WORLD = """
import time
from pathlib import Path
from turnwise import TextEnv

class Barred(TextEnv):
    def __init__(self, bar, closed):
        self.bar, self.closed = Path(bar), closed

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.turns = 0
        return "begin", {"admissible": ["go"]}

    def step(self, action):
        while self.closed and not (self.bar / "open").exists():
            time.sleep(0.01)
        self.turns += 1
        return f"turn {self.turns}", 0.0, self.turns == 3, False, {"admissible": ["go"]}
"""


@pytest.mark.parametrize("num_fast", [1, 7])
def test_fast_episodes_end_while_a_slow_one_runs(tmp_path, num_fast):
    file = tmp_path / "barred.py"
    file.write_text(WORLD)
    env_id = f"{file}:Barred"
    slow = TaskItem(env_id, {"bar": str(tmp_path), "closed": True}, seed=0)
    fast = [TaskItem(env_id, {"bar": str(tmp_path), "closed": False}, seed=1 + n) for n in range(num_fast)]
    config = RolloutConfig(max_turns=50, deterministic=False)
    ended = []

    def note(place, trajectory):
        assert trajectory.end == "terminated", trajectory.error
        ended.append(place)
        if len(ended) == num_fast:
            (tmp_path / "open").touch()  # not before all the fast ones have ended

    async def run() -> None:
        service = Service(Catalogue(trusted=True, isolation={"*": "thread"}))
        try:
            client = SessionClient(LocalTransport(service))
            await rollout(client, RandomPolicy(), [slow, *fast], config, note)
        finally:
            (tmp_path / "open").touch()
            await service.aclose()

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await run()

    asyncio.run(bounded())
    assert ended[-1] == 0
    assert sorted(ended) == list(range(num_fast + 1))
