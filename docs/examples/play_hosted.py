"""Play a hosted benchmark with nothing but the standard library.

python play_hosted.py http://127.0.0.1:8000 four-worlds     the key is read from TURNWISE_KEY
"""

import json
import os
import sys
import urllib.request

ADDRESS, BENCHMARK = sys.argv[1:3]
HEADERS = {"authorization": f"Bearer {os.environ['TURNWISE_KEY']}", "content-type": "application/json"}


def ask(path: str, body: dict | None = None) -> dict:
    """Make a call; repeating one is always safe."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(ADDRESS + path, data, HEADERS)) as answer:
        return json.load(answer)


def act(observation: str, info: dict) -> str:
    """Choose an action: here goes your agent."""
    return (info.get("admissible") or ["look"])[0]


run = ask(f"/v1/benchmarks/{BENCHMARK}/runs", {"agent": "first action", "config": {}})["run"]
task = 0
while "session" in (answer := ask(f"/v1/runs/{run}/next", {"task": task})):
    reply = answer["session"]
    while reply["end"] is None:
        step = {"episode": reply["episode"], "turn": reply["turn"]}
        action = act(reply["observation"], reply["info"])
        reply = ask(f"/v1/sessions/{reply['id']}/step", {**step, "action": action})
    task += 1
print(json.dumps(ask(f"/v1/runs/{run}/record"), indent=2))
