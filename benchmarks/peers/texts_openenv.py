"""Texts in OpenEnv: calls read by its OpenAIClient, and arguments of its MCP tools."""

from __future__ import annotations

from typing import Any

import endpoint
from endpoints_openenv import ask
from fastmcp import FastMCP
from faults import Found, main
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction
from openenv.core.env_server.types import Observation, State
from openenv.core.llm_client import LLMResponse

NO_PROMPTS = "it makes no prompts in tokens and reads no text of models: that is the trainer's"


def arguments() -> Found:
    found = Found("core.llm_client.OpenAIClient.complete_with_tools")
    for name, text in (
        ("as text", '{"action": "go"}'),
        ("as text, cut off", '{"action": "g'),
        ("one brace too many", '{"action": "go"}}'),
    ):
        call = {"id": "a", "type": "function", "function": {"name": "act", "arguments": text}}
        document = endpoint.answer(None, "tool_calls", tool_calls=[call])
        with endpoint.served(endpoint.then_good(document)) as place:
            (said,) = ask(place.url)
        if isinstance(said, LLMResponse):
            found.add(name, [each.args for each in said.tool_calls] == [{"action": "go"}], said.tool_calls)
        else:
            found.add(name, name != "as text", f"raises {type(said).__name__}")
    found.note = "what it refuses it raises, the text and other calls of the same answer with it"
    return found


class Clock(MCPEnvironment):  # type: ignore[misc]
    """An environment in OpenEnv's manner: tools behind step()."""

    def __init__(self) -> None:
        server = FastMCP("clock")

        @server.tool  # type: ignore[untyped-decorator]
        def wait(minutes: int) -> str:
            """Wait."""
            return repr(minutes)

        super().__init__(server)

    def reset(self, seed: int | None = None, episode_id: str | None = None, **more: Any) -> Observation:
        return Observation()

    def _step_impl(self, action: Any, **more: Any) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return State()


def whole_numbers() -> Found:
    found = Found("core.env_server.MCPEnvironment.step(CallToolAction)")
    env = Clock()
    for value in (30, 30.0, "30"):
        seen: Any = env.step(CallToolAction(tool_name="wait", arguments={"minutes": value}))
        came = seen.error or getattr(seen.result, "data", seen.result)
        found.add(repr(value), value == "30" or str(came) == "30", came)
    return found


if __name__ == "__main__":
    main(
        "texts",
        "openenv",
        {
            "control tokens in an observation": NO_PROMPTS,
            "actions in an opened thought": NO_PROMPTS,
            "tags in a thought": NO_PROMPTS,
            "arguments of calls": arguments,
            "30.0 for an integer": whole_numbers,
            "kinds of tokenizers and templates": NO_PROMPTS,
            "the dummy text": NO_PROMPTS,
            "escapes on a terminal": "nothing of it prints observations on a terminal (read)",
        },
    )
