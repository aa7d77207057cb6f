"""The environment that every server of the benchmark steps, and the bare ASGI server.

The bare server does what must be done and nothing more: read the body, find the
session, step it, write the reply. It keeps no reply, checks nothing, and knows
no turn, no key, no limit.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import orjson
import uvicorn

from turnwise.envs.core import TextEnv


class Trivial(TextEnv):
    """An environment that answers with 64 bytes."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.turns = 0
        return "x" * 64, {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.turns += 1
        return f"{self.turns:064d}", 0.0, False, False, {}


class Patient(Trivial):
    """An environment that waits a second in every step."""

    async def step_async(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        await asyncio.sleep(1.0)
        return self.step(action)


SESSIONS = {str(number): Trivial() for number in range(64)}
for env in SESSIONS.values():
    env.reset(seed=0)


def step(id: str, action: str) -> dict[str, Any]:
    observation, reward, terminated, truncated, info = SESSIONS[id].step(action)
    return {
        "id": id,
        "observation": observation,
        "reward": reward,
        "terminated": terminated,
        "truncated": truncated,
        "info": info,
    }


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body = orjson.loads((await receive())["body"])
    if scope["path"] == "/batch":
        answer = orjson.dumps({"items": [step(str(item["id"]), item["action"]) for item in body["items"]]})
    else:
        if scope["path"].startswith("/wait/"):
            await asyncio.sleep(1.0)
        answer = orjson.dumps(step(scope["path"].rpartition("/")[2], body["action"]))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def main() -> None:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(4096)  # before the port is told: whoever comes then waits and is not refused
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, date_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
