"""A harness with a task of its own: no environment of turnwise stands behind it, and it posts its rewards.

    pip install openai
    turnwise train mine.toml --set train.num_updates=2    # the recipe of docs/gateway.md

turnwise starts it once for each episode, with a seed that all members of a group share. It asks twice, and
rewards an answer the more, the shorter it is.
"""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

from openai import OpenAI

QUESTIONS = ("Name a room", "Name a thing in it")


def post(**given: Any) -> None:
    """Give a turn its reward, or the episode its last one."""
    url, head = f"{os.environ['TURNWISE_URL']}/reward", {"content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(given).encode(), head)
    urllib.request.urlopen(request, timeout=120).close()


def main() -> None:
    """Ask, and say how good each answer was; its state key says which turns may be compared."""
    client, talk, seed = OpenAI(), list[Any](), os.environ["TURNWISE_SEED"]
    for turn, question in enumerate(QUESTIONS):
        talk.append({"role": "user", "content": f"{question} ({seed})."})
        reply = client.chat.completions.create(model="turnwise", messages=talk)
        said = reply.choices[0].message.content or ""
        talk.append({"role": "assistant", "content": said})
        post(turn=turn, reward=1 / (1 + len(said.split())), state_key=f"{seed} {question}")
    post(final=True, reward=0.0)


if __name__ == "__main__":
    main()
