"""A harness of Anthropic's dialect: it plays one episode of an environment by its tools, and trains.

    pip install anthropic

As harness.command of a recipe, turnwise starts it once for each episode. What the model answers comes
from the policy that trains, through ANTHROPIC_BASE_URL; each call of a tool is a step of the session.
"""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

from anthropic import Anthropic

URL, SESSION = os.environ["TURNWISE_URL"], os.environ["TURNWISE_SESSION"]


def call(path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Make a call of the session."""
    content = None if body is None else json.dumps(body).encode()
    head = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(URL + path, content, head), timeout=120) as answer:
        return dict(json.load(answer))


def main() -> None:
    """Play until the environment says that it is over."""
    client = Anthropic()
    last = call(f"/v1/sessions/{SESSION}")["last"]
    functions = [tool.get("function", tool) for tool in last["info"].get("tools") or []]
    tools: list[Any] = [
        {"name": tool["name"], "description": tool.get("description", ""), "input_schema": tool["parameters"]}
        for tool in functions
    ]
    talk: list[Any] = [{"role": "user", "content": last["observation"]}]
    while not (last["terminated"] or last["truncated"]):
        with client.messages.stream(model="turnwise", max_tokens=256, messages=talk, tools=tools) as stream:
            said = stream.get_final_message()
        talk.append({"role": "assistant", "content": [block.model_dump() for block in said.content]})
        calls = [block for block in said.content if block.type == "tool_use"]
        texts = "".join(block.text for block in said.content if block.type == "text")
        action = json.dumps({"name": calls[0].name, "arguments": calls[0].input}) if calls else texts
        step = {"episode": 0, "turn": last["turn"], "action": action}
        last = call(f"/v1/sessions/{SESSION}/step", step)
        results = [
            {"type": "tool_result", "tool_use_id": each.id, "content": last["observation"]} for each in calls
        ]
        talk.append({"role": "user", "content": results or last["observation"]})


if __name__ == "__main__":
    main()
