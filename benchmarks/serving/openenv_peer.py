"""The trivial environment behind OpenEnv's own server; run by a Python that has openenv-core.

It counts its steps and answers with 64 bytes, as the environment of the other
servers does. `--kind sync` is the way its documentation shows, a thread a session;
`--kind async` steps on the event loop. `--wait-s` makes a step wait.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import time
from typing import Any

import uvicorn
from openenv.core.env_server import Action, Environment, Observation, State, create_fastapi_app


class Text(Action):
    text: str


class Seen(Observation):
    text: str = ""


class Sync(Environment):
    """An environment stepped in a thread."""

    SUPPORTS_CONCURRENT_SESSIONS = True
    wait_s = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.turns = 0

    def reset(self, seed: int | None = None, episode_id: str | None = None, **more: Any) -> Seen:
        self.turns = 0
        return Seen(text="x" * 64, done=False, reward=0.0)

    def step(self, action: Text, timeout_s: float | None = None, **more: Any) -> Seen:
        if self.wait_s:
            time.sleep(self.wait_s)
        return self.seen()

    def seen(self) -> Seen:
        self.turns += 1
        return Seen(text=f"{self.turns:064d}", done=False, reward=0.0)

    @property
    def state(self) -> State:
        return State(step_count=self.turns)


class Async(Sync):
    """An environment stepped on the event loop."""

    async def reset_async(self, seed: int | None = None, episode_id: str | None = None, **more: Any) -> Seen:
        return self.reset()

    async def step_async(self, action: Text, timeout_s: float | None = None, **more: Any) -> Seen:
        if self.wait_s:
            await asyncio.sleep(self.wait_s)
        return self.seen()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kind", choices=["sync", "async"], default="sync")
    parser.add_argument("--wait-s", type=float, default=0.0)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # it logs a traceback for every client that leaves
    Sync.wait_s = options.wait_s
    env = Async if options.kind == "async" else Sync
    app = create_fastapi_app(env, Text, Seen, max_concurrent_envs=4096)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(4096)  # before the port is told: whoever comes then waits and is not refused
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(app, loop="uvloop", log_config=None, access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
