"""A chat as verifiers' harness, in verifiers' own process: nothing is installed and nothing executes code.

The harnesses that ship with verifiers run a program of their own in a runtime and install it by uv.
This one says the same over the same endpoint, with the tools of the task's MCP servers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import verifiers.v1 as vf
from openai import AsyncOpenAI
from verifiers.v1.dialects.chat import message_to_wire
from verifiers.v1.harnesses.utils.mcp import call_mcp, connect_mcp

MAX_ROUNDS = 1000


class TurnwiseHarnessConfig(vf.HarnessConfig):
    """The settings of the chat; it has none of its own."""


class TurnwiseHarness(vf.Harness[TurnwiseHarnessConfig]):
    """A chat that goes on until a message makes no call."""

    APPENDS_SYSTEM_PROMPT = SUPPORTS_MCP = SUPPORTS_RESUME = True
    EXECUTES_CODE = NEEDS_CONTAINER = False

    async def launch(
        self,
        ctx: Any,
        trace: Any,
        runtime: Any,
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],
        data: Any,
        tool_interception_url: str | None = None,
    ) -> Any:
        """Talk until the model makes no call."""
        system, prompt = self.resolve_prompt(data)
        messages = _messages(system, prompt)
        servers = {name: {"url": url, "timeout": self.config.tool_timeout} for name, url in mcp_urls.items()}
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(AsyncOpenAI(base_url=endpoint, api_key=secret))
            tools, *reach = await connect_mcp({"mcpServers": servers}, stack)
            for _ in range(MAX_ROUNDS):
                message = await _answer(client, ctx.model, messages, tools)
                messages.append(message)
                if not message.get("tool_calls"):
                    break
                for call in message["tool_calls"]:
                    messages.append(await _called(call, *reach))
        return vf.ProgramResult(exit_code=0, stdout="", stderr="")


def _messages(system: str | None, prompt: Any) -> list[dict[str, Any]]:
    begun = [{"role": "system", "content": system}] if system else []
    if isinstance(prompt, str):
        return [*begun, {"role": "user", "content": prompt}]
    return [*begun, *(message_to_wire(message) for message in prompt or ())]


async def _answer(
    client: AsyncOpenAI, model: str, messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    asked: Any = {"model": model, "messages": messages, **({"tools": tools} if tools else {})}
    answer = await client.chat.completions.create(**asked)
    message: dict[str, Any] = answer.choices[0].message.model_dump(exclude_none=True)
    return {"content": "", **message}


async def _called(call: dict[str, Any], dispatch: Any, servers: Any) -> dict[str, Any]:
    """Make one call; what is wrong with it is told to the model."""
    function = call["function"]
    try:
        arguments = json.loads(function["arguments"] or "{}")
        if function["name"] not in dispatch:
            raise ValueError(f"there is no tool {function['name']!r}")
        if not isinstance(arguments, dict):
            raise ValueError("arguments are not a JSON object")
        said = await call_mcp(servers, dispatch, function["name"], arguments)
    except ValueError as error:
        said = f"error: {error}"
    return {"role": "tool", "tool_call_id": call["id"], "content": said, "name": function["name"]}
