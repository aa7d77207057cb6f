"""A harness that knows only OpenAI's client: it plays one episode of an environment, and trains.

    pip install openai
    turnwise train tiny --set "harness.command=python docs/examples/chat_harness.py"

turnwise starts it once for each episode. Everything it says comes from the policy that trains, through
OPENAI_BASE_URL; what it does goes to the episode's session, which gives rewards and state keys.
"""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

from openai import OpenAI

URL, SESSION = os.environ["TURNWISE_URL"], os.environ["TURNWISE_SESSION"]


def step(turn: int, action: str) -> dict[str, Any]:
    """Take one step of the session."""
    body = {"episode": 0, "turn": turn, "action": action}
    head = {"content-type": "application/json"}
    request = urllib.request.Request(f"{URL}/v1/sessions/{SESSION}/step", json.dumps(body).encode(), head)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return dict(json.load(answer))


def main() -> None:
    """Play until the environment says that it is over."""
    client = OpenAI()
    task, seen = os.environ["TURNWISE_INSTRUCTION"], os.environ["TURNWISE_OBSERVATION"]
    # as turnwise itself begins, so that a policy that was warm-started there knows the words
    talk: list[Any] = [{"role": "user", "content": seen if task in seen else f"{task}\n{seen}"}]
    turn, done = 0, False
    while not done:
        reply = client.chat.completions.create(model="turnwise", messages=talk)
        said = reply.choices[0].message.content or ""
        result = step(turn, said)
        talk += [
            {"role": "assistant", "content": said},
            {"role": "user", "content": result["observation"]},
        ]
        turn, done = result["turn"], result["terminated"] or result["truncated"]


if __name__ == "__main__":
    main()
