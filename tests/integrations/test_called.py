"""An environment that is played by calls: what it answers and remembers, and what becomes of it for TRL."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from transformers.utils import get_json_schema

from turnwise import TextEnv
from turnwise.agents.prompts.config import PromptConfig
from turnwise.envs.tools import command
from turnwise.errors import EnvironmentFault, TrainingError, UsageError
from turnwise.integrations.called import OVER, Called
from turnwise.integrations.trl.environment import environment_factory, tasks
from turnwise.integrations.trl.messages import runs_of, spread, turns_of
from turnwise.integrations.trl.methods import method_of
from turnwise.integrations.trl.rollouts import columns_of, rollout_func, seed_of


class Shop(TextEnv):
    """Three things are bought, one after the other; asking for a bomb breaks it."""

    tools: ClassVar = [
        command("buy", "buy {thing}", "Buy something."),
        {"name": "ask", "description": "Ask.", "parameters": {"properties": {"words": {"type": "string"}}}},
    ]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.bought = 0
        return "An empty bag.", {"tools": self.tools, "instruction": "Fill the bag.", "won": False}

    def step(self, action):
        if "bomb" in action:
            raise RuntimeError("boom")
        known = action.startswith("buy")
        self.bought += known
        done = self.bought == 3
        info = {"won": done, "malformed": not known, "rewards": {"bought": float(known)}}
        return f"{self.bought} things.", float(done), done, False, info


class Plain(TextEnv):
    """A question without tools."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return f"Say {seed}.", {"admissible": ["3", "4"], "state_key": "asked"}

    def step(self, action):
        return "done", float(action == "3"), True, False, {"state_key": "answered"}


def test_it_is_played_by_calls_and_remembers_them() -> None:
    called = Called(Shop)
    shown = called.reset(5)
    assert "Fill the bag." in shown and "An empty bag." in shown
    assert called.call("buy", {"thing": "milk"}) == "1 things."
    assert called.call("ask", {"words": "hi"}) == "1 things."
    assert called.call("buy", {"thing": "tea\ud800"}) == "2 things."
    assert called.call("buy", {"thing": "jam"}).endswith(OVER) and called.call("buy", {}) == OVER
    played = called.trajectory(group="g", member=2)
    assert [turn.action for turn in played.turns[::2]] == ["buy milk", "buy tea?"]
    assert '"ask"' in played.turns[1].action and played.turns[1].malformed
    assert [turn.state_key for turn in played.turns] == [
        "An empty bag.",
        "1 things.",
        "1 things.",
        "2 things.",
    ]
    assert (played.end, played.success, played.episode_return, played.task_seed) == (
        "terminated",
        True,
        1.0,
        5,
    )
    called.reset(6)
    assert called.turns == [] and called.end is None


def test_what_breaks_is_no_doing_of_the_agent() -> None:
    called = Called(Shop)
    called.reset(0)
    with pytest.raises(EnvironmentFault, match="boom"):
        called.call("buy", {"thing": "bomb"})
    assert called.calls == [None] and not called.trajectory().counts
    called.reset(0)
    assert called.error is None


def test_an_environment_without_tools_has_one() -> None:
    called = Called(Plain)
    assert "Say 3." in called.reset(3) and [tool["name"] for tool in called.tools] == ["act"]
    called.call("act", {"action": "3"})
    assert (called.turns[0].state_key, called.turns[0].next_state_key, called.total) == (
        "asked",
        "answered",
        1,
    )


def test_a_message_is_read_as_its_prompt_asks() -> None:
    called = Called(Plain, prompt=PromptConfig(style="tags", explain="user"))
    assert "<action>" in called.reset(3)
    called.say("<think>3 it is</think><action>3</action>")
    (turn,) = called.turns
    assert (turn.action, turn.valid, turn.reward) == ("3", True, 1.0)
    assert turn.generation.text.startswith("<think>")
    called.reset(3)
    called.say("three")
    assert called.turns[0].malformed


def test_a_tool_is_a_method_that_is_read_back() -> None:
    tool = {
        "name": "order",
        "description": "Order\nsomething.",
        "parameters": {
            "properties": {
                "what": {"type": "string", "enum": ["tea", "jam"], "description": "the thing"},
                "names": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["what"],
        },
    }
    made = method_of(tool, lambda *given: repr(given[1:]))
    schema = get_json_schema(type("Any", (), {"order": made})().order)["function"]
    assert schema["description"] == "Order something." and schema["parameters"]["required"] == ["what"]
    assert schema["parameters"]["properties"] == {
        "what": {"type": "string", "enum": ["tea", "jam"], "description": "the thing"},
        "names": {"type": "array", "items": {"type": "integer"}, "description": "names"},
    }
    assert made(None, what="tea", self=1) == "('order', {'what': 'tea', 'self': 1})"
    with pytest.raises(UsageError, match="reset"):
        method_of({"name": "reset"}, lambda *given: "")


def message(*calls: tuple[str, Any], content: str = "") -> dict[str, Any]:
    made = [{"type": "function", "function": {"name": name, "arguments": given}} for name, given in calls]
    return {"role": "assistant", "content": content, **({"tool_calls": made} if made else {})}


def test_a_message_is_a_turn_whatever_it_calls() -> None:
    environment: Any = environment_factory(Shop)()
    environment.reset(**tasks([7])[0])
    environment.buy(thing="milk")
    environment.buy(thing="tea")
    environment.ask(words="hi")
    environment.buy(thing="jam")
    environment.buy(thing="more")
    completion = [
        message(("buy", {"thing": "milk"}), ("buy", {"thing": "tea"})),
        {"role": "tool", "name": "buy", "content": "2 things."},
        message(("sell", {}), ("buy", "no arguments"), content="what?"),
        message(("ask", {"words": "hi"})),
        message(("buy", {"thing": "jam"}), ("buy", {"thing": "more"})),
        message(content="Thank you."),
    ]
    turns = turns_of(completion, environment.called)
    states = ["An empty bag.", "2 things.", "2 things.", "2 things.", "3 things."]
    assert [turn.state_key for turn in turns] == states
    assert [turn.next_state_key for turn in turns] == [*states[1:], "3 things."]
    assert [turn.malformed for turn in turns] == [False, True, True, False, False]
    assert [turn.reward for turn in turns] == [0, 0, 0, 1, 0]
    assert turns[0].action == "buy milk\nbuy tea" and turns[0].rewards == {"bought": 2.0}
    assert [step.state_key for step in turns[0].steps] == ["An empty bag.", "1 things."] and not turns[
        3
    ].steps
    assert environment.get_reward() == 1.0
    with pytest.raises(EnvironmentFault):
        environment.reset(seed=1)
        environment.buy(thing="bomb")
    assert environment.get_reward() is None


def test_tokens_get_the_advantage_of_their_run() -> None:
    mask = np.array([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [0, 1, 1, 1, 1]], dtype=bool)
    assert runs_of(mask[0]) == [(0, 2), (3, 4)]
    assert spread(mask, [[2.0, -1.0], [5.0], [3.0]]).tolist() == [
        [2, 2, 0, -1, 0], [0, 0, 0, 0, 0], [0, 3, 3, 3, 3],
    ]  # fmt: skip
    with pytest.raises(TrainingError, match=r"spoke 2 times .* 1 turns"):
        spread(mask[:1], [[1.0]])


def test_what_cannot_be_one_sequence_is_refused() -> None:
    from turnwise.agents.rollout.config import RolloutConfig
    from turnwise.agents.types import Generation, Trajectory, Turn

    for wrong in (PromptConfig(mode="window"), PromptConfig(thoughts="drop"), PromptConfig(compact_after=4)):
        with pytest.raises(UsageError, match="one sequence"):
            rollout_func(Shop, prompt=wrong)
    with pytest.raises(UsageError, match="whole vocabulary"):
        rollout_func(Shop, config=RolloutConfig(constraint="admissible"))
    with pytest.raises(UsageError, match="seed"):
        seed_of([{"role": "user", "content": "go"}])
    assert seed_of(tasks([9], system="Be brief.")[0]["prompt"]) == 9

    def turn(index: int, prompt: tuple[int, ...], *said: int) -> Turn:
        made = Generation("", prompt_ids=prompt, token_ids=said, logprobs=(-0.5,) * len(said))
        return Turn(index, "", "", "", 0.0, "", generation=made)

    whole = Trajectory("e", "t", 0, "0", (turn(0, (1, 2), 3), turn(1, (1, 2, 3, 8, 9), 4, 5)), "terminated")
    failed = Trajectory("e", "t", 0, "0", whole.turns[:1], "error")
    columns = columns_of([whole, failed], 7)
    assert columns["prompt_ids"] == [[1, 2], [7]] and columns["completion_ids"] == [[3, 8, 9, 4, 5], [7]]
    assert columns["env_mask"] == [[1, 0, 0, 1, 1], [0]]
    assert columns["logprobs"] == [[-0.5, 0, 0, -0.5, -0.5], [0]] and columns["trajectory"][1].turns == ()
    broken = Trajectory("e", "t", 0, "0", (turn(0, (1, 2), 3), turn(1, (1, 2, 8), 4)), "terminated")
    with pytest.raises(TrainingError, match="turn 1 does not continue"):
        columns_of([broken], 7)
