"""A session behind an episode: a step is for the call before it, and its reward and keys are the turn's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COUNTER = '''
from turnwise import TextEnv


class Counter(TextEnv):
    """Counts what is added; ends at four."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.sum = 0
        return self._show()

    def step(self, action):
        self.sum += int(action)
        text, info = self._show()
        return text, float(action), self.sum >= 4, False, {**info, "rewards": {"tidy": 1.0}, "won": True}

    def _show(self):
        private = {"private": {"gold": "a secret"}}
        return f"it is {self.sum}", {"state_key": f"s{self.sum}", "instruction": "count", **private}
'''


@pytest.fixture
def counter(tmp_path: Path) -> str:
    file = tmp_path / "counter.py"
    file.write_text(COUNTER)
    return f"{file}:Counter"


def test_steps_rewards_and_keys_are_those_of_the_turn_before(
    with_gateway: Callable[..., Any], letters: Any, counter: str
) -> None:
    async def play(client: Any) -> Any:
        opened = await client.open(env_id=counter, seed=3, group="g", member=1)
        path = f"v1/sessions/{opened['session']}"
        last = (await client.http.get(f"{client.url}/{path}")).json()["last"]
        assert (last["observation"], opened["instruction"]) == ("it is 0", "count")
        assert opened["observation"] == "it is 0"
        assert "secret" not in str(last)
        talk = [{"role": "user", "content": last["observation"]}]
        for number, actions in enumerate((["1", "2"], [], ["3"])):
            said = await client.chat(talk)
            for action in actions:
                step = {"episode": 0, "turn": last["turn"], "action": action}
                last = await client.post(f"{path}/step", step)
                assert await client.post(f"{path}/step", step) == last  # asked for twice, taken once
            talk = [*talk, {"role": "assistant", **said}, {"role": "user", "content": f"{number}"}]
        await client.chat(talk)  # the environment is over: a call that comes now is not a turn
        await client.post("reward", {"final": True, "reward": 9}, 409)
        await client.post("v1/sessions/another/step", {"episode": 0, "turn": 0, "action": "1"}, 404)
        ended = await client.http.request("DELETE", client.url)
        return ended.json(), client.ended

    told, (found,) = with_gateway(letters(), play, sessions=True)
    assert (told["end"], told["return"], told["success"]) == ("terminated", 6.0, True)
    assert [(turn.state_key, turn.next_state_key) for turn in found.turns] == [
        ("s0", "s3"),
        ("s3", "s3"),
        ("s3", "s6"),
    ]
    assert [(turn.reward, turn.rewards) for turn in found.turns] == [
        (3.0, {"tidy": 2.0}),
        (0.0, {}),
        (3.0, {"tidy": 1.0}),
    ]
    assert [turn.action for turn in found.turns][::2] == ["1\n2", "3"]
    assert [step.state_key for step in found.turns[0].steps] == ["s0", "s1"] and found.turns[2].steps == ()
    assert (found.group, found.member, found.metrics["side_calls"]) == ("g", 1, 1.0)


def test_a_session_that_there_is_already_is_left_open(
    with_gateway: Callable[..., Any], letters: Any, counter: str
) -> None:
    from turnwise.servers.protocol.types import CreateItem

    async def play(client: Any) -> Any:
        (reply,) = await client.gateway.client.create([CreateItem(counter)], request_id="r")
        await client.open(session=reply.id)
        await client.post(f"v1/sessions/{reply.id}/step", {"episode": 0, "turn": 0, "action": "1"})
        await client.http.request("DELETE", client.url)
        left = (await client.gateway.client.describe(reply.id))["last"]
        await client.gateway.client.close([reply.id])
        missing = await client.http.post("/episodes", json={"session": "no-such"})
        return left["observation"], missing.status_code

    assert with_gateway(letters(), play, sessions=True) == ("it is 1", 404)
