"""A model behind a chat endpoint calls an environment's functions, two of them in one message.

    python docs/examples/native_calls.py

The environment describes its commands in info["tools"] and reads words: it plays as text just as well. The
endpoint is a stand-in on this machine; a real one takes its place by its URL and the model's name.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import turnwise
from turnwise.agents.prompts import PromptConfig
from turnwise.envs.tools import command

TOOLS = [
    command("open", "open {drawer}", "look into a drawer"),
    command("answer", "answer {sum}", "say what the numbers in the drawers come to; this ends the task"),
]


class Drawers(turnwise.TextEnv):
    """Two drawers with a number each, whose sum is asked for."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.numbers = {"left": int(self.np_random.integers(50)), "right": int(self.np_random.integers(50))}
        return "There are two drawers: left and right.", {"instruction": "Add them up.", "tools": TOOLS}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        word, _, given = action.partition(" ")
        if word == "open" and given in self.numbers:
            return f"It holds {self.numbers[given]}.", 0.0, False, False, {}
        won = action == f"answer {sum(self.numbers.values())}"
        return "", float(won), word == "answer", False, {"won": won}


class Model(BaseHTTPRequestHandler):
    """A stand-in for a model: it opens both drawers at once, then adds what it was told."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert [tool["function"]["name"] for tool in asked["tools"]] == ["open", "answer"]
        told = [row["content"] for row in asked["messages"] if row["role"] == "tool"]
        total = sum(int(number) for text in told for number in re.findall(r"\d+", text))
        calls = (
            [("answer", {"sum": total})]
            if told
            else [("open", {"drawer": "left"}), ("open", {"drawer": "right"})]
        )
        made = [
            {
                "id": f"call-{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(given)},
            }
            for number, (name, given) in enumerate(calls)
        ]
        message = {"role": "assistant", "content": None, "tool_calls": made}
        body = json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""


def main() -> None:
    """Let the model play ten tasks, and show one."""
    server = HTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    agent = f"openai:http://127.0.0.1:{server.server_port}/v1#stand-in"
    prompt = PromptConfig(tools="native", explain="user")
    played = turnwise.rollout(Drawers, agent, seeds=range(10), prompt=prompt).trajectories
    server.shutdown()
    server.server_close()
    for turn in played[0].turns:
        print("message", turn.index, *(f"\n  {step.action}" for step in turn.apart()))
    print(f"{sum(bool(one.success) for one in played)} of {len(played)} tasks are solved")


if __name__ == "__main__":
    main()
