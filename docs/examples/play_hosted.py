"""Play a hosted benchmark with nothing but the standard library.

TURNWISE_KEY=KEY python play_hosted.py http://127.0.0.1:8000 four-worlds
"""

import json
import os
import sys
import urllib.request
import uuid

if len(sys.argv) != 3 or not os.environ.get("TURNWISE_KEY"):
    sys.exit(__doc__)
ADDRESS, BENCHMARK = sys.argv[1:]
HEADERS = {"authorization": f"Bearer {os.environ['TURNWISE_KEY']}", "content-type": "application/json"}


def ask(path: str, body: dict | None = None) -> dict:
    """Make a call; sent again with the same body it gives the same answer, and nothing is played twice."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(ADDRESS + path, data, HEADERS)) as answer:
            return json.load(answer)
    except OSError as error:  # a refusal says why in its body
        sys.exit(f"{ADDRESS + path}: {error} {error.read().decode() if hasattr(error, 'read') else ''}")


def act(observation: str, info: dict) -> str:
    """Choose an action: here goes your agent."""
    return (info.get("admissible") or ["look"])[0]


opening = {"agent": "first action", "config": {}, "request_id": uuid.uuid4().hex}  # keep it to go on later
run = ask(f"/v1/benchmarks/{BENCHMARK}/runs", opening)["run"]
task = 0
while "session" in (answer := ask(f"/v1/runs/{run}/next", {"task": task})):
    reply = answer["session"]
    while reply["end"] is None:
        step = {"episode": reply["episode"], "turn": reply["turn"]}
        action = act(reply["observation"], reply["info"])
        reply = ask(f"/v1/sessions/{reply['id']}/step", {**step, "action": action})
    task += 1
print(json.dumps(ask(f"/v1/runs/{run}/record"), indent=2))
