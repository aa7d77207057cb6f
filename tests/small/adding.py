"""An environment that adds by calls, and a policy that says what it was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from turnwise import TextEnv
from turnwise.agents.policies import Policy
from turnwise.agents.types import Generation, GenerationRequest
from turnwise.envs.tools import command

ADDING = f"{__file__}:Adding"
ADD = '<tool_call>{"name": "add", "arguments": {"number": "%d"}}</tool_call>'
STOP = '<tool_call>{"name": "stop", "arguments": {}}</tool_call>'


class Adding(TextEnv):
    """An environment that adds numbers, and shows the sum also after nonsense."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        self.total, self.turns = 0, 0
        tools = [command("add", "add {number}", "add it"), command("stop", "stop", "end")]
        return "The sum is 0.", {**self._info(), "tools": tools, "instruction": "Add."}

    def step(self, action: str):
        self.turns += 1
        word, _, number = action.partition(" ")
        if word == "add":
            self.total += int(number)
        reward = 0.25 * int(number) if word == "add" else 0.0
        info = {**self._info(), "rewards": {"calls": 1.0, **({"added": 1.0} if reward else {})}}
        return f"The sum is {self.total}.", reward, word == "stop", self.turns >= 9, info

    def _info(self) -> dict[str, Any]:
        return {"state_key": str(self.total), "admissible": ["add 1", "add 2", "add 3", "stop"]}


class Saying(Policy):
    """A policy that says what it was given, and notes what it is shown."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts, self.requests = list(texts), list[GenerationRequest]()

    async def generate(self, request: GenerationRequest) -> Generation:
        self.requests.append(request)
        return Generation(self.texts[request.turn])
